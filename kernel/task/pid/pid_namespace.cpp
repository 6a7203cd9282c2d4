// SPDX-License-Identifier: MIT
//
// Giving out process numbers (B10-B14, E36) and finding Pid objects by number (B2).
//
// Only the initial namespace exists yet; a Pid therefore has one number, and `set_tid` may name
// one.
#include "task/pid/pid_namespace.h"

#include <algorithm>
#include <bit>

#include "mm/heap.h"
#include "task/cred/cred.h"
#include "task/task.h"

namespace tine {

constinit PidNamespace initial_pid_namespace{0};

PidNamespace::~PidNamespace() {
  for (uint64_t* page : more_pages_) heap_free(page);
}

uint64_t* PidNamespace::page_of(int number) {
  const int page = number / kPidsPerPage;
  if (page == 0) return first_page_;
  uint64_t*& place = more_pages_[page - 1];
  if (place == nullptr) {
    place = static_cast<uint64_t*>(heap_allocate(sizeof first_page_));
    if (place != nullptr) std::fill_n(place, std::size(first_page_), 0);
  }
  return place;
}

// The first number of [first, end) whose bit, xor'ed with `invert`, is 0.
static int scan(const uint64_t* words, int first, int end, uint64_t invert) {
  int word = first / 64;
  uint64_t candidates = ~(words[word] ^ invert) & (~0ull << (first % 64));
  while (candidates == 0) {
    if (++word * 64 >= end) return -1;
    candidates = ~(words[word] ^ invert);
  }
  const int found = word * 64 + std::countr_zero(candidates);
  return found < end ? found : -1;
}

int PidNamespace::find_free(int first, int end) {
  while (first < end) {
    const uint64_t* words = page_of(first);
    if (words == nullptr) return -1;
    const int base = first / kPidsPerPage * kPidsPerPage;
    const int found = scan(words, first - base, std::min(end - base, kPidsPerPage), 0);
    if (found >= 0) return base + found;
    first = base + kPidsPerPage;
  }
  return -1;
}

int PidNamespace::find_used(int first, int end) {
  while (first < end) {
    const int base = first / kPidsPerPage * kPidsPerPage;
    const uint64_t* words = base == 0 ? first_page_ : more_pages_[base / kPidsPerPage - 1];
    if (words != nullptr) {
      const int found = scan(words, first - base, std::min(end - base, kPidsPerPage), ~0ull);
      if (found >= 0) return base + found;
    }
    first = base + kPidsPerPage;
  }
  return -1;
}

Result<int> PidNamespace::take_next() {
  const int first = last_pid_ + 1 < pid_max_ ? last_pid_ + 1 : kReservedPids;
  int number = find_free(first, pid_max_);
  if (number < 0) {
    // Daemons that started early keep the low numbers; before the first wrap everything counts.
    const int restart = last_pid_ < kReservedPids ? 1 : kReservedPids;
    number = find_free(restart, std::min<int>(first, pid_max_));
  }
  if (number < 0) return Errno::again;
  last_pid_ = number;
  page_of(number)[number % kPidsPerPage / 64] |= 1ull << (number % 64);
  return number;
}

Result<void> PidNamespace::take_exactly(int number) {
  uint64_t* words = page_of(number);
  if (words == nullptr) return Errno::nomem;
  uint64_t& word = words[number % kPidsPerPage / 64];
  const uint64_t mask = 1ull << (number % 64);
  if (word & mask) return Errno::exist;
  word |= mask;
  return {};
}

Result<Ref<Pid>> PidNamespace::allocate(std::span<const int> set_tid) {
  // clone3(2): one number for each namespace level at most; EPERM where the caller may not choose.
  if (set_tid.size() > level_ + 1) return Errno::inval;
  for (int wanted : set_tid) {
    if (wanted < 1 || wanted >= pid_max_) return Errno::inval;
  }
  if (!set_tid.empty() && !capable(kCapCheckpointRestore) && !capable(kCapSysAdmin)) {
    return Errno::perm;
  }
  Ref<Pid> pid = TRY(make_ref<Pid>());
  pid->level = level_;
  IrqGuard guard(lock_);
  if (!open_) return Errno::nomem;  // its init is gone (G6)
  int number = 0;
  if (set_tid.empty()) {
    number = TRY(take_next());
  } else {
    number = set_tid[0];
    TRY(take_exactly(number));
  }
  pid->numbers[level_].value = number;
  pid->numbers[level_].space = this;
  insert(*pid);
  return pid;
}

void PidNamespace::insert(Pid& pid) {
  Pid::Number& number = pid.numbers[level_];
  std::atomic<Pid*>& bucket = buckets_[number.value % kBuckets];
  number.next_in_bucket.store(bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
  bucket.store(&pid, std::memory_order_release);
}

Pid* PidNamespace::look_up(int number) const {
  if (number <= 0) return nullptr;
  Pid* pid = buckets_[number % kBuckets].load(std::memory_order_acquire);
  while (pid != nullptr && pid->numbers[level_].value != number) {
    pid = pid->numbers[level_].next_in_bucket.load(std::memory_order_acquire);
  }
  return pid;
}

Ref<Pid> PidNamespace::find(int number) {
  LookupGuard lookup;
  Pid* pid = look_up(number);
  return pid != nullptr && pid->ref_get_unless_zero() ? Ref<Pid>::adopt(pid) : Ref<Pid>();
}

Ref<Pid> PidNamespace::find_at_or_after(int number) {
  IrqGuard guard(lock_);
  for (number = std::max(number, 1);; ++number) {
    number = find_used(number, kPidMaxLimit);
    if (number < 0) return {};
    Pid* pid = look_up(number);
    if (pid != nullptr && pid->ref_get_unless_zero()) return Ref<Pid>::adopt(pid);
  }
}

void PidNamespace::release(Pid& pid) {
  IrqGuard guard(lock_);
  const int number = pid.numbers[level_].value;
  std::atomic<Pid*>* link = &buckets_[number % kBuckets];
  while (Pid* linked = link->load(std::memory_order_relaxed)) {
    if (linked == &pid) break;
    link = &linked->numbers[level_].next_in_bucket;
  }
  // The released Pid's own link stays: who stands on it finds the way on.
  link->store(pid.numbers[level_].next_in_bucket.load(std::memory_order_relaxed),
              std::memory_order_release);
  page_of(number)[number % kPidsPerPage / 64] &= ~(1ull << (number % 64));
  pid.numbers[level_].space = nullptr;
}

Result<void> PidNamespace::set_pid_max(int value) {
  if (value < kPidMaxFloor || value > kPidMaxLimit) return Errno::inval;
  IrqGuard guard(lock_);
  pid_max_ = value;
  return {};
}

void PidNamespace::close() {
  IrqGuard guard(lock_);
  open_ = false;
}

}  // namespace tine
