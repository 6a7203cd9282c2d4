// SPDX-License-Identifier: MIT
//
// Changing the index of mappings: paths are copied where they are shared, full nodes split, thin
// ones join. See mapping_index.h.
//
// A change first gets all the memory it needs (its own path, nodes for the splits) and then cannot
// fail. It takes the index's lock for what a truncation must not see half-way. References that a
// change lets go of under that lock are never the last ones to a mapping: those go to the caller.
#include "core/panic.h"
#include "mm/heap.h"
#include "mm/mapping_index.h"

namespace tine::mm {

// Nodes for those that an insertion will split, the lowest first.
class MappingIndex::Spares {
 public:
  Spares() = default;
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;
  ~Spares() {
    while (taken_ < count_) nodes_[taken_++]->ref_put();
  }

  Result<void> prepare(const Path& path, unsigned levels) {
    for (unsigned level = 1; level <= levels; ++level) {
      if (!path.nodes[level]->is_full()) return {};
      TRY(add(level));
    }
    return add(levels + 1);
  }
  MappingNode& take() { return *nodes_[taken_++]; }

 private:
  Result<void> add(unsigned level) {
    if (level > MappingNode::kMaxLevels) return Errno::nomem;
    nodes_[count_] = TRY(make_ref<MappingNode>(static_cast<uint8_t>(level))).leak();
    ++count_;
    return {};
  }

