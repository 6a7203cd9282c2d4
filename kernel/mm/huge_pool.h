// SPDX-License-Identifier: MIT
//
// The pool of huge pages: 2 MiB that are set aside for MAP_HUGETLB (vm.nr_hugepages, `hugepages=`
// on the kernel's command line) and come back to the pool when their last user lets go.
//
// A page of the pool is a huge page with its table in reserve, as a transparent one is
// (mm/huge_page.h), and is shared and counted by that table; but it is never split. Mappings
// promise themselves pages in advance by a HugeReservation, so that a touch finds one: of the free
// pages as many are kept as are promised. Counters and free pages belong to a spin lock of the
// pool; nothing here sleeps.
#pragma once

#include <cstdint>
#include <utility>

#include "core/result.h"
#include "mm/page_table.h"

namespace tine::mm {

inline bool is_pool_page(const Frame& table) {
  const Frame* huge = huge_page_of(table);
  return huge != nullptr && huge->kind == FrameKind::huge_pool;
}

struct HugePoolCounts {
  uint64_t total = 0;
  uint64_t free = 0;
  uint64_t reserved = 0;  // of the free ones
  uint64_t surplus = 0;   // in use, and to leave the pool afterwards
};
HugePoolCounts huge_pool_counts();
// The pool has `pages` afterwards, or as many as memory allows; those in use stay until they come
// back (proc_sys_vm(5), nr_hugepages).
void resize_huge_pool(uint64_t pages);

// A page that nobody was promised, not cleared, with one reference; null: there is none.
[[nodiscard]] Frame* take_pool_page();
// For put_table(): its last user has gone.
void return_pool_page(Frame& table);

// Pages that are promised to somebody. The owner serialises the calls for one reservation.
class HugeReservation {
 public:
  HugeReservation() = default;
  HugeReservation(HugeReservation&& other) noexcept : pages_(std::exchange(other.pages_, 0)) {}
  HugeReservation& operator=(HugeReservation other) noexcept {
    std::swap(pages_, other.pages_);
    return *this;
  }
  ~HugeReservation() {
    if (pages_ != 0) [[unlikely]]
      release(pages_);
  }

  static Result<HugeReservation> take(uint64_t pages);  // ENOMEM
  void add(HugeReservation more) { pages_ += std::exchange(more.pages_, 0); }
  void release(uint64_t pages);  // of those that it has, or all
  uint64_t pages() const { return pages_; }

  // Keeps a promise; null: nothing is promised any more.
  [[nodiscard]] Frame* take_page();
  void give_back(Frame& table);  // what take_page() gave: it is promised again

 private:
  uint64_t pages_ = 0;
};

}  // namespace tine::mm
