// SPDX-License-Identifier: MIT
//
// Memory of huge pages that is shared, or a file's. See huge_object.h.
//
// What is removed leaves the object under `pool_faults`, then the mappings, and then goes back to
// the pool: a fault has either shown it by then, and unmap_range() finds that, or finds it gone.
// User memory is copied to with a reference to the page and without the lock, for the copy may
// fault.
#include "mm/huge_object.h"

#include <algorithm>
#include <cstring>

namespace tine::mm {

constinit Mutex pool_faults{LockRank::huge_pool};

namespace {

constexpr uint64_t kSmallPages = arch::kTableEntries;  // in one of the pool
constexpr uint64_t kEndOfAll = uint64_t{1} << 63;      // no file is longer

uint64_t windows_in(uint64_t bytes) { return bytes / kHugePageSize + (bytes % kHugePageSize != 0); }

}  // namespace

HugeObject::~HugeObject() {
  MutexGuard guard(pool_faults);
  put_all(take_out(0, windows_in(kEndOfAll)));
}

Result<void> HugeObject::reserve(uint64_t first, uint64_t count) {
  MutexGuard guard(pool_faults);
  const uint64_t end = first + count;
  const auto known = std::distance(windows_.lower_bound(first), windows_.lower_bound(end));
  auto promised = TRY(HugeReservation::take(count - static_cast<uint64_t>(known)));
  Windows fresh;  // nobody sees them until all are there
  for (uint64_t number = first; number < end; ++number) {
    if (windows_.count(number) != 0) continue;
    Result<Owned<Window>> window = make<Window>(number);
    if (!window) {
      put_all(std::move(fresh));
      return window.error();
    }
    (*window)->is_promised = true;
    fresh.insert(*window->leak());
  }
  windows_.merge(fresh);
  reserved_.add(std::move(promised));
  return {};
}

Frame* HugeObject::find_page(uint64_t index) {
  auto window = windows_.find(index / kSmallPages);
  return window != windows_.end() ? window->page : nullptr;
}

Result<Frame*> HugeObject::page_at(uint64_t index) {
  if (index << kPageShift >= size_bytes()) return Errno::fault;
  return make_page(index / kSmallPages);
}

Result<Frame*> HugeObject::make_page(uint64_t number) {
  Owned<Window> fresh;
  auto found = windows_.find(number);
  if (found != windows_.end() && found->page != nullptr) return found->page;
  if (found == windows_.end()) fresh = TRY(make<Window>(number));
  Frame* page = fresh ? take_pool_page() : reserved_.take_page();
  if (page == nullptr) return Errno::nospc;
  Frame& huge = *huge_page_of(*page);
  clear_huge_page(huge);
  huge.flags |= kFrameHugeObject;
  pages_.fetch_add(1, std::memory_order_relaxed);
  Window& window = fresh ? *fresh.leak() : *found;
  if (found == windows_.end()) windows_.insert(window);
  window.page = page;
  window.is_promised = false;
  return page;
}

// Those numbered first..end-1 are not the object's any more, and what they were promised is free.
HugeObject::Windows HugeObject::take_out(uint64_t first, uint64_t end) {
  Windows gone;
  auto at = windows_.lower_bound(first);
  while (at != windows_.end() && at->number < end) {
    Window& window = *at;
    at = windows_.erase(at);
    gone.insert(window);
    if (window.is_promised) reserved_.release(1);
    if (window.page == nullptr) continue;
    huge_page_of(*window.page)->flags &= static_cast<uint16_t>(~kFrameHugeObject);
    pages_.fetch_sub(1, std::memory_order_relaxed);
  }
  return gone;
}

void HugeObject::put_all(Windows gone) {
  gone.clear_and_dispose([](Window* window) {
    if (window->page != nullptr) put_table(*window->page, 0);
    delete window;
  });
}

// Of one page a part becomes zeros.
void HugeObject::clear(uint64_t start, uint64_t end) {
  if (start >= end) return;
  Frame* page = find_page(start >> kPageShift);
  if (page == nullptr) return;
  memset(frame_data<char>(*huge_page_of(*page)) + start % kHugePageSize, 0, end - start);
}

// Whole pages go, and what is promised for them, and private copies of them too; of others a part
// becomes zeros.
Result<void> HugeObject::remove(uint64_t start, uint64_t end) {
  const uint64_t first = windows_in(start), last = end / kHugePageSize;
  Windows gone;
  {
    MutexGuard guard(pool_faults);
    clear(start, std::min(end, first * kHugePageSize));
    if (first <= last) clear(last * kHugePageSize, end);
    gone = take_out(first, last);
  }
  Result<void> unmapped;
  if (first < last) unmapped = unmap_removed(first * kSmallPages, last * kSmallPages);
  put_all(std::move(gone));
  return unmapped;
}

Result<void> HugeObject::punch_hole(uint64_t offset, uint64_t length) {
  if (is_write_sealed()) return Errno::perm;
  return remove(offset, offset + length);
}

// What lies behind the new end goes, though the object may have been shorter before: allocate().
Result<void> HugeObject::resize(uint64_t bytes) {
  {
    MutexGuard guard(pool_faults);
    size_.store(bytes, std::memory_order_release);
  }
  return remove(bytes, kEndOfAll);
}

void HugeObject::extend_to(uint64_t bytes) {
  MutexGuard guard(pool_faults);
  size_.store(std::max(size_bytes(), bytes), std::memory_order_release);
}

Result<void> HugeObject::allocate(uint64_t offset, uint64_t length) {
  for (uint64_t number = offset / kHugePageSize; number < windows_in(offset + length); ++number) {
    MutexGuard guard(pool_faults);
    TRY(make_page(number));
  }
  return {};
}

// With a reference for the caller; null: a hole.
Frame* HugeObject::share_page(uint64_t index) {
  MutexGuard guard(pool_faults);
  Frame* page = find_page(index);
  if (page != nullptr) get_frame(*page);
  return page;
}

Result<size_t> HugeObject::read(IoBuffer& buffer, uint64_t offset) {
  size_t total = 0;
  for (uint64_t size; buffer.remaining() != 0 && offset < (size = size_bytes());) {
    const uint64_t in_page = offset % kHugePageSize;
    const size_t length = std::min({buffer.remaining(), kHugePageSize - in_page, size - offset});
    Frame* page = share_page(offset >> kPageShift);
    Result<size_t> moved =
        page != nullptr ? buffer.copy_in(frame_data<char>(*huge_page_of(*page)) + in_page, length)
                        : buffer.fill_zero(length);
    if (page != nullptr) put_table(*page, 0);
    if (!moved) return total != 0 ? Result<size_t>(total) : moved;
    total += *moved;
    offset += *moved;
    if (*moved < length) break;
  }
  return total;
}

}  // namespace tine::mm
