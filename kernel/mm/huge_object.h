// SPDX-License-Identifier: MIT
//
// HugeObject: shared memory of pages of the pool (mmap(2), MAP_HUGETLB with MAP_SHARED).
//
// The object owns a reference to each of its pages and a reservation for those that were promised
// to its mappings and have not been touched yet; what was removed is not promised any more. All of
// it belongs to `pool_faults`, the lock of those who bring pages of the pool in. Mapping it is
// mm/huge_tlb.cpp's business. Pages of 4 KiB it does not have: get_page() fails.
#pragma once

#include "mm/heap.h"
#include "mm/huge_pool.h"
#include "mm/memory_object.h"
#include "sync/mutex.h"

namespace tine::mm {

// One fault on pages of the pool at a time: two threads that touch one page take one page.
extern Mutex pool_faults;

class HugeObject final : public MemoryObject {
 public:
  static constexpr const char* kCacheName = "huge_object";
  static Result<Ref<HugeObject>> create(uint64_t bytes);  // whole huge pages; ENOMEM

  struct Window {
    Frame* page = nullptr;  // its table in reserve; null: not there yet
    bool is_promised = false;
  };
  HugeObject(uint64_t bytes, Buffer<Window> windows)
      : bytes_(bytes), windows_(std::move(windows)) {}
  ~HugeObject() override;

  Result<FrameRef> get_page(uint64_t, bool) override { return Errno::inval; }
  uint64_t size_bytes() const override { return bytes_; }
  Result<void> punch_hole(uint64_t offset, uint64_t length) override;

  // Promises all its pages that are not there. ENOMEM.
  Result<void> reserve() EXCLUDES(pool_faults);
  // The page that shows the 4 KiB page `index`, made if need be; the reference is the object's.
  // Null: the pool is empty.
  Frame* page_at(uint64_t index) REQUIRES(pool_faults);

 private:
  Frame* remove(uint64_t start, uint64_t end) EXCLUDES(pool_faults);

  uint64_t bytes_;
  Buffer<Window> windows_ GUARDED_BY(pool_faults);
  HugeReservation reserved_ GUARDED_BY(pool_faults);
};

}  // namespace tine::mm
