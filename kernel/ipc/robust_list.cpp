// SPDX-License-Identifier: MIT
//
// The robust list: a thread's list, in its own memory, of the futexes it holds
// (get_robust_list(2)). When it dies, each is marked with FUTEX_OWNER_DIED and a waiter is woken.
// The list is the program's and may be broken in any way: the walk is bounded, and every bad
// address just ends it.
#include "ipc/futex_internal.h"

namespace tine::futex {

namespace {

constexpr unsigned kMaxEntries = 2048;

struct RobustHead {
  uint64_t next;
  int64_t futex_offset;
  uint64_t pending;  // being locked or unlocked right now
};

// Marks one futex if `tid` holds it. False: the address is bad. One that was pending and is free may
// have been unlocked a moment ago, its waiter not yet woken.
bool mark_dead(UserAddr word, bool is_pi, int tid, bool is_pending) {
  for (;;) {
    const Result<uint32_t> value = load_word(word);
    if (!value) return false;
    if (is_pending && !is_pi && *value == 0) wake_shared(word, 1);
    if ((*value & kTidMask) != static_cast<uint32_t>(tid)) return true;
    const uint32_t marked = (*value & kWaiters) | kOwnerDied;
    Result<uint32_t> found = arch::cmpxchg_user_u32_nofault(word, *value, marked);
    if (!found) {
      // The page is read-only for now (copy-on-write): writing the old value unshares it.
      if (!UserOut<uint32_t>(word).write(*value)) return false;
      continue;
    }
    if (*found != *value) continue;
    if (!is_pi && (*value & kWaiters)) wake_shared(word, 1);  // a PI one has an heir, see pi_futex.cpp
    return true;
  }
}

// Bit 0 of an entry marks a priority-inheriting futex; the rest is its place.
UserAddr word_of(uint64_t entry, int64_t offset) {
  return UserAddr((entry & ~1ull) + static_cast<uint64_t>(offset));
}

}  // namespace

void exit_robust_list(Task& task) {
  if (task.robust_list.value == 0) return;
  const UserAddr head_address = std::exchange(task.robust_list, UserAddr());
  const Result<RobustHead> head = UserIn<RobustHead>(head_address).read();
  if (!head) return;
  const int tid = task.tid();
  uint64_t entry = head->next;
  for (unsigned i = 0; (entry & ~1ull) != head_address.value && i < kMaxEntries; ++i) {
    // Read the next one first: once a futex is marked, its memory may be somebody else's.
    const Result<uint64_t> next = UserIn<uint64_t>(UserAddr(entry & ~1ull)).read();
    if (entry != head->pending && !mark_dead(word_of(entry, head->futex_offset), entry & 1, tid,
                                             /*is_pending=*/false)) {
      return;
    }
    if (!next) return;
    entry = *next;
  }
  if (head->pending != 0) {
    (void)mark_dead(word_of(head->pending, head->futex_offset), head->pending & 1, tid,
                    /*is_pending=*/true);
  }
}

}  // namespace tine::futex
