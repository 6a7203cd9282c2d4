// SPDX-License-Identifier: MIT
//
// Pages in memory: the tree that finds them, faults on them, and the file operations of tmpfs.
//
// The tree has nodes of 64 slots and grows in height with the highest page; a file of one page has
// no node at all. pages_lock_ guards it; frames and nodes are made before the lock is taken, and
// frames are put after it is released where there are many. See shmem.h for ownership.
#include "mm/shmem.h"

#include <algorithm>
#include <cstring>

#include "mm/heap.h"
#include "mm/task_hooks.h"
#include "mm/unmap.h"
#include "mm/zeroed_frames.h"

namespace tine::mm {

struct ShmemNode : HeapAllocated {
  static constexpr const char* kCacheName = "shmem_node";
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1u << kBits;
  void* slots[kSlots] = {};  // nodes, or frames at the lowest level
  uint32_t used = 0;
};

namespace {

constexpr unsigned kMaxHeight = (64 - kPageShift + ShmemNode::kBits - 1) / ShmemNode::kBits;

bool fits(unsigned height, uint64_t index) {
  return height * ShmemNode::kBits >= 64 || index >> (height * ShmemNode::kBits) == 0;
}
unsigned slot_of(unsigned level, uint64_t index) {
  return static_cast<unsigned>(index >> (level * ShmemNode::kBits)) % ShmemNode::kSlots;
}

// Nodes made in advance, so that the tree can be grown without failing under the lock.
struct SpareNodes {
  Owned<ShmemNode> nodes[2 * kMaxHeight];
  unsigned count = 0;
  Result<void> fill(unsigned wanted) {
    while (count < wanted) {
      nodes[count] = TRY(make<ShmemNode>());
      ++count;
    }
    return {};
  }
  ShmemNode* take() { return count == 0 ? nullptr : nodes[--count].leak(); }
};

}  // namespace

// The removal of pages [next, end) from an object. It stops after a lowest node when somebody waits
// for the object's lock, to go on from `next` when it has it again.
struct ShmemRemoval {
  SpinLock& lock;
  uint64_t next;
  const uint64_t end;
  const bool only_unused;  // pages of zeros that nobody has but the object
  bool is_interrupted = false;
  uint64_t pages = 0;
  uint32_t frames = 0;  // numbers, chained through Frame::next; with the object's references

  bool spares(const Frame& frame) const {
    if (!only_unused) return false;
    const auto* words = frame_data<uint64_t>(frame);
    return frame.count.load(std::memory_order_relaxed) != 1 ||
           std::any_of(words, words + kPageSize / sizeof *words,
                       [](uint64_t word) { return word; });
  }

  void take(Frame& frame) {
    frame.object = nullptr;  // before any unmap_range(): see memory_object.h
    frame.next = frames;
    frame.previous = 0;
    frames = frame_number(frame);
    ++pages;
  }

