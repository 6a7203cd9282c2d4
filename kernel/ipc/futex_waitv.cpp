// SPDX-License-Identifier: MIT
//
// futex_waitv(2): a task that stands in several buckets at once. Each entry has a waiter of its
// own; the first wake-up of any ends the wait, and the task then leaves the other buckets. The
// waiters are one block of memory, made before the first is queued; it goes when none is queued any
// more.
#include <new>

#include "ipc/futex_internal.h"
#include "mm/heap.h"

namespace tine::futex {
namespace {

class WaiterArray {
 public:
  static Result<WaiterArray> make(size_t count) {
    void* memory = heap_allocate(count * sizeof(FutexWaiter));
    if (memory == nullptr) return Errno::nomem;
    auto* first = static_cast<FutexWaiter*>(memory);
    for (size_t i = 0; i < count; ++i) new (first + i) FutexWaiter;
    return WaiterArray({first, count});
  }
  WaiterArray(WaiterArray&& other) noexcept : waiters_(std::exchange(other.waiters_, {})) {}
  ~WaiterArray() {
    for (FutexWaiter& waiter : waiters_) waiter.~FutexWaiter();
    heap_free(waiters_.data());
  }
  FutexWaiter& operator[](size_t i) const { return waiters_[i]; }
  std::span<FutexWaiter> first(size_t count) const { return waiters_.first(count); }

 private:
  explicit WaiterArray(std::span<FutexWaiter> waiters) : waiters_(waiters) {}
  std::span<FutexWaiter> waiters_;
};

// The index of the last that was woken; -1: none. None is queued any more.
int leave_all(std::span<FutexWaiter> waiters) {
  int woken = -1;
  for (size_t i = 0; i < waiters.size(); ++i) {
    if (!leave_queue(waiters[i])) woken = static_cast<int>(i);
  }
  return woken;
}

bool is_any_woken(std::span<FutexWaiter> waiters) {
  return std::ranges::any_of(waiters, [](const FutexWaiter& waiter) {
    return waiter.woken.load(std::memory_order_acquire);
  });
}

}  // namespace

Result<int> wait_for_any(std::span<const WaitvEntry> entries, Nanoseconds deadline) {
  const WaiterArray waiters = TRY(WaiterArray::make(entries.size()));
  for (size_t i = 0; i < entries.size(); ++i) {
    waiters[i].key = TRY(make_key(entries[i].word, entries[i].sharing));
    waiters[i].task = &current();
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const Result<void> queued = enqueue_if_equal(bucket_of(waiters[i].key), waiters[i],
                                                 entries[i].word, entries[i].expected);
    if (queued) continue;
    const int woken = leave_all(waiters.first(i));
    if (woken >= 0) return woken;
    return queued.error();
  }
  const std::span<FutexWaiter> all = waiters.first(entries.size());
  const Result<void> slept =
      sleep_until([&] { return is_any_woken(all); }, deadline, Errno::restart_sys);
  const int woken = leave_all(all);
  if (woken >= 0) return woken;  // a wake-up that came with the signal or timeout counts
  return slept.error();
}

}  // namespace tine::futex
