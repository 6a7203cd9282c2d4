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
//
// find() needs no lock if the reader has a LookupGuard and those who change the tree meanwhile say
// so (Readers::others). Then they mark whatever leaves the tree before its reference is dropped, and
// of a marked file or node the memory stays when it ends, until no lookup can see it. That is enough:
// all that a lookup can come to was held by the tree when the lookup began. And no tree writes a
// marked node any more: who still looks into it must not see the files of another process.
#pragma once

#include <atomic>
#include <bit>

#include "fs/file.h"
#include "mm/heap.h"
#include "sync/link.h"
#include "sync/reclaim.h"

namespace tine::fs {

struct DescriptorNode : RefCounted<DescriptorNode>, Reclaimable {
  static constexpr const char* kCacheName = "descriptor_node";
  static constexpr uint32_t kShift = 6;
  static constexpr uint32_t kSlots = 1u << kShift;

  explicit DescriptorNode(uint8_t node_height) : height(node_height) {}
  ~DescriptorNode();
  void last_ref_dropped();

  File* file(uint32_t slot) const { return load_link(files[slot]); }
  DescriptorNode* child(uint32_t slot) const { return load_link(children[slot]); }
  bool has(uint32_t slot) const {
    return (present.load(std::memory_order_acquire) >> slot & 1) != 0;
  }
  void set_present(uint64_t bits) { present.store(bits, std::memory_order_release); }
  // Whoever finds it so leaves it as it is.
  bool is_frozen() const { return is_looked_at.load(std::memory_order_relaxed); }
  void freeze() const { is_looked_at.store(true, std::memory_order_relaxed); }

  std::atomic<uint32_t> valid_files{0};  // leaf: slots below have been written; above: 0
  const uint8_t height;                  // 0: leaf
  mutable std::atomic<bool> is_looked_at{false};
  uint32_t reserved = 0;                 // numbers below that are reserved
  uint64_t taken = 0;                    // leaf: number in use or reserved; above: child has none free
  std::atomic<uint64_t> present{0};      // leaf: slot has a file; above: child exists
  uint64_t close_on_exec = 0;            // leaf: exec closes it; above: child may have such a number
  union {
    File* files[kSlots];                 // load_link(), set_link()
    DescriptorNode* children[kSlots];
  };
};

// Who may be looking the tree up, without the lock, while its owner changes it.
enum class Readers : bool { none, others };

class DroppedNodes {
 public:
  explicit DroppedNodes(Readers readers = Readers::none) : readers_(readers) {}
  DroppedNodes(const DroppedNodes&) = delete;
  DroppedNodes& operator=(const DroppedNodes&) = delete;
  ~DroppedNodes() {
    for (uint32_t i = 0; i < count_; ++i) nodes_[i]->last_ref_dropped();
  }
  void drop(DescriptorNode& node) {
    if (readers_ == Readers::others) node.freeze();
    if (node.ref_drop_is_last()) nodes_[count_++] = &node;
  }
  // A file that the tree has had; its reference passes to the caller.
  void release(const File& file) const {
    if (readers_ == Readers::others) file.keep_memory_for_lookups();
  }

 private:
  DescriptorNode* nodes_[4];
  uint32_t count_ = 0;
  const Readers readers_;
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

  // Under the lock, or a LookupGuard (see above): then the file may be dying, and is there no longer.
  File* find(uint32_t fd) const {
    const DescriptorNode& top = *root();
    if (fd < top.valid_files.load(std::memory_order_acquire)) [[likely]] return top.file(fd);
    return find_above(top, fd);
  }
  bool is_taken(uint32_t fd) const;
  bool closes_on_exec(uint32_t fd) const;
  bool may_close_on_exec() const { return root()->close_on_exec != 0; }
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
  static bool covers(const DescriptorNode& top, uint32_t fd) {
    return fd >> DescriptorNode::kShift >> (DescriptorNode::kShift * top.height) == 0;
  }
  DescriptorNode* root() const { return load_link(root_); }
  static File* find_above(const DescriptorNode& top, uint32_t fd);
  static const DescriptorNode* leaf_of(const DescriptorNode& top, uint32_t fd);
  Result<void> grow();
  Result<Way> own_way(uint32_t fd, DroppedNodes& dropped);
  Way way_to_reserved(uint32_t fd) const;
  static void summarize(const Way& way, uint32_t fd);

  // A link, but for those who make, move or destroy the tree and so have it for themselves.
  DescriptorNode* root_ = nullptr;  // null only before make() and after a move
};

}  // namespace tine::fs