  // From what is below `node`, which covers pages from `base` on. True: it is empty now.
  bool remove_below(ShmemNode& node, unsigned level, uint64_t base) {
    const uint64_t span = uint64_t{1} << (level * ShmemNode::kBits);
    for (unsigned i = 0; i < ShmemNode::kSlots && !is_interrupted; ++i) {
      const uint64_t low = base + i * span;
      if (node.slots[i] == nullptr || low >= end || low + span <= next) continue;
      if (level == 0) {
        auto& frame = *static_cast<Frame*>(node.slots[i]);
        if (spares(frame)) continue;
        take(frame);
      } else {
        auto* lower = static_cast<ShmemNode*>(node.slots[i]);
        if (!remove_below(*lower, level - 1, low)) continue;
        delete lower;
      }
      node.slots[i] = nullptr;
      --node.used;
    }
    if (level == 0) {
      next = std::max(next, base + ShmemNode::kSlots);
      is_interrupted = lock.is_wanted();
    }
    return node.used == 0;
  }
};

ShmemObject::~ShmemObject() { remove_pages(0, ~uint64_t{0}); }

// The first look at a page of the boot archive: it becomes this object's.
[[gnu::noinline]] void ShmemObject::adopt_boot_page_locked(Frame& frame, uint64_t index) {
  uint64_t size = size_.load(std::memory_order_relaxed);
  uint64_t used = std::min(size - std::min(size, index << kPageShift), kPageSize);
  memset(frame_data<char>(frame) + used, 0, kPageSize - used);
  change_kind(frame, FrameKind::cache);
  frame.object = this;
  frame.index = index;
}

inline Frame* ShmemObject::find_boot_page_locked(uint64_t index) {
  if (index >= boot_page_count_) return nullptr;
  Frame& frame = boot_pages_[index];
  if (frame.kind == FrameKind::reserved) [[unlikely]]
    adopt_boot_page_locked(frame, index);
  // Once removed it may be anybody's, even this object's at another index.
  bool is_ours = frame.kind == FrameKind::cache && frame.object == this && frame.index == index;
  return is_ours ? &frame : nullptr;
}

// The node with the slot of page `index`; null: there is none.
const ShmemNode* ShmemObject::lowest_node_locked(uint64_t index) const {
  if (height_ == 0 || !fits(height_, index)) return nullptr;
  const void* at = root_;
  for (unsigned level = height_; level-- > 1 && at != nullptr;) {
    at = static_cast<const ShmemNode*>(at)->slots[slot_of(level, index)];
  }
  return static_cast<const ShmemNode*>(at);
}

Frame* ShmemObject::find_locked(uint64_t index) {
  if (fits(height_, index)) {
    void* at = root_;
    for (unsigned level = height_; level-- > 0 && at != nullptr;) {
      at = static_cast<ShmemNode*>(at)->slots[slot_of(level, index)];
    }
    if (at != nullptr) return static_cast<Frame*>(at);
  }
  return boot_page_count_ != 0 ? find_boot_page_locked(index) : nullptr;
}

// Of a page that is not in the tree: where the empty slot above it ends.
uint64_t ShmemObject::end_of_gap_locked(uint64_t index) const {
  if (!fits(height_, index)) return ~uint64_t{0};
  const void* at = root_;
  unsigned level = height_;
  while (level > 0 && at != nullptr) {
    --level;
    at = static_cast<const ShmemNode*>(at)->slots[slot_of(level, index)];
  }
  return (index | ((uint64_t{1} << (level * ShmemNode::kBits)) - 1)) + 1;
}

uint64_t ShmemObject::find_page(uint64_t first, uint64_t end, bool hole) {
  SpinGuard guard(pages_lock_);
  for (uint64_t index = first; index < end; guard.let_others()) {
    const bool is_there = find_locked(index) != nullptr;
    if (is_there != hole) return index;
    index = is_there || index < boot_page_count_ ? index + 1 : end_of_gap_locked(index);
  }
  return end;
}

Result<void> ShmemObject::insert(uint64_t index, Frame& frame, Where where) {
  Result<CommitCharge> charge =
      is_promised_whole_ ? CommitCharge() : CommitCharge::take({.pages = 1});
  if (!charge) return Errno::nospc;
  SpareNodes spares;
  for (unsigned wanted = 0;; wanted += 2) {
    TRY(spares.fill(std::min(wanted, 2 * kMaxHeight)));
    SpinGuard guard(pages_lock_);
    if (find_locked(index) != nullptr) return Errno::exist;
    if (where == Where::within_size &&
        index >= page_ceil(size_.load(std::memory_order_relaxed)) >> kPageShift) {
      return Errno::fault;
    }
    bool enough = true;
    while (enough && !fits(height_, index)) {
      if (root_ != nullptr) {
        ShmemNode* node = spares.take();
        enough = node != nullptr;
        if (!enough) break;
        node->slots[0] = root_;
        node->used = 1;
        root_ = node;
      }
      ++height_;
    }
    void** slot = &root_;
    ShmemNode* parent = nullptr;
    for (unsigned level = height_; enough && level-- > 0;) {
      if (*slot == nullptr) {
        ShmemNode* node = spares.take();
        enough = node != nullptr;
        if (!enough) break;
        *slot = node;
        if (parent != nullptr) ++parent->used;
      }
      parent = static_cast<ShmemNode*>(*slot);
      slot = &parent->slots[slot_of(level, index)];
    }
    if (!enough) continue;
    frame.object = this;
    frame.index = index;
    if (use_ == Use::anonymous) frame.flags |= kFrameShmem;
    *slot = &frame;
    if (parent != nullptr) ++parent->used;
    committed_.add(std::move(*charge));
    pages_.store(pages_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return {};
  }
}

Result<FrameRef> ShmemObject::get_page(uint64_t index, bool) {
  for (;;) {
    {
      SpinGuard guard(pages_lock_);
      if (index >= page_ceil(size_.load(std::memory_order_relaxed)) >> kPageShift) {
        return Errno::fault;
      }
      if (Frame* frame = find_locked(index)) return FrameRef::share(*frame);
    }
    Result<FrameRef> made = make_page(index, Where::within_size);
    if (made || made.error() != Errno::exist) return made;
  }
}

// EXIST: somebody else has made it meanwhile.
Result<FrameRef> ShmemObject::make_page(uint64_t index, Where where) {
  Frame* fresh = take_zeroed_frame(FrameKind::cache);
  if (fresh == nullptr) return Errno::nomem;
  FrameRef frame = FrameRef::adopt(fresh);
  Result<void> inserted = insert(index, *frame, where);
  if (!inserted) {
    frame->object = nullptr;
    return inserted.error();
  }
  get_frame(*frame);  // the tree's own
  return frame;
}

// Pages one behind the other are in the same node, and of a boot file lie one behind the other.
void ShmemObject::get_cached_pages(uint64_t first, std::span<Frame*> out) {
  SpinGuard guard(pages_lock_);
  const uint64_t pages = page_ceil(size_.load(std::memory_order_relaxed)) >> kPageShift;
  const size_t inside = std::min(out.size(), pages - std::min(pages, first));
  const bool has_tree = root_ != nullptr;
  const ShmemNode* node = nullptr;
  for (size_t i = 0; i < inside; ++i) {
    const uint64_t index = first + i;
    Frame* frame = nullptr;
    if (has_tree) {
      if (i == 0 || index % ShmemNode::kSlots == 0) node = lowest_node_locked(index);
      frame = node != nullptr ? static_cast<Frame*>(node->slots[index % ShmemNode::kSlots])
                              : find_locked(index);
    }
    if (frame == nullptr) frame = find_boot_page_locked(index);
    if (frame != nullptr) get_frame(*frame);
    out[i] = frame;
  }
  std::ranges::fill(out.subspan(inside), nullptr);
}

Result<void> ShmemObject::deny_write() {
  int32_t seen = writers_.load(std::memory_order_relaxed);
  do {
    if (seen > 0) return Errno::txtbsy;
  } while (!writers_.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire));
  return {};
}
void ShmemObject::allow_write() { writers_.fetch_add(1, std::memory_order_release); }

Result<void> ShmemObject::get_write_access() {
  int32_t seen = writers_.load(std::memory_order_relaxed);
  do {
    if (seen < 0) return Errno::txtbsy;
  } while (!writers_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire));
  return {};
}
void ShmemObject::put_write_access() { writers_.fetch_sub(1, std::memory_order_release); }

