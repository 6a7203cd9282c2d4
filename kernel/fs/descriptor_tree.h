// SPDX-License-Identifier: MIT
//
// DescriptorTree: the numbers of a descriptor table and the files behind them, as a persistent radix
// tree of 64-way nodes. A copy shares the whole tree by one reference; whoever changes a number
// first copies the nodes on its way (at most four), and only nodes of its own are ever written.
//
// A leaf holds a reference to each of its files, a node above to each of its children. A shared node
// holds them once for all who share it: copying a leaf takes one more reference for each file, and
// a file is released when the last leaf that holds it lets go, which is the last close.
//
// A number may be reserved: taken, with no file yet (ReservedFd). Filling it must not fail, so the
// way to a reserved number is never shared: a copy gets nodes of its own there, without the number.
//
// The owner's lock guards a tree. Changes fail with ENOMEM and then have changed nothing that can be
// seen. Nodes that a change has replaced go into a DroppedNodes, which lets go of them after the
// lock: the last reference to a file may sleep.
#pragma once

#include <bit>

#include "fs/file.h"
#include "mm/heap.h"

namespace tine::fs {

struct DescriptorNode : RefCounted<DescriptorNode> {
  static constexpr const char* kCacheName = "descriptor_node";
  static constexpr uint32_t kShift = 6;
  static constexpr uint32_t kSlots = 1u << kShift;

  explicit DescriptorNode(uint8_t node_height) : height(node_height) {}
  ~DescriptorNode();

  uint32_t valid_files = 0;     // leaf: slots below have been written; above: 0
  uint8_t height;               // 0: leaf
  uint32_t reserved = 0;        // numbers below that are reserved
  uint64_t taken = 0;           // leaf: number in use or reserved; above: child has none free
  uint64_t present = 0;         // leaf: slot has a file; above: child exists
  uint64_t close_on_exec = 0;   // leaf: exec closes it; above: child may have such a number
  union {
    File* files[kSlots];
    DescriptorNode* children[kSlots];
  };
};

class DroppedNodes {
 public:
  DroppedNodes() = default;
  DroppedNodes(const DroppedNodes&) = delete;
  DroppedNodes& operator=(const DroppedNodes&) = delete;
  ~DroppedNodes() {
    for (uint32_t i = 0; i < count_; ++i) delete nodes_[i];
  }
  void drop(const DescriptorNode& node) {
    if (node.ref_drop_is_last()) nodes_[count_++] = &node;
  }

 private:
  const DescriptorNode* nodes_[4];
  uint32_t count_ = 0;
};

class DescriptorTree {
 public:
  static constexpr uint32_t kMaxSlots = 1u << 20;  // fs.nr_open
  static constexpr uint32_t kNone = ~0u;

  DescriptorTree() = default;
  DescriptorTree(DescriptorTree&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  DescriptorTree& operator=(DescriptorTree other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~DescriptorTree() {
    if (root_ != nullptr) root_->ref_put();
  }

  static Result<DescriptorTree> make();
  // Shares all but the ways to reserved numbers. ENOMEM only if there are some.
  Result<DescriptorTree> copy() const;

  File* find(uint32_t fd) const {
    if (fd < root_->valid_files) [[likely]] return root_->files[fd];
    return find_above(fd);
  }
  bool is_taken(uint32_t fd) const;
  bool closes_on_exec(uint32_t fd) const;
  bool may_close_on_exec() const { return root_->close_on_exec != 0; }
  // Lowest free number from `lowest` on; it may be beyond kMaxSlots.
  uint32_t find_free(uint32_t lowest) const;
  // First number with a file from `from` on, of those that exec closes if `only_close_on_exec`.
  uint32_t find_next(uint32_t from, bool only_close_on_exec) const;

  // Each makes the way to `fd` this tree's own first.
  Result<void> own(uint32_t fd, DroppedNodes& dropped);
  Result<void> reserve(uint32_t fd, bool close_on_exec, DroppedNodes& dropped);
  // Puts a file at a number that is free or has one; gives what was there (null: nothing). `file`
  // is taken only on success.
  Result<File*> put(uint32_t fd, Ref<File>& file, bool close_on_exec, DroppedNodes& dropped);
  Result<Ref<File>> take(uint32_t fd, DroppedNodes& dropped);        // one that has a file
  Result<void> set_close_on_exec(uint32_t fd, bool on, DroppedNodes& dropped);
  // Of a reserved number: cannot fail.
  void fill(uint32_t fd, Ref<File> file);
  void unreserve(uint32_t fd);

 private:
  static constexpr uint32_t kMaxHeight = 3;
  struct Way {
    DescriptorNode* nodes[kMaxHeight + 1];  // by height
    uint32_t height;
    DescriptorNode& leaf() const { return *nodes[0]; }
  };
  static uint32_t slot_of(uint32_t fd, uint32_t height) {
    return (fd >> (DescriptorNode::kShift * height)) & (DescriptorNode::kSlots - 1);
  }
  bool covers(uint32_t fd) const {
    return fd >> DescriptorNode::kShift >> (DescriptorNode::kShift * root_->height) == 0;
  }
  File* find_above(uint32_t fd) const;
  const DescriptorNode* leaf_of(uint32_t fd) const;
  Result<void> grow();
  Result<Way> own_way(uint32_t fd, DroppedNodes& dropped);
  Way way_to_reserved(uint32_t fd) const;
  static void summarize(const Way& way, uint32_t fd);

  DescriptorNode* root_ = nullptr;  // null only before make() and after a move
};

}  // namespace tine::fs