  MappingNode* nodes_[MappingNode::kMaxLevels + 1];
  unsigned count_ = 0, taken_ = 0;
};

Result<void> MappingIndex::init() {
  root_ = TRY(make_ref<MappingNode>(uint8_t{1})).leak();
  return {};
}

void MappingIndex::share_with(MappingIndex& child) const {
  root_->ref_get();
  child.root_ = root_;
}

void MappingIndex::clear() {
  MappingNode* root;
  {
    SpinGuard guard(lock_);
    root = std::exchange(root_, nullptr);
  }
  if (root != nullptr) root->ref_put();
}

Result<void> MappingIndex::own_path(UserAddr address, Path& path) {
  MappingNode* above = nullptr;
  for (MappingNode* node = root_;; node = &node->child(path.at[node->level])) {
    if (!node->is_only_reference()) {
      MappingNode* copy = node->copy();
      if (copy == nullptr) return Errno::nomem;
      {
        SpinGuard guard(lock_);
        if (above != nullptr) {
          above->entries[path.at[above->level]] = copy;
        } else {
          root_ = copy;
        }
      }
      node->ref_put();
      node = copy;
    }
    path.nodes[node->level] = node;
    path.at[node->level] = static_cast<uint8_t>(node->index_of(address));
    if (node->level == 1) return {};
    above = node;
  }
}

void MappingIndex::own_path_again(UserAddr address, Path& path) const {
  for (MappingNode* node = root_;; node = &node->child(path.at[node->level])) {
    TINE_DEBUG_ASSERT(node->is_only_reference());
    path.nodes[node->level] = node;
    path.at[node->level] = static_cast<uint8_t>(node->index_of(address));
    if (node->level == 1) return;
  }
}

Result<void> MappingIndex::own(UserAddr start, UserAddr end) {
  for (UserAddr at = start;;) {
    Path path;
    TRY(own_path(at, path));
    unsigned level = 2;  // the first one at which another node follows
    while (level <= root_->level && path.at[level] + 1u >= path.nodes[level]->used) ++level;
    if (level > root_->level) return {};
    at = path.nodes[level]->starts[path.at[level] + 1];
    if (at >= end) return {};
  }
}

void MappingIndex::note_gaps(Path& path) const {
  for (unsigned level = 1; level < root_->level; ++level) {
    path.gaps[level] = path.nodes[level]->gap_at(path.at[level]);
  }
}

// What the nodes on the path say, after an entry of the leaf has changed, and with it the holes
// beside it: the largest one was path.gaps[1] and is now `leaf_gap`.
void MappingIndex::renew(const Path& path, uint64_t leaf_gap) {
  uint64_t gap = leaf_gap;
  for (unsigned level = 1; level < root_->level; ++level) {
    MappingNode& node = *path.nodes[level];
    if (!node.note_change(path.gaps[level], gap)) return;
    MappingNode& above = *path.nodes[level + 1];
    unsigned at = path.at[level + 1];
    above.starts[at] = node.start;
    gap = above.gap_at(at);
  }
}

void MappingIndex::renew_all(const Path& path, unsigned from_level) {
  for (unsigned level = from_level; level < root_->level; ++level) {
    path.nodes[level]->rescan();
    path.nodes[level + 1]->starts[path.at[level + 1]] = path.nodes[level]->start;
  }
  root_->rescan_marks();
}

void MappingIndex::renew_marks(const Path& path) {
  for (unsigned level = 1; level <= root_->level; ++level) path.nodes[level]->rescan_marks();
}

void MappingIndex::insert_on(Path& path, Vma& vma, Spares& spares) {
  MappingNode& leaf = path.leaf();
  unsigned at = path.at[1];
  if (leaf.used != 0 && leaf.starts[at] <= vma.start) ++at;
  if (leaf.is_full()) return insert_with_splits(path, at, vma, spares);
  note_gaps(path);
  path.gaps[1] = leaf.hole_below(at);
  leaf.insert(at, vma);
  renew(path, leaf.gap_at(at));
  if (vma.flags & kForkMarks) renew_marks(path);
}

void MappingIndex::insert_with_splits(Path& path, unsigned at, Vma& vma, Spares& spares) {
  MappingEntry* entering = &vma;
  unsigned level = 1;
  for (; path.nodes[level]->is_full(); ++level) {
    MappingNode& node = *path.nodes[level];
    MappingNode& upper = spares.take();
    node.split_and_insert(at, *entering, upper);
    if (&node == root_) {
      root_ = &spares.take();
      root_->insert(0, node);
      root_->insert(1, upper);
      return root_->rescan_marks();
    }
    path.nodes[level + 1]->starts[path.at[level + 1]] = node.start;
    entering = &upper;
    at = path.at[level + 1] + 1u;
  }
  path.nodes[level]->insert(at, *entering);
  renew_all(path, level);
}

Result<void> MappingIndex::insert(Ref<Vma>& vma) {
  if (root_->level == 1 && !root_->is_full() && root_->is_only_reference()) [[likely]] {
    // The root keeps no bounds and no hole, and with 16 mappings nothing is above or below it.
    SpinGuard guard(lock_);
    root_->flags |= vma->flags & kForkMarks;
    unsigned at = root_->index_of(vma->start);
    if (root_->used != 0 && root_->starts[at] <= vma->start) ++at;
    root_->insert(at, *vma.leak());
    return {};
  }
  Path path;
  Spares spares;
  TRY(own_path(vma->start, path));
  TRY(spares.prepare(path, root_->level));
  SpinGuard guard(lock_);
  insert_on(path, *vma.leak(), spares);
  return {};
}

Result<void> MappingIndex::split(Vma& vma, Ref<Vma>& upper) {
  Path path;
  Spares spares;
  own_path_again(vma.start, path);
  TRY(spares.prepare(path, root_->level));
  SpinGuard guard(lock_);
  resize_on(path, vma, vma.start, upper->start);
  insert_on(path, *upper.leak(), spares);
  return {};
}

MappingEntry& MappingIndex::erase_on(Path& path) {
  MappingNode& leaf = path.leaf();
  unsigned at = path.at[1];
  note_gaps(path);
  MappingEntry& gone = leaf.remove(at);
  if (&leaf != root_ && leaf.used <= MappingNode::kFew) {
    thin_out(path);
  } else {
    renew(path, leaf.hole_below(at));
    if (gone.flags & kForkMarks) renew_marks(path);
  }
  return gone;
}

// Nodes on the path that have become empty go, those with few entries join a neighbour. A root
// above leaves always has two entries at least.
void MappingIndex::thin_out(Path& path) {
  for (unsigned level = 1; level < root_->level; ++level) {
    MappingNode& node = *path.nodes[level];
    MappingNode& above = *path.nodes[level + 1];
    unsigned at = path.at[level + 1];
    if (node.used == 0) {
      above.remove(at).ref_put();
      continue;
    }
    node.rescan();
    above.starts[at] = node.start;
    if (node.used <= MappingNode::kFew) above.join_child(at);
  }
  root_->rescan_marks();
  while (root_->level > 1 && root_->used == 1) {
    MappingNode* old_root = root_;
    root_ = &old_root->child(0);
    root_->ref_get();
    old_root->ref_put();
  }
}

Ref<Vma> MappingIndex::erase(const Vma& vma) {
  Path path;
  own_path_again(vma.start, path);
  SpinGuard guard(lock_);
  return Ref<Vma>::adopt(static_cast<Vma*>(&erase_on(path)));
}

Ref<Vma> MappingIndex::absorb(Vma& vma, const Vma& neighbour) {
  UserAddr start = std::min(vma.start, neighbour.start);
  UserAddr end = std::max(vma.end, neighbour.end);
  Path path;
  SpinGuard guard(lock_);
  own_path_again(neighbour.start, path);
  Vma& gone = static_cast<Vma&>(erase_on(path));
  own_path_again(vma.start, path);
  resize_on(path, vma, start, end);
  return Ref<Vma>::adopt(&gone);
}

Ref<Vma> MappingIndex::replace(const Vma& vma, Ref<Vma> other) {
  Path path;
  own_path_again(vma.start, path);
  MappingEntry*& entry = path.leaf().entries[path.at[1]];
  SpinGuard guard(lock_);
  return Ref<Vma>::adopt(static_cast<Vma*>(std::exchange(entry, other.leak())));
}

void MappingIndex::resize_on(Path& path, Vma& vma, UserAddr start, UserAddr end) {
  TINE_DEBUG_ASSERT(vma.is_only_reference());
  MappingNode& leaf = path.leaf();
  unsigned at = path.at[1];
  note_gaps(path);
  if (vma.object) {
    vma.object_page += (start.value >> kPageShift) - (vma.start.value >> kPageShift);
  }
  vma.start = start;
  vma.end = end;
  leaf.starts[at] = start;
  renew(path, leaf.gap_at(at));
}

void MappingIndex::resize(Vma& vma, UserAddr start, UserAddr end) {
  Path path;
  own_path_again(vma.start, path);
  SpinGuard guard(lock_);
  resize_on(path, vma, start, end);
}

void MappingIndex::set_flags(Vma& vma, uint32_t flags) {
  Path path;
  own_path_again(vma.start, path);
  SpinGuard guard(lock_);
  bool renew_them = (vma.flags ^ flags) & kForkMarks;
  vma.flags = flags;
  if (renew_them) renew_marks(path);
}

}  // namespace tine::mm