void ShmemObject::remove_from_tree_locked(ShmemRemoval& removal) {
  const uint64_t before = removal.pages;
  removal.is_interrupted = false;
  if (root_ != nullptr && height_ == 0) {
    auto& frame = *static_cast<Frame*>(root_);
    if (removal.next == 0 && !removal.spares(frame)) {
      removal.take(frame);
      root_ = nullptr;
    }
  } else if (root_ != nullptr) {
    auto* node = static_cast<ShmemNode*>(root_);
    if (removal.remove_below(*node, height_ - 1, 0)) {
      delete node;
      root_ = nullptr;
    }
  }
  if (root_ == nullptr) height_ = 0;
  forget_pages_locked(removal.pages - before);
  // Those of the boot archive were never promised.
  if (!is_promised_whole_) committed_.release(removal.pages - before);
}

void ShmemObject::forget_pages_locked(uint64_t pages) {
  pages_.store(pages_.load(std::memory_order_relaxed) - pages, std::memory_order_relaxed);
}

void ShmemObject::remove_pages(uint64_t first, uint64_t end, Pages which) {
  ShmemRemoval removal{
      .lock = pages_lock_, .next = first, .end = end, .only_unused = which == Pages::unused};
  {
    SpinGuard guard(pages_lock_);
    for (remove_from_tree_locked(removal); removal.is_interrupted;) {
      guard.let_others();
      remove_from_tree_locked(removal);
    }
    // Pages of the archive have contents, and so are used.
    const uint64_t boot_end = which == Pages::all ? std::min(end, boot_page_count_) : first;
    for (uint64_t i = first; i < boot_end; ++i, guard.let_others()) {
      if (Frame* frame = find_boot_page_locked(i)) {
        removal.take(*frame);
        forget_pages_locked(1);
      }
    }
    if (which == Pages::all && end >= boot_page_count_)
      boot_page_count_ = std::min(boot_page_count_, first);
  }
  while (removal.frames != 0) {
    Frame& frame = frame_table[removal.frames];
    removal.frames = frame.next;
    put_frame(frame);
  }
}

