// SPDX-License-Identifier: MIT
//
// Waiting, waking and requeueing. A waiter stands in the bucket of its key; wakers take it out and
// set `woken`, after which they touch it no more, because its stack may be gone. Two buckets are
// locked in the order of their addresses.
#include "ipc/futex.h"

#include <utility>

#include "ipc/futex_internal.h"

namespace tine::futex {

namespace {

// With the bucket's lock held. The task is kept alive by a reference: as soon as `woken` is seen,
// the waiter may return and die.
void wake_waiter(Bucket& bucket, FutexWaiter& waiter) REQUIRES(bucket.lock) {
  bucket.waiters.erase(waiter);
  const Ref<Task> task(*waiter.task);
  waiter.woken.store(true, std::memory_order_release);
  (void)wake_up(*task);
}

// EINVAL: somebody waits there who is to be moved to a priority-inheriting futex first.
Result<int> wake_in(Bucket& bucket, const Key& key, int limit, uint32_t bitset)
    REQUIRES(bucket.lock) {
  int woken = 0;
  for (FutexWaiter* next = bucket.waiters.first; next != nullptr && woken < limit;) {
    FutexWaiter& waiter = *std::exchange(next, next->next);
    if (!(waiter.key == key)) continue;
    if (waiter.pi != nullptr) return Errno::inval;
    if (!(waiter.bitset & bitset)) continue;
    wake_waiter(bucket, waiter);
    ++woken;
  }
  return woken;
}

// Both buckets of a pair, which may be one: that the analysis cannot follow, so users assert both.
class PairGuard {
 public:
  PairGuard(Bucket& a, Bucket& b) NO_THREAD_SAFETY_ANALYSIS : first_(&a < &b ? a : b),
                                                              second_(&a < &b ? b : a),
                                                              irqs_(first_.lock.lock()) {
    if (&first_ != &second_) second_.lock.lock_nested();
  }
  ~PairGuard() NO_THREAD_SAFETY_ANALYSIS {
    if (&first_ != &second_) second_.lock.unlock_irqs_off();
    first_.lock.unlock(irqs_);
  }
  PairGuard(const PairGuard&) = delete;
  PairGuard& operator=(const PairGuard&) = delete;

 private:
  Bucket& first_;
  Bucket& second_;
  arch::IrqState irqs_;
};

}  // namespace

// The read happens under the bucket's lock,
// where it may not fault; a page that is not there is brought in outside, and we look again.
Result<void> enqueue_if_equal(Bucket& bucket, FutexWaiter& waiter, UserAddr word,
                              uint32_t expected) {
  for (;;) {
    {
      IrqGuard guard(bucket.lock);
      const Result<uint32_t> value = arch::load_user_u32_nofault(word);
      if (value) {
        if (*value != expected) return Errno::again;
        bucket.waiters.insert(waiter);
        return {};
      }
    }
    TRY(load_word(word));
  }
}

// A requeue may move it to another bucket meanwhile, so the bucket is looked up again under its lock.
bool leave_queue(FutexWaiter& waiter) {
  while (!waiter.woken.load(std::memory_order_acquire)) {
    Bucket& bucket = bucket_of(waiter.key);
    IrqGuard guard(bucket.lock);
    if (waiter.woken.load(std::memory_order_relaxed)) return false;
    if (&bucket_of(waiter.key) != &bucket) continue;
    bucket.waiters.erase(waiter);
    return true;
  }
  return false;
}

Result<void> wait(UserAddr word, Sharing sharing, uint32_t expected, Nanoseconds deadline,
                  uint32_t bitset) {
  if (bitset == 0) return Errno::inval;
  FutexWaiter waiter;
  waiter.key = TRY(make_key(word, sharing));
  waiter.bitset = bitset;
  waiter.task = &current();
  TRY(enqueue_if_equal(bucket_of(waiter.key), waiter, word, expected));
  const Result<void> slept = sleep_until(
      [&] { return waiter.woken.load(std::memory_order_acquire); }, deadline, Errno::restart_sys);
  if (!leave_queue(waiter)) return {};  // a wake-up that came with the signal or timeout counts
  return slept;
}

Result<int> wake(UserAddr word, Sharing sharing, int limit, uint32_t bitset) {
  if (bitset == 0) return Errno::inval;
  const Key key = TRY(make_key(word, sharing));
  Bucket& bucket = bucket_of(key);
  IrqGuard guard(bucket.lock);
  return wake_in(bucket, key, std::max(limit, 1), bitset);  // as Linux: nobody asks for none
}

Result<int> requeue(UserAddr word, UserAddr target, Sharing sharing, int wake_limit, int move_limit,
                    const uint32_t* expected) {
  if (wake_limit < 0 || move_limit < 0) return Errno::inval;
  const Key from = TRY(make_key(word, sharing));
  const Key to = TRY(make_key(target, sharing));
  Bucket& source = bucket_of(from);
  Bucket& destination = bucket_of(to);
  for (;;) {
    {
      PairGuard guard(source, destination);
      source.lock.assert_held();
      destination.lock.assert_held();
      Result<uint32_t> value =
          expected != nullptr ? arch::load_user_u32_nofault(word) : Result<uint32_t>(0u);
      if (value) {
        if (expected != nullptr && *value != *expected) return Errno::again;
        const int woken = TRY(wake_in(source, from, wake_limit, kMatchAny));
        int moved = 0;
        FutexWaiter* const last = source.waiters.last;  // both buckets may be one
        for (FutexWaiter* next = source.waiters.first; next != nullptr && moved < move_limit;) {
          FutexWaiter& waiter = *std::exchange(next, next == last ? nullptr : next->next);
          if (!(waiter.key == from)) continue;
          if (waiter.pi != nullptr) return Errno::inval;
          source.waiters.erase(waiter);
          waiter.key = to;
          destination.waiters.insert(waiter);
          ++moved;
        }
        return woken + moved;
      }
    }
    TRY(load_word(word));
  }
}

namespace {

// FUTEX_WAKE_OP's encoded operation (futex(2)).
struct WordOperation {
  enum Kind : uint32_t { set = 0, add = 1, bit_or = 2, and_not = 3, bit_xor = 4 } kind;
  enum Comparison : uint32_t { eq = 0, ne = 1, lt = 2, le = 3, gt = 4, ge = 5 } comparison;
  int32_t operand, comparand;

