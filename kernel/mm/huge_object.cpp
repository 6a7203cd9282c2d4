// SPDX-License-Identifier: MIT
//
// Shared memory of huge pages. See huge_object.h.
#include "mm/huge_object.h"

#include <algorithm>
#include <cstring>

#include "mm/huge_page.h"

namespace tine::mm {

constinit Mutex pool_faults{LockRank::huge_pool};

Result<Ref<HugeObject>> HugeObject::create(uint64_t bytes) {
  auto windows = TRY(Buffer<Window>::make(bytes / kHugePageSize));
  return make_ref<HugeObject>(bytes, std::move(windows));
}

HugeObject::~HugeObject() {
  MutexGuard guard(pool_faults);
  for (const Window& window : windows_.span()) {
    if (window.page != nullptr) put_table(*window.page, 0);
  }
}

Result<void> HugeObject::reserve() {
  MutexGuard guard(pool_faults);
  auto needs_promise = [](const Window& window) { return !window.page && !window.is_promised; };
  const auto missing = std::ranges::count_if(windows_.span(), needs_promise);
  reserved_.add(TRY(HugeReservation::take(static_cast<uint64_t>(missing))));
  for (Window& window : windows_.span()) window.is_promised |= window.page == nullptr;
  return {};
}

Frame* HugeObject::page_at(uint64_t index) {
  Window& window = windows_[index / arch::kTableEntries];
  if (window.page != nullptr) return window.page;
  Frame* page = window.is_promised ? reserved_.take_page() : take_pool_page();
  if (page == nullptr) return nullptr;
  clear_huge_page(*huge_page_of(*page));
  window = {.page = page};
  return page;
}

// A whole window's page goes, and its promise; of others a part becomes zeros. The caller puts the
// page when nothing shows it any more; null: there is none.
Frame* HugeObject::remove(uint64_t start, uint64_t end) {
  MutexGuard guard(pool_faults);
  Window& window = windows_[start / kHugePageSize];
  if (end - start == kHugePageSize) {
    if (window.is_promised) reserved_.release(1);
    return std::exchange(window, {}).page;
  }
  if (window.page != nullptr) {
    memset(frame_data<char>(*huge_page_of(*window.page)) + start % kHugePageSize, 0, end - start);
  }
  return nullptr;
}

Result<void> HugeObject::punch_hole(uint64_t offset, uint64_t length) {
  const uint64_t end = std::min(offset + length, bytes_);
  for (uint64_t at = offset, next; at < end; at = next) {
    next = std::min(end, (at & ~(kHugePageSize - 1)) + kHugePageSize);
    Frame* gone = remove(at, next);
    if (gone == nullptr) continue;
    Result<void> unmapped = unmap_range(at >> kPageShift, next >> kPageShift);
    put_table(*gone, 0);
    TRY(std::move(unmapped));
  }
  return {};
}

}  // namespace tine::mm