void ShmemObject::clear_tail(uint64_t from) {
  if ((from & kPageMask) == 0) return;
  SpinGuard guard(pages_lock_);
  if (Frame* frame = find_locked(from >> kPageShift)) {
    uint64_t offset = from & kPageMask;
    memset(frame_data<char>(*frame) + offset, 0, kPageSize - offset);
  }
}

Result<void> ShmemObject::resize(uint64_t new_size) {
  uint64_t old_size = size_bytes();
  if (new_size > static_cast<uint64_t>(INT64_MAX)) return Errno::fbig;
  // Pages behind the end, which are there by allocate(), go even if it does not move.
  const bool removes = new_size < old_size || (new_size == old_size && pages_in_use() != 0);
  if (removes) clear_tail(new_size);
  size_.store(new_size, std::memory_order_release);
  const uint64_t first = page_ceil(new_size) >> kPageShift;
  if (removes) remove_pages(first, ~uint64_t{0});
  contents_changed();
  return removes ? unmap_removed(first, ~uint64_t{0} >> kPageShift) : Result<void>();
}

Result<void> ShmemObject::punch_hole(uint64_t offset, uint64_t length) {
  if (is_write_sealed()) return Errno::perm;
  const uint64_t end = offset + length;
  const uint64_t first = page_ceil(offset) >> kPageShift, last = page_floor(end) >> kPageShift;
  auto clear = [&](uint64_t from, uint64_t to) {
    SpinGuard guard(pages_lock_);
    Frame* frame = from < to ? find_locked(from >> kPageShift) : nullptr;
    if (frame != nullptr) memset(frame_data<char>(*frame) + (from & kPageMask), 0, to - from);
  };
  clear(offset, std::min(end, first << kPageShift));
  if (last << kPageShift < end && last >= first) clear(last << kPageShift, end);
  if (first < last) remove_pages(first, last);
  contents_changed();
  return first < last ? unmap_removed(first, last) : Result<void>();
}

bool ShmemObject::has_page(uint64_t index) {
  SpinGuard guard(pages_lock_);
  return find_locked(index) != nullptr;
}

Result<void> ShmemObject::allocate(uint64_t offset, uint64_t length, uint64_t most) {
  const uint64_t first = offset >> kPageShift, end = page_ceil(offset + length) >> kPageShift;
  if (end - first > total_frame_count()) return Errno::nospc;
  // One bit for each page: whether it was there. What is made before a failure goes again, unless
  // somebody has used it already.
  constexpr uint64_t kBits = 64;
  auto was_there = Buffer<uint64_t>::make((end - first) / kBits + 1);
  if (!was_there) return Errno::nospc;
  uint64_t fresh = 0, index = first;
  for (; index < end; ++index) {
    const uint64_t place = index - first;
    bool is_there = has_page(index);
    if (!is_there) {
      const auto made =
          fresh < most ? make_page(index, Where::anywhere) : Result<FrameRef>(Errno::nospc);
      is_there = !made && made.error() == Errno::exist;
      if (!made && !is_there) break;
      ++fresh;
    }
    if (is_there) (*was_there)[place / kBits] |= uint64_t{1} << place % kBits;
  }
  if (index == end) return {};
  while (index-- > first) {
    const uint64_t place = index - first;
    if ((*was_there)[place / kBits] >> place % kBits & 1) continue;
    remove_pages(index, index + 1, Pages::unused);
  }
  return Errno::nospc;
}

