// SPDX-License-Identifier: MIT
//
// The persistent radix tree of descriptors: see descriptor_tree.h for who owns what.
//
// A node is written only while its count is 1 and so is that of every node above it: then no other
// tree reaches it. The count may fall to 1 while we look (another tree lets go), never rise: only
// copy() of this tree raises it, under the same lock. The acquire in is_only_reference() orders our
// writes behind the last reads of those who let go, and shows whether they have frozen it.
#include "fs/descriptor_tree.h"

namespace tine::fs {

namespace {

constexpr uint32_t kShift = DescriptorNode::kShift;
constexpr uint64_t kAll = ~uint64_t{0};

uint64_t bit(uint32_t slot) { return uint64_t{1} << slot; }
void assign(uint64_t& bitmap, uint64_t mask, bool on) {
  bitmap = on ? bitmap | mask : bitmap & ~mask;
}

// Slots of a leaf up to and including `slot` become valid.
void extend(DescriptorNode& leaf, uint32_t slot) {
  uint32_t valid = leaf.valid_files.load(std::memory_order_relaxed);
  if (valid > slot) return;
  while (valid <= slot) set_link(leaf.files[valid++], nullptr);
  leaf.valid_files.store(valid, std::memory_order_release);
}

Result<Owned<DescriptorNode>> make_node(uint32_t height) {
  return tine::make<DescriptorNode>(static_cast<uint8_t>(height));
}

template <class Visitor>
void for_each_bit(uint64_t bits, Visitor&& visit) {
  for (; bits != 0; bits &= bits - 1) visit(static_cast<uint32_t>(std::countr_zero(bits)));
}

bool is_own(const DescriptorNode& node) { return node.is_only_reference() && !node.is_frozen(); }

// A leaf with the same files, which get one reference more; without reserved numbers.
Result<DescriptorNode*> copy_leaf(const DescriptorNode& leaf) {
  Owned<DescriptorNode> copy = TRY(make_node(0));
  const uint64_t present = leaf.present;
  for_each_bit(present, [&](uint32_t slot) {
    File* file = leaf.file(slot);
    file->ref_get();
    extend(*copy, slot);
    set_link(copy->files[slot], file);
  });
  copy->taken = present;
  copy->set_present(present);
  copy->close_on_exec = leaf.close_on_exec & present;
  return copy.leak();
}

// A node with the same children, shared.
Result<DescriptorNode*> copy_inner(const DescriptorNode& node) {
  Owned<DescriptorNode> copy = TRY(make_node(node.height));
  for_each_bit(node.present, [&](uint32_t slot) {
    DescriptorNode* child = node.child(slot);
    child->ref_get();
    set_link(copy->children[slot], child);
  });
  copy->taken = node.taken;
  copy->set_present(node.present);
  copy->close_on_exec = node.close_on_exec;
  return copy.leak();
}

// What a copy of the tree gets for `node`: the node itself unless there are reserved numbers below.
Result<DescriptorNode*> share_or_copy(DescriptorNode& node) {
  if (node.reserved == 0) {
    node.ref_get();
    return &node;
  }
  if (node.height == 0) return copy_leaf(node);
  Owned<DescriptorNode> copy = TRY(make_node(node.height));
  copy->close_on_exec = node.close_on_exec;
  for (uint64_t bits = node.present; bits != 0; bits &= bits - 1) {
    const auto slot = static_cast<uint32_t>(std::countr_zero(bits));
    DescriptorNode* child = TRY(share_or_copy(*node.child(slot)));
    set_link(copy->children[slot], child);
    copy->set_present(copy->present | bit(slot));
    assign(copy->taken, bit(slot), child->taken == kAll);
  }
  return copy.leak();
}

uint32_t find_free_below(const DescriptorNode& node, uint32_t base, uint32_t lowest) {
  const uint32_t shift = kShift * node.height;
  const uint32_t first = lowest > base ? (lowest - base) >> shift : 0;
  for (uint64_t bits = ~node.taken & (kAll << first); bits != 0; bits &= bits - 1) {
    const auto slot = static_cast<uint32_t>(std::countr_zero(bits));
    const uint32_t start = base + (slot << shift);
    if (node.height == 0 || !node.has(slot)) return start > lowest ? start : lowest;
    const uint32_t found = find_free_below(*node.child(slot), start, lowest);
    if (found != DescriptorTree::kNone) return found;
  }
  return DescriptorTree::kNone;
}

uint32_t find_next_below(const DescriptorNode& node, uint32_t base, uint32_t from, bool exec_only) {
  const uint32_t shift = kShift * node.height;
  const uint32_t first = from > base ? (from - base) >> shift : 0;
  const uint64_t present = node.present;
  const uint64_t wanted = exec_only ? present & node.close_on_exec : present;
  for (uint64_t bits = wanted & (kAll << first); bits != 0; bits &= bits - 1) {
    const auto slot = static_cast<uint32_t>(std::countr_zero(bits));
    const uint32_t start = base + (slot << shift);
    if (node.height == 0) return start;
    const uint32_t found = find_next_below(*node.child(slot), start, from, exec_only);
    if (found != DescriptorTree::kNone) return found;
  }
  return DescriptorTree::kNone;
}

}  // namespace

DescriptorNode::~DescriptorNode() {
  if (height == 0) {
    for_each_bit(present, [this](uint32_t slot) { files[slot]->ref_put(); });
  } else {
    for_each_bit(present, [this](uint32_t slot) { children[slot]->ref_put(); });
  }
}

void DescriptorNode::last_ref_dropped() {
  if (is_frozen()) return destroy_and_reclaim_later(*this);
  delete this;
}

Result<DescriptorTree> DescriptorTree::make() {
  DescriptorTree tree;
  tree.root_ = TRY(make_node(0)).leak();
  return tree;
}

Result<DescriptorTree> DescriptorTree::copy() const {
  DescriptorTree tree;
  tree.root_ = TRY(share_or_copy(*root()));
  return tree;
}

const DescriptorNode* DescriptorTree::leaf_of(const DescriptorNode& top, uint32_t fd) {
  if (!covers(top, fd)) return nullptr;
  const DescriptorNode* node = &top;
  for (uint32_t height = node->height; height != 0; --height) {
    const uint32_t slot = slot_of(fd, height);
    if (!node->has(slot)) return nullptr;
    node = node->child(slot);
  }
  return node;
}

File* DescriptorTree::find_above(const DescriptorNode& top, uint32_t fd) {
  const DescriptorNode* leaf = leaf_of(top, fd);
  const uint32_t slot = slot_of(fd, 0);
  if (leaf == nullptr || slot >= leaf->valid_files.load(std::memory_order_acquire)) return nullptr;
  return leaf->file(slot);
}

bool DescriptorTree::is_taken(uint32_t fd) const {
  const DescriptorNode* leaf = leaf_of(*root(), fd);
  return leaf != nullptr && (leaf->taken & bit(slot_of(fd, 0)));
}

bool DescriptorTree::closes_on_exec(uint32_t fd) const {
  const DescriptorNode* leaf = leaf_of(*root(), fd);
  return leaf != nullptr && (leaf->close_on_exec & bit(slot_of(fd, 0)));
}

uint32_t DescriptorTree::find_free(uint32_t lowest) const {
  const DescriptorNode& top = *root();
  if (!covers(top, lowest)) return lowest;
  const uint32_t found = find_free_below(top, 0, lowest);
  return found != kNone ? found : 1u << (kShift * (top.height + 1u));
}

uint32_t DescriptorTree::find_next(uint32_t from, bool only_close_on_exec) const {
  const DescriptorNode& top = *root();
  return covers(top, from) ? find_next_below(top, 0, from, only_close_on_exec) : kNone;
}

// One level more on top: the old root becomes the first child.
Result<void> DescriptorTree::grow() {
  DescriptorNode* const old = root();
  Owned<DescriptorNode> top = TRY(make_node(old->height + 1u));
  set_link(top->children[0], old);
  top->set_present(1);
  top->taken = old->taken == kAll ? 1 : 0;
  top->close_on_exec = old->close_on_exec != 0 ? 1 : 0;
  top->reserved = old->reserved;
  set_link(root_, top.leak());
  return {};
}

// The nodes down to the leaf of `fd`, made where there are none and copied where they are shared.
Result<DescriptorTree::Way> DescriptorTree::own_way(uint32_t fd, DroppedNodes& dropped) {
  while (!covers(*root(), fd)) TRY(grow());
  Way way;
  way.height = root()->height;
  DescriptorNode** link = &root_;
  for (uint32_t height = way.height;; --height) {
    DescriptorNode* node = load_link(*link);
    if (!is_own(*node)) {
      DescriptorNode* const shared = node;
      node = TRY(height == 0 ? copy_leaf(*shared) : copy_inner(*shared));
      set_link(*link, node);
      dropped.drop(*shared);
    }
    way.nodes[height] = node;
    if (height == 0) return way;
    const uint32_t slot = slot_of(fd, height);
    link = &node->children[slot];
    if (!node->has(slot)) {
      set_link(*link, TRY(make_node(height - 1)).leak());
      node->set_present(node->present | bit(slot));
    }
  }
}

DescriptorTree::Way DescriptorTree::way_to_reserved(uint32_t fd) const {
  Way way;
  DescriptorNode* node = root();
  way.height = node->height;
  for (uint32_t height = way.height; height != 0; --height) {
    way.nodes[height] = node;
    node = node->child(slot_of(fd, height));
  }
  way.nodes[0] = node;
  return way;
}

// Brings the bitmaps of the nodes above a changed leaf up to date.
void DescriptorTree::summarize(const Way& way, uint32_t fd) {
  for (uint32_t height = 1; height <= way.height; ++height) {
    const DescriptorNode& child = *way.nodes[height - 1];
    DescriptorNode& node = *way.nodes[height];
    const uint64_t mask = bit(slot_of(fd, height));
    assign(node.taken, mask, child.taken == kAll);
    assign(node.close_on_exec, mask, child.close_on_exec != 0);
  }
}

Result<void> DescriptorTree::own(uint32_t fd, DroppedNodes& dropped) {
  TRY(own_way(fd, dropped));
  return {};
}

Result<void> DescriptorTree::reserve(uint32_t fd, bool close_on_exec, DroppedNodes& dropped) {
  const Way way = TRY(own_way(fd, dropped));
  DescriptorNode& leaf = way.leaf();
  const uint32_t slot = slot_of(fd, 0);
  extend(leaf, slot);
  leaf.taken |= bit(slot);
  assign(leaf.close_on_exec, bit(slot), close_on_exec);
  summarize(way, fd);
  for (uint32_t height = 0; height <= way.height; ++height) ++way.nodes[height]->reserved;
  return {};
}

void DescriptorTree::fill(uint32_t fd, Ref<File> file) {
  const Way way = way_to_reserved(fd);
  const uint32_t slot = slot_of(fd, 0);
  set_link(way.leaf().files[slot], file.leak());
  way.leaf().set_present(way.leaf().present | bit(slot));
  for (uint32_t height = 0; height <= way.height; ++height) --way.nodes[height]->reserved;
}

void DescriptorTree::unreserve(uint32_t fd) {
  const Way way = way_to_reserved(fd);
  const uint64_t mask = bit(slot_of(fd, 0));
  way.leaf().taken &= ~mask;
  way.leaf().close_on_exec &= ~mask;
  summarize(way, fd);
  for (uint32_t height = 0; height <= way.height; ++height) --way.nodes[height]->reserved;
}

Result<File*> DescriptorTree::put(uint32_t fd, Ref<File>& file, bool close_on_exec,
                                  DroppedNodes& dropped) {
  const Way way = TRY(own_way(fd, dropped));
  DescriptorNode& leaf = way.leaf();
  const uint32_t slot = slot_of(fd, 0);
  extend(leaf, slot);
  File* old = leaf.file(slot);
  set_link(leaf.files[slot], file.leak());
  leaf.taken |= bit(slot);
  leaf.set_present(leaf.present | bit(slot));
  assign(leaf.close_on_exec, bit(slot), close_on_exec);
  summarize(way, fd);
  if (old != nullptr) dropped.release(*old);
  return old;
}

Result<Ref<File>> DescriptorTree::take(uint32_t fd, DroppedNodes& dropped) {
  const Way way = TRY(own_way(fd, dropped));
  DescriptorNode& leaf = way.leaf();
  const uint32_t slot = slot_of(fd, 0);
  File* file = leaf.file(slot);
  set_link(leaf.files[slot], nullptr);
  leaf.taken &= ~bit(slot);
  leaf.set_present(leaf.present & ~bit(slot));
  leaf.close_on_exec &= ~bit(slot);
  summarize(way, fd);
  dropped.release(*file);
  return Ref<File>::adopt(file);
}

Result<void> DescriptorTree::set_close_on_exec(uint32_t fd, bool on, DroppedNodes& dropped) {
  if (closes_on_exec(fd) == on) return {};
  const Way way = TRY(own_way(fd, dropped));
  assign(way.leaf().close_on_exec, bit(slot_of(fd, 0)), on);
  summarize(way, fd);
  return {};
}

}  // namespace tine::fs
