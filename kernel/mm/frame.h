// SPDX-License-Identifier: MIT
//
// Physical frames: one Frame of metadata for each 4 KiB of RAM, a buddy allocator with per-CPU
// lists in front of it, and FrameRef, which owns a reference.
//
// A frame's reference count counts its owners: page-table entries that map it, the page cache that
// holds it, and FrameRefs. `owner count == 1` is what lets a COW fault re-use the frame (A33). A
// page table's count is the number of entries above that lead to it (mm/table_sharing.cpp).
// Frames of the initrd are reserved, counted like any other and freed when the last owner lets go.
//
// Allocation may be done in any context and fails with ENOMEM; nothing here sleeps.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <utility>

#include "arch/page_table.h"
#include "core/result.h"
#include "core/types.h"
#include "sync/hint.h"

namespace tine::mm {

class MemoryObject;

enum class FrameKind : uint8_t {
  free,
  kernel,
  anonymous,
  cache,
  page_table,
  slab,
  reserved,
  stack,
  huge_pool
};
inline constexpr unsigned kFrameKinds = 9;
enum class AllocFlags : uint8_t { none = 0, zeroed = 1 };
inline constexpr unsigned kMaxFrameOrder = 10;  // 4 MiB

// 32 bytes, so that a frame's number and its metadata are a shift apart.
struct alignas(32) Frame {
  std::atomic<uint32_t> count{0};
  Hint<FrameKind> kind = FrameKind::free;  // /proc looks at pages that may go meanwhile
  uint8_t order = 0;           // of the block it heads; slab: of the slab it is in
  Hint<uint16_t> flags = 0;    // the frame allocator's; a block's neighbour looks at it
  uint32_t private_value = 0;  // slab: objects handed out; page table: entries in use
  uint32_t slab_free = 0;      // slab: offset + 1 of its first free object
  union {
    void* owner = nullptr;  // slab: its cache
    Frame* reserve_table;   // huge page, at its head: the table kept in reserve for it
    MemoryObject* object;   // page cache: the object, null once truncated...
    uint64_t table_groups;  // page table: bit n: entries 8n..8n+7 may be in use
  };
  union {
    uint64_t index = 0;  // ...and the page's index in it
    struct {             // free lists, slab lists: frame numbers, 0 ends
      uint32_t next;
      union {
        uint32_t previous;
        uint32_t huge_page;  // page table: the huge page that it is in reserve for, or 0
      };
    };
  };
};
static_assert(sizeof(Frame) == 32);

// Metadata of frame 0; set once by init(). Only entries of RAM exist behind it.
extern Frame* frame_table;

inline uint32_t frame_number(const Frame& frame) {
  return static_cast<uint32_t>(&frame - frame_table);
}
inline PhysAddr frame_address(const Frame& frame) {
  return PhysAddr(static_cast<uint64_t>(&frame - frame_table) << kPageShift);
}
inline Frame& frame_at(PhysAddr address) {  // must be RAM
  return frame_table[address.value >> kPageShift];
}
template <class T = void>
T* frame_data(const Frame& frame) {
  return arch::direct_map<T>(frame_address(frame));
}
inline Frame& frame_of_pointer(const void* direct_mapped) {
  return frame_at(arch::direct_map_to_phys(direct_mapped));
}

extern Frame* zero_frame;  // a page of zeros that reads of fresh memory show

void free_frame(Frame& frame);  // the count has fallen to zero
inline void get_frame(Frame& frame) { frame.count.fetch_add(1, std::memory_order_relaxed); }
inline void put_frame(Frame& frame) {  // drops one reference; frees at zero
  if (frame.count.fetch_sub(1, std::memory_order_acq_rel) == 1) free_frame(frame);
}

class FrameRef {
 public:
  FrameRef() = default;
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  FrameRef(const FrameRef& other) : frame_(other.frame_) {
    if (frame_) get_frame(*frame_);
  }
  ~FrameRef() {
    if (frame_) put_frame(*frame_);
  }
  static FrameRef adopt(Frame* frame) {
    FrameRef ref;
    ref.frame_ = frame;
    return ref;
  }
  static FrameRef share(Frame& frame) {
    get_frame(frame);
    return adopt(&frame);
  }
  [[nodiscard]] Frame* leak() { return std::exchange(frame_, nullptr); }
  Frame* get() const { return frame_; }
  Frame& operator*() const { return *frame_; }
  Frame* operator->() const { return frame_; }
  explicit operator bool() const { return frame_ != nullptr; }

 private:
  Frame* frame_ = nullptr;
};

// 2^order contiguous frames, count 1, not cleared unless asked. ENOMEM. Asks the fault injector.
Result<FrameRef> alloc_frames(unsigned order, FrameKind kind, AllocFlags flags = AllocFlags::none);
inline Result<FrameRef> alloc_frame(FrameKind kind, AllocFlags flags = AllocFlags::none) {
  return alloc_frames(0, kind, flags);
}
// The same without the fault injector and without Result, for the paths where each instruction
// counts and for those that a failure would turn into a killed program. Null: no memory.
[[nodiscard]] Frame* take_frame(FrameKind kind);
[[nodiscard]] Frame* take_frames(unsigned order, FrameKind kind);
// As many single frames as there are, one after the other in `out`; how many.
[[nodiscard]] unsigned take_single_frames(FrameKind kind, std::span<Frame*> out);

// Makes single frames of a block that was given out, each with one reference.
void split_block(Frame& block);

// The frame is used for something else from now on (a boot page that became a file's).
void change_kind(Frame& frame, FrameKind kind);

// Page tables are empty when they are freed, so they are kept and given out again as they are.
// A top table comes with the kernel's half filled in.
[[nodiscard]] Frame* take_table();
[[nodiscard]] Frame* take_top_table();
void free_table(Frame& table);      // all entries are clear
void free_top_table(Frame& table);  // the user half is clear

// Gives back what the per-CPU lists and caches of this CPU hold; returns the frames gained.
uint64_t reclaim_frames();

struct MemoryStatistics {
  uint64_t total_frames, free_frames, cached_frames, slab_frames, table_frames, anonymous_frames,
      kernel_stacks, metadata_frames;
};
MemoryStatistics memory_statistics();
uint64_t total_frame_count();  // the same figure, at once

// Kernel stacks: vmalloc'ed with a guard page below, cached per CPU (E50, E53). The address is the
// lowest usable byte. ENOMEM.
Result<VirtAddr> alloc_kernel_stack();
void free_kernel_stack(VirtAddr stack);
struct KernelStackCounts {
  int64_t live;
  uint64_t cache_hits;
  uint64_t cached_frames;       // of stacks that nobody has
  uint64_t bookkeeping_frames;  // never given back
  uint64_t deepest;             // bytes that some task has used of its stack; debug builds, else 0
};
KernelStackCounts kernel_stack_counts();

}  // namespace tine::mm