Result<size_t> ShmemObject::read(IoBuffer& buffer, uint64_t offset) {
  size_t total = 0;
  for (;;) {
    uint64_t size = size_bytes();
    if (offset >= size || buffer.remaining() == 0) return total;
    uint64_t in_page = offset & kPageMask;
    size_t length = std::min({buffer.remaining(), kPageSize - in_page, size - offset});
    FrameRef frame;
    {
      SpinGuard guard(pages_lock_);
      if (Frame* found = find_locked(offset >> kPageShift)) frame = FrameRef::share(*found);
    }
    Result<size_t> moved = frame ? buffer.copy_in(frame_data<char>(*frame) + in_page, length)
                                 : buffer.fill_zero(length);
    if (!moved) return total != 0 ? Result<size_t>(total) : moved;
    total += *moved;
    offset += *moved;
    if (*moved < length) return total;
  }
}

Result<size_t> ShmemObject::write(IoBuffer& buffer, uint64_t offset) {
  size_t total = 0;
  Result<void> outcome;
  while (buffer.remaining() != 0) {
    uint64_t in_page = offset & kPageMask;
    size_t length = std::min<size_t>(buffer.remaining(), kPageSize - in_page);
    uint64_t old_size = size_bytes();
    if (offset + length > static_cast<uint64_t>(INT64_MAX)) {
      outcome = Errno::fbig;
      break;
    }
    // The page must be inside the object to be made; the size shows what was really written.
    if (offset + length > old_size) size_.store(offset + length, std::memory_order_release);
    Result<FrameRef> frame = get_page(offset >> kPageShift, true);
    Result<size_t> moved = frame ? buffer.copy_out(frame_data<char>(**frame) + in_page, length)
                                 : Result<size_t>(frame.error());
    size_t done = moved.value_or(0);
    if (done < length)
      size_.store(std::max(old_size, done ? offset + done : 0), std::memory_order_release);
    total += done;
    offset += done;
    if (!moved) {
      outcome = moved.error() == Errno::nomem ? Errno::nospc : moved.error();
      break;
    }
    if (done < length) break;
  }
  contents_changed();
  if (total == 0 && !outcome) return outcome.error();
  return total;
}

Result<size_t> ShmemObject::write_kernel(std::span<const std::byte> data, uint64_t offset) {
  IoBuffer buffer = IoBuffer::kernel(const_cast<std::byte*>(data.data()), data.size());
  return write(buffer, offset);
}

void ShmemObject::adopt_boot_pages(PhysAddr start, uint64_t pages, uint64_t size) {
  SpinGuard guard(pages_lock_);
  boot_pages_ = &frame_at(start);
  boot_page_count_ = pages;
  pages_.store(pages, std::memory_order_relaxed);
  size_.store(size, std::memory_order_release);
}

Result<Ref<ShmemObject>> make_shmem(uint64_t size, bool promised) {
  const Mm* mm = current_mm();
  CommitCharge charge;
  if (promised) {
    charge = TRY(CommitCharge::take({.pages = page_ceil(size) >> kPageShift,
                                     .size_of_caller = mm != nullptr ? uint64_t{mm->total_vm} : 0}));
  }
  return make_ref<ShmemObject>(size != 0 ? size : ShmemObject::kUnbounded,
                               ShmemObject::Use::anonymous, std::move(charge));
}
Result<Ref<ShmemObject>> make_file_pages() {
  return make_ref<ShmemObject>(uint64_t{0}, ShmemObject::Use::file, CommitCharge());
}

}  // namespace tine::mm
