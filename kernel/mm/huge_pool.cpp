// SPDX-License-Identifier: MIT
//
// The pool of huge pages. See huge_pool.h.
//
// The free pages are a list through Frame::next of their tables. A page that is in use is owned by
// the entries that show it and by the object that holds it. Growing takes memory a page at a time
// and ends where there is none; shrinking gives free pages back as far as they are not promised,
// and notes the rest as surplus.
#include "mm/huge_pool.h"

#include <algorithm>

#include "mm/heap.h"
#include "mm/huge_page.h"
#include "sync/spin_lock.h"

namespace tine::mm {
namespace {

struct Pool {
  SpinLock lock{LockRank::huge_page};
  HugePoolCounts counts GUARDED_BY(lock);
  uint32_t first_free GUARDED_BY(lock) = 0;  // frame number of a table; 0 ends the list

  void push(Frame& table) REQUIRES(lock) {
    table.next = first_free;
    first_free = frame_number(table);
    ++counts.free;
  }
  Frame& pop() REQUIRES(lock) {
    Frame& table = frame_table[first_free];
    first_free = table.next;
    --counts.free;
    return table;
  }
  uint64_t persistent() const REQUIRES(lock) { return counts.total - counts.surplus; }
};
constinit Pool pool;

void dissolve(Frame& table) {
  free_huge_page(table);
  free_table(table);
}

// False: the pool has so many already, or there is no memory.
bool grow(uint64_t wanted) {
  {
    SpinGuard guard(pool.lock);
    if (pool.persistent() >= wanted) return false;
    if (pool.counts.surplus != 0) {  // one in use stays after all
      --pool.counts.surplus;
      return true;
    }
  }
  Frame* table = take_huge_page(FrameKind::huge_pool);
  if (table == nullptr) return false;
  SpinGuard guard(pool.lock);
  ++pool.counts.total;
  pool.push(*table);
  return true;
}

// The same in the other direction.
bool shrink(uint64_t wanted) {
  Frame* table;
  {
    SpinGuard guard(pool.lock);
    if (pool.persistent() <= wanted) return false;
    if (pool.counts.free == pool.counts.reserved) {
      ++pool.counts.surplus;
      return true;
    }
    table = &pool.pop();
    --pool.counts.total;
  }
  dissolve(*table);
  return true;
}

}  // namespace

HugePoolCounts huge_pool_counts() {
  SpinGuard guard(pool.lock);
  return pool.counts;
}

void resize_huge_pool(uint64_t pages) {
  while (grow(pages)) continue;
  while (shrink(pages)) continue;
}

Frame* take_pool_page() {
  SpinGuard guard(pool.lock);
  return pool.counts.free > pool.counts.reserved ? &pool.pop() : nullptr;
}

void return_pool_page(Frame& table) {
  {
    SpinGuard guard(pool.lock);
    if (pool.counts.surplus == 0) return pool.push(table);
    --pool.counts.surplus;
    --pool.counts.total;
  }
  dissolve(table);
}

Result<HugeReservation> HugeReservation::take(uint64_t pages) {
  if (fail_here()) return Errno::nomem;
  SpinGuard guard(pool.lock);
  if (pages > pool.counts.free - pool.counts.reserved) return Errno::nomem;
  pool.counts.reserved += pages;
  HugeReservation reservation;
  reservation.pages_ = pages;
  return reservation;
}

void HugeReservation::release(uint64_t pages) {
  pages = std::min(pages, pages_);
  if (pages == 0) return;
  pages_ -= pages;
  SpinGuard guard(pool.lock);
  pool.counts.reserved -= pages;
}

Frame* HugeReservation::take_page() {
  if (pages_ == 0) return nullptr;
  --pages_;
  SpinGuard guard(pool.lock);
  --pool.counts.reserved;
  return &pool.pop();
}

void HugeReservation::give_back(Frame& table) {
  ++pages_;
  SpinGuard guard(pool.lock);
  ++pool.counts.reserved;
  pool.push(table);
}

}  // namespace tine::mm
