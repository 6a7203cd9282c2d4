// SPDX-License-Identifier: MIT
//
// Physical frames: one Frame of metadata for each 4 KiB of RAM, a buddy allocator with per-CPU lists
// in front of it, and FrameRef, which owns a reference.
//
// A frame's reference count counts its owners: page-table entries that map it, the page cache that
// holds it, and FrameRefs. `owner count == 1` is what lets a COW fault re-use the frame (A33).
// Frames of the initrd are reserved, counted like any other and freed when the last owner lets go.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "arch/page_table.h"
#include "core/list.h"
#include "core/result.h"
#include "core/types.h"

namespace tine::mm {

class MemoryObject;

struct Frame {
  std::atomic<uint32_t> count{0};
  std::atomic<uint32_t> map_count{0};   // page-table entries that map it (RSS, PSS)
  uint8_t order = 0;                    // of the block it heads
  uint8_t kind = 0;                     // FrameKind
  uint16_t flags = 0;
  uint32_t private_value = 0;           // slab: objects in use; page table: live entries
  union {
    void* owner;                        // slab: its cache
    MemoryObject* object;               // page cache: the object...
  };
  uint64_t index = 0;                   // ...and the page's index in it
  ListNode node;                        // free list, slab list
};

enum class FrameKind : uint8_t { free, kernel, anonymous, cache, page_table, slab, reserved };
enum class AllocFlags : uint8_t { none = 0, zeroed = 1, no_reclaim = 2 };

PhysAddr frame_address(const Frame& frame);
Frame& frame_at(PhysAddr address);              // must be RAM
template <class T = void>
T* frame_data(const Frame& frame) { return arch::direct_map<T>(frame_address(frame)); }

class FrameRef {
 public:
  FrameRef() = default;
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(FrameRef other) noexcept { std::swap(frame_, other.frame_); return *this; }
  FrameRef(const FrameRef& other) : frame_(other.frame_) {
    if (frame_) frame_->count.fetch_add(1, std::memory_order_relaxed);
  }
  ~FrameRef();
  static FrameRef adopt(Frame* frame) { FrameRef ref; ref.frame_ = frame; return ref; }
  static FrameRef share(Frame& frame) {
    frame.count.fetch_add(1, std::memory_order_relaxed);
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

// 2^order contiguous frames, count 1, not cleared unless asked. ENOMEM.
Result<FrameRef> alloc_frames(unsigned order, FrameKind kind, AllocFlags flags = AllocFlags::none);
inline Result<FrameRef> alloc_frame(FrameKind kind, AllocFlags flags = AllocFlags::none) {
  return alloc_frames(0, kind, flags);
}
void put_frame(Frame& frame);                   // drops one reference; frees at zero
inline void get_frame(Frame& frame) { frame.count.fetch_add(1, std::memory_order_relaxed); }
inline FrameRef::~FrameRef() { if (frame_) put_frame(*frame_); }

struct MemoryStatistics { uint64_t total_frames, free_frames, cached_frames, slab_frames, table_frames, anonymous_frames, kernel_stacks; };
MemoryStatistics memory_statistics();

// Kernel stacks: vmalloc'ed with a guard page below, cached per CPU (E50, E53).
Result<VirtAddr> alloc_kernel_stack();
void free_kernel_stack(VirtAddr stack);

}  // namespace tine::mm
