// SPDX-License-Identifier: MIT
//
// HugeObject: memory of pages of the pool that several may map, and that may be a file's contents:
// mmap(2) with MAP_HUGETLB and MAP_SHARED, memfd_create(2) with MFD_HUGETLB.
//
// The object owns a reference to each of its pages, and a reservation for those that were promised
// to its mappings and have not been touched yet; what was removed is not promised any more. It has
// a Window for each 2 MiB that has either, so its size costs nothing. All of it belongs to
// `pool_faults`, the lock of those who bring pages of the pool in. Mapping it is mm/huge_tlb.cpp's
// business. Pages of 4 KiB it does not have: get_page() fails.
#pragma once

#include <atomic>

#include "core/list.h"
#include "mm/heap.h"
#include "mm/huge_page.h"
#include "mm/huge_pool.h"
#include "mm/memory_object.h"
#include "mm/user_memory.h"
#include "sync/mutex.h"

namespace tine::mm {

// One fault on pages of the pool at a time: two threads that touch one page take one page.
extern Mutex pool_faults;

// Frame::flags of the head of a page that an object has: its entries are not a mapping's own.
inline constexpr uint16_t kFrameHugeObject = 1u << 9;
inline bool belongs_to_object(const Frame& table) {
  return huge_page_of(table)->flags & kFrameHugeObject;
}

class HugeObject final : public MemoryObject {
 public:
  static constexpr const char* kCacheName = "huge_object";
  explicit HugeObject(uint64_t bytes) : size_(bytes) {}
  ~HugeObject() override;

  Result<FrameRef> get_page(uint64_t, bool) override { return Errno::inval; }
  uint64_t size_bytes() const override { return size_.load(std::memory_order_acquire); }
  Result<void> punch_hole(uint64_t offset, uint64_t length) override;
  bool has_pool_pages() const override { return true; }
  uint64_t pages_in_use() const { return pages_.load(std::memory_order_relaxed); }  // of 2 MiB

  // Promises those of the pages [first, first + count), of 2 MiB, that are not there. ENOMEM.
  Result<void> reserve(uint64_t first, uint64_t count) EXCLUDES(pool_faults);
  // The page that shows the 4 KiB page `index`; the reference is the object's. Null: there is none.
  Frame* find_page(uint64_t index) REQUIRES(pool_faults);
  // The same, made if need be. Fails with fault beyond the end, nospc (the pool is empty), nomem.
  Result<Frame*> page_at(uint64_t index) REQUIRES(pool_faults);

  // The file's side; the caller serialises all but extend_to(), which mmap calls.
  Result<size_t> read(IoBuffer& buffer, uint64_t offset) EXCLUDES(pool_faults);
  Result<void> resize(uint64_t bytes) EXCLUDES(pool_faults);
  void extend_to(uint64_t bytes) EXCLUDES(pool_faults);
  // Brings in what [offset, offset + length) touches, beyond the end too. ENOSPC: the pool is
  // empty; what it had stays.
  Result<void> allocate(uint64_t offset, uint64_t length) EXCLUDES(pool_faults);

 private:
  struct Window : HeapAllocated {  // has a page or a promise
    static constexpr const char* kCacheName = "huge_window";
    explicit Window(uint64_t place) : number(place) {}
    TreeNode node;
    const uint64_t number;
    Frame* page = nullptr;  // its table in reserve
    bool is_promised = false;
  };
  struct NumberOf {
    using type = uint64_t;
    uint64_t operator()(const Window& window) const { return window.number; }
  };
  using Windows = bi::set<Window, bi::member_hook<Window, TreeNode, &Window::node>,
                          bi::key_of_value<NumberOf>, bi::constant_time_size<false>>;

  Result<Frame*> make_page(uint64_t number) REQUIRES(pool_faults);
  Result<void> remove(uint64_t start, uint64_t end) EXCLUDES(pool_faults);
  Windows take_out(uint64_t first, uint64_t end) REQUIRES(pool_faults);
  void clear(uint64_t start, uint64_t end) REQUIRES(pool_faults);
  static void put_all(Windows gone);
  Frame* share_page(uint64_t index) EXCLUDES(pool_faults);

  std::atomic<uint64_t> size_;  // in bytes; written under pool_faults
  std::atomic<uint64_t> pages_{0};
  Windows windows_ GUARDED_BY(pool_faults);
  HugeReservation reserved_ GUARDED_BY(pool_faults);
};

}  // namespace tine::mm