  static Result<WordOperation> decode(uint32_t encoded) {
    constexpr uint32_t kShiftOperand = 8;
    auto sign_extended = [](uint32_t bits) { return static_cast<int32_t>(bits << 20) >> 20; };
    WordOperation operation{.kind = static_cast<Kind>(encoded >> 28 & 7),
                            .comparison = static_cast<Comparison>(encoded >> 24 & 15),
                            .operand = sign_extended(encoded >> 12 & 0xfff),
                            .comparand = sign_extended(encoded & 0xfff)};
    if (encoded >> 28 & kShiftOperand) operation.operand = 1 << (operation.operand & 31);
    if (operation.kind > bit_xor || operation.comparison > ge) return Errno::nosys;
    return operation;
  }
  uint32_t apply(uint32_t old) const {
    const auto argument = static_cast<uint32_t>(operand);
    switch (kind) {
      case set:
        return argument;
      case add:
        return old + argument;
      case bit_or:
        return old | argument;
      case and_not:
        return old & ~argument;
      case bit_xor:
        return old ^ argument;
    }
    __builtin_unreachable();
  }
  bool holds(uint32_t old) const {
    const auto value = static_cast<int32_t>(old);
    switch (comparison) {
      case eq:
        return value == comparand;
      case ne:
        return value != comparand;
      case lt:
        return value < comparand;
      case le:
        return value <= comparand;
      case gt:
        return value > comparand;
      case ge:
        return value >= comparand;
    }
    __builtin_unreachable();
  }
};

// Changes the word in one step; the old value, or EFAULT when the page must be brought in first.
Result<uint32_t> change_word(UserAddr word, const WordOperation& operation) {
  uint32_t old = TRY(arch::load_user_u32_nofault(word));
  for (;;) {
    const uint32_t found = TRY(arch::cmpxchg_user_u32_nofault(word, old, operation.apply(old)));
    if (found == old) return old;
    old = found;
  }
}

}  // namespace

Result<int> wake_op(UserAddr word, UserAddr target, Sharing sharing, int wake_limit,
                    int target_limit, uint32_t encoded) {
  const WordOperation operation = TRY(WordOperation::decode(encoded));
  const Key first = TRY(make_key(word, sharing));
  const Key second = TRY(make_key(target, sharing));
  Bucket& bucket = bucket_of(first);
  Bucket& target_bucket = bucket_of(second);
  for (;;) {
    {
      PairGuard guard(bucket, target_bucket);
      bucket.lock.assert_held();
      target_bucket.lock.assert_held();
      const Result<uint32_t> old = change_word(target, operation);
      if (old) {
        const int woken = TRY(wake_in(bucket, first, wake_limit, kMatchAny));
        if (!operation.holds(*old)) return woken;
        return woken + TRY(wake_in(target_bucket, second, target_limit, kMatchAny));
      }
    }
    TRY(make_writable(target));
  }
}

void wake_shared(UserAddr word, int limit) {
  (void)wake(word, Sharing::between_processes, limit, kMatchAny);
}

}  // namespace tine::futex
