// SPDX-License-Identifier: MIT
//
// Priority-inheriting futexes (futex(2), FUTEX_LOCK_PI). As long as somebody waits for one, a PiState
// names its owner; the waiters stand in it by priority, and the owner runs with the highest of those
// of all that wait for what it owns. An owner that waits itself passes it on, along the chain.
//
// Ownership is handed over, never fought for: who unlocks writes the new owner into the word. When an
// owner dies the heir writes the word itself, with FUTEX_OWNER_DIED, since only its own mapping of
// it is known. One lock guards all states, their links, and the tasks' pi_ fields: these futexes are
// rare. A state is made by the first waiter, outside the lock, and goes with the last.
#include "core/panic.h"
#include "ipc/futex_internal.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "task/pid/pid.h"

namespace tine::futex {

struct PiWaiter {
  PiWaiter* next = nullptr;  // in its state, lower or equal priority
  Task* task = nullptr;
  PiState* state = nullptr;
  int prio = 0;              // as it is sorted in
  bool heir = false;         // got it by its owner's death: the word is still to be written
  std::atomic<bool> granted{false};
};

struct PiState : HeapAllocated {
  static constexpr const char* kCacheName = "futex_pi_state";
  Key key;
  Task* owner = nullptr;     // alive as long as it is named here: see exit_pi_states()
  PiState* next_held = nullptr;
  PiState* next = nullptr;   // in the list of all
  PiWaiter* waiters = nullptr;
};

namespace {

constinit IrqSpinLock pi_lock{LockRank::pi_futexes};
PiState* all_states GUARDED_BY(pi_lock) = nullptr;

PiState* find_state(const Key& key) REQUIRES(pi_lock) {
  PiState* state = all_states;
  while (state != nullptr && !(state->key == key)) state = state->next;
  return state;
}

// --- Lists.

template <class Node, Node* Node::*link>
void unlink(Node*& first, Node& node) {
  Node** place = &first;
  while (*place != &node) place = &((*place)->*link);
  *place = node.*link;
}

void insert_waiter(PiState& state, PiWaiter& waiter) REQUIRES(pi_lock) {
  waiter.prio = waiter.task->prio;
  PiWaiter** place = &state.waiters;
  while (*place != nullptr && (*place)->prio <= waiter.prio) place = &(*place)->next;
  waiter.next = *place;
  *place = &waiter;
}

void set_owner(PiState& state, Task& owner) REQUIRES(pi_lock) {
  state.owner = &owner;
  state.next_held = owner.pi_held;
  owner.pi_held = &state;
}

// --- Priorities.

// What those who wait for the task lend it. Only real-time priorities are lent.
int lent_to(const Task& task) REQUIRES(pi_lock) {
  int best = sched::kNoBoost;
  for (const PiState* state = task.pi_held; state != nullptr; state = state->next_held) {
    if (state->waiters != nullptr) best = std::min(best, state->waiters->prio);
  }
  return best < 100 ? std::max(best, 0) : sched::kNoBoost;
}

// Brings the owner's priority up to date, and of those along the chain that it waits in. No chain
// has a ring, so this ends.
void lend(Task* task) REQUIRES(pi_lock) {
  while (task != nullptr) {
    const int before = task->prio;
    sched::set_inherited_priority(*task, lent_to(*task));
    PiWaiter* blocked = task->pi_blocked_on;
    if (task->prio == before || blocked == nullptr) return;
    PiState& state = *blocked->state;
    unlink<PiWaiter, &PiWaiter::next>(state.waiters, *blocked);
    insert_waiter(state, *blocked);
    task = state.owner;
  }
}

// Whether `waiter` would wait for itself if it waited for `owner`.
bool would_deadlock(const Task& waiter, const Task* owner) REQUIRES(pi_lock) {
  while (owner != nullptr) {
    if (owner == &waiter) return true;
    if (owner->pi_blocked_on == nullptr) return false;
    owner = owner->pi_blocked_on->state->owner;
  }
  return false;
}

// --- Handing over.

void remove_state(PiState& state) REQUIRES(pi_lock) {
  unlink<PiState, &PiState::next_held>(state.owner->pi_held, state);
  unlink<PiState, &PiState::next>(all_states, state);
}

// The first waiter becomes the owner. True: nobody is left waiting, so the state is to be freed.
bool hand_over(PiState& state, bool by_death) REQUIRES(pi_lock) {
  PiWaiter& heir = *state.waiters;
  Task& old_owner = *state.owner;
  const Ref<Task> new_owner(*heir.task);  // as soon as it sees `granted` it may go
  state.waiters = heir.next;
  unlink<PiState, &PiState::next_held>(old_owner.pi_held, state);
  new_owner->pi_blocked_on = nullptr;
  set_owner(state, *new_owner);
  const bool is_last = state.waiters == nullptr;
  if (is_last) remove_state(state);
  heir.heir = by_death;
  lend(&old_owner);
  lend(new_owner.get());
  heir.granted.store(true, std::memory_order_release);
  (void)wake_up(*new_owner);
  return is_last;
}

// The waiter gives up, unless it has just become the owner. The state to be freed goes to `unused`.
bool stop_waiting(PiWaiter& waiter, Owned<PiState>& unused) {
  IrqGuard guard(pi_lock);
  if (waiter.granted.load(std::memory_order_relaxed)) return false;
  PiState& state = *waiter.state;
  unlink<PiWaiter, &PiWaiter::next>(state.waiters, waiter);
  waiter.task->pi_blocked_on = nullptr;
  Task* owner = state.owner;
  if (state.waiters == nullptr) {
    remove_state(state);
    unused = Owned<PiState>::adopt(&state);
  }
  lend(owner);
  return true;
}

// The heir of a dead owner puts its number into the word. A bad address leaves it as it is.
void write_heir(UserAddr word, uint32_t tid) {
  while (true) {
    const Result<uint32_t> old = load_word(word);
    if (!old || !make_writable(word)) return;
    const uint32_t wanted = (*old & kWaiters) | kOwnerDied | tid;
    const Result<uint32_t> found = arch::cmpxchg_user_u32_nofault(word, *old, wanted);
    if (found && *found == *old) return;
  }
}

// Of a waiter that is queued: until it owns the futex, or gives up.
Result<void> wait_for_grant(UserAddr word, PiWaiter& waiter, Nanoseconds deadline,
                            Errno interrupted) {
  const Result<void> slept = sleep_until(
      [&] { return waiter.granted.load(std::memory_order_acquire); }, deadline, interrupted);
  Owned<PiState> unused;
  if (!slept && stop_waiting(waiter, unused)) return slept;
  if (waiter.heir) write_heir(word, static_cast<uint32_t>(current().tid()));
  return {};
}

enum class Attempt : uint8_t { taken, queued, word_is_missing, changed };

// One look at the word: takes the futex if it is free, else queues the waiter. `owner` is the task
// that the word named when it was read outside the lock, `spare` a state for the first waiter.
Result<Attempt> try_lock(UserAddr word, const Key& key, PiWaiter& waiter, Task* owner, int owner_tid,
                         Owned<PiState>& spare, bool only_try) {
  Task& self = *waiter.task;
  const auto tid = static_cast<uint32_t>(self.tid());
  IrqGuard guard(pi_lock);
  const Result<uint32_t> value = arch::load_user_u32_nofault(word);
  if (!value) return Attempt::word_is_missing;
  PiState* state = find_state(key);
  if ((*value & kTidMask) == tid) return Errno::deadlk;
  if ((*value & kTidMask) == 0 && state == nullptr) {
    const uint32_t wanted = tid | (*value & kOwnerDied);
    const Result<uint32_t> found = arch::cmpxchg_user_u32_nofault(word, *value, wanted);
    if (!found) return Attempt::word_is_missing;
    return *found == *value ? Attempt::taken : Attempt::changed;
  }
  if (only_try) return Errno::again;
  if (state == nullptr) {
    if (static_cast<int>(*value & kTidMask) != owner_tid) return Attempt::changed;
    if (owner == nullptr) return Errno::srch;
    if (owner->is_kernel_thread()) return Errno::perm;
    if (owner->flags & kPfExiting) return Attempt::changed;  // its death will be seen in the word
  }
  if (would_deadlock(self, state != nullptr ? state->owner : owner)) return Errno::deadlk;
  const Result<uint32_t> found = arch::cmpxchg_user_u32_nofault(word, *value, *value | kWaiters);
  if (!found) return Attempt::word_is_missing;
  if (*found != *value) return Attempt::changed;
  if (state == nullptr) {
    state = spare.leak();
    state->key = key;
    state->next = all_states;
    all_states = state;
    set_owner(*state, *owner);
  }
  waiter.state = state;
  insert_waiter(*state, waiter);
  self.pi_blocked_on = &waiter;
  lend(state->owner);
  return Attempt::queued;
}

// Takes the futex or queues the waiter, however often the word changes meanwhile.
Result<Attempt> lock_or_queue(UserAddr word, const Key& key, PiWaiter& waiter, bool only_try) {
  Owned<PiState> spare = TRY(make<PiState>());
  for (;;) {
    const uint32_t seen = TRY(load_word(word));
    const int owner_tid = static_cast<int>(seen & kTidMask);
    const Ref<Task> owner = owner_tid != 0 ? find_task(owner_tid) : Ref<Task>();
    const Attempt attempt =
        TRY(try_lock(word, key, waiter, owner.get(), owner_tid, spare, only_try));
    if (attempt == Attempt::taken || attempt == Attempt::queued) return attempt;
    if (attempt == Attempt::word_is_missing) TRY(make_writable(word));
    if (signal_pending(current())) return Errno::restart_nointr;
    if (attempt == Attempt::changed) sched::yield();  // an owner that exits needs the CPU for it
  }
}

}  // namespace

Result<void> lock_pi(UserAddr word, Sharing sharing, Nanoseconds deadline, bool only_try) {
  const Key key = TRY(make_key(word, sharing));
  PiWaiter waiter;
  waiter.task = &current();
  if (TRY(lock_or_queue(word, key, waiter, only_try)) == Attempt::taken) return {};
  return wait_for_grant(word, waiter, deadline, Errno::restart_nointr);
}

Result<void> unlock_pi(UserAddr word, Sharing sharing) {
  const Key key = TRY(make_key(word, sharing));
  const auto tid = static_cast<uint32_t>(current().tid());
  Owned<PiState> unused;  // freed when the lock is not held any more
  for (;;) {
    {
      IrqGuard guard(pi_lock);
      const Result<uint32_t> value = arch::load_user_u32_nofault(word);
      if (value && (*value & kTidMask) != tid) return Errno::perm;
      PiState* state = find_state(key);
      if (state != nullptr && state->owner != &current()) return Errno::inval;
      const uint32_t wanted =
          state != nullptr ? kWaiters | static_cast<uint32_t>(state->waiters->task->tid()) : 0;
      const Result<uint32_t> found =
          value ? arch::cmpxchg_user_u32_nofault(word, *value, wanted) : value;
      if (found && *found == *value) {
        if (state != nullptr && hand_over(*state, /*by_death=*/false)) {
          unused = Owned<PiState>::adopt(state);
        }
        return {};
      }
      if (found) continue;
    }
    TRY(make_writable(word));
  }
}

Result<void> wait_requeue_pi(UserAddr word, UserAddr target, Sharing sharing, uint32_t expected,
                             Nanoseconds deadline) {
  if (word == target) return Errno::inval;
  PiWaiter pi;
  FutexWaiter waiter;
  waiter.pi_key = TRY(make_key(target, sharing));
  waiter.key = TRY(make_key(word, sharing));
  if (waiter.key == waiter.pi_key) return Errno::inval;
  waiter.pi = &pi;
  waiter.task = pi.task = &current();
  TRY(enqueue_if_equal(bucket_of(waiter.key), waiter, word, expected));
  const Result<void> slept =
      sleep_until([&] { return waiter.woken.load(std::memory_order_acquire); }, deadline,
                  Errno::restart_nointr);
  if (leave_queue(waiter)) return slept;
  // It has been moved. To start again would find another value in the word.
  return wait_for_grant(target, pi, deadline, Errno::again);
}

namespace {

// The first waiter of `from` leaves its bucket: it gets the futex, or waits for it. True: done;
// false: nobody waits, or (see `obstacle`) something must be done without the locks first.
Result<bool> move_first(Bucket& bucket, const Key& from, UserAddr target, const Key& to, Task* owner,
                        int owner_tid, Owned<PiState>& spare, Attempt& obstacle)
    REQUIRES(bucket.lock) {
  FutexWaiter* waiter = bucket.waiters.first;
  while (waiter != nullptr && !(waiter->key == from)) waiter = waiter->next;
  if (waiter == nullptr) return false;
  if (waiter->pi == nullptr || !(waiter->pi_key == to)) return Errno::inval;
  PiWaiter& pi = *waiter->pi;
  const Attempt attempt = TRY(try_lock(target, to, pi, owner, owner_tid, spare, false));
  if (attempt == Attempt::word_is_missing || attempt == Attempt::changed) {
    obstacle = attempt;
    return false;
  }
  bucket.waiters.erase(*waiter);
  const Ref<Task> task(*waiter->task);  // as soon as it sees `woken` it may go
  if (attempt == Attempt::taken) pi.granted.store(true, std::memory_order_relaxed);
  waiter->woken.store(true, std::memory_order_release);
  (void)wake_up(*task);  // it sleeps on for the grant, if it has to
  return true;
}

}  // namespace

Result<int> cmp_requeue_pi(UserAddr word, UserAddr target, Sharing sharing, int wake_limit,
                           int move_limit, uint32_t expected) {
  if (wake_limit != 1 || move_limit < 0 || word == target) return Errno::inval;
  const Key from = TRY(make_key(word, sharing));
  const Key to = TRY(make_key(target, sharing));
  if (from == to) return Errno::inval;
  Bucket& bucket = bucket_of(from);
  for (int moved = 0; moved <= move_limit;) {
    Owned<PiState> spare = TRY(make<PiState>());
    const int owner_tid = static_cast<int>(TRY(load_word(target)) & kTidMask);
    const Ref<Task> owner = owner_tid != 0 ? find_task(owner_tid) : Ref<Task>();
    if (moved == 0 && TRY(load_word(word)) != expected) return Errno::again;
    Attempt obstacle = Attempt::queued;
    {
      IrqGuard guard(bucket.lock);
      const Result<uint32_t> value = arch::load_user_u32_nofault(word);
      if (!value) continue;  // it has been swapped for another page: fault it in again
      if (moved == 0 && *value != expected) return Errno::again;
      const Result<bool> done =
          move_first(bucket, from, target, to, owner.get(), owner_tid, spare, obstacle);
      if (!done) return moved > 0 ? Result<int>(moved) : done.error();
      if (*done) {
        ++moved;
        continue;
      }
    }
    if (obstacle == Attempt::queued) return moved;  // nobody is left
    if (obstacle == Attempt::word_is_missing) TRY(make_writable(target));
    if (signal_pending(current())) return moved > 0 ? Result<int>(moved) : Errno::restart_nointr;
    if (obstacle == Attempt::changed) sched::yield();
  }
  return move_limit + 1;
}

void exit_pi_states(Task& task) {
  for (;;) {
    Owned<PiState> unused;
    IrqGuard guard(pi_lock);
    if (task.pi_held == nullptr) return;
    PiState& state = *task.pi_held;
    if (hand_over(state, /*by_death=*/true)) unused = Owned<PiState>::adopt(&state);
  }
}

}  // namespace tine::futex
