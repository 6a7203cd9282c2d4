// SPDX-License-Identifier: MIT
//
// Deferred reclamation: objects that are looked up without a lock (process number to task, a name
// to its entry) and freed only when no lookup that may have found them is still under way.
//
//   LookupGuard lookup;                 // reader: from here to the end nothing found is freed
//   Pid* pid = ...;                     // follow links that writers change under their lock
//   ... pid->ref_get_unless_zero() ...  // what is to be kept beyond the guard
//
//   unlink(object);                     // writer, under its own lock;
//   reclaim_later(object);              // later, when nobody refers to it
//
// A lookup keeps its CPU: preemption is off, it must not sleep, and interrupt handlers make none,
// as debug builds assert: so nothing is looked up on a CPU that idles.
// So a CPU that has passed the scheduler since an object was unlinked cannot hold it any more
// (wait_for_lookups). What is dead gathers per CPU, without a lock, and a kernel thread frees it in
// batches, when there are many or some time has passed. Nobody who looks up or unlinks ever waits.
// What must end at a certain moment (an open file) is destroyed then, and only its memory stays.
// With a single CPU no lookup can be under way on another one, and objects are freed at once.
#pragma once

#include <atomic>
#include <new>

#include "arch/cpu.h"
#include "core/panic.h"
#include "sync/preempt.h"

namespace tine {

// May nest. Nothing under it may call reclaim_later(), or drop a reference that may be the last.
class LookupGuard {
 public:
  LookupGuard() { TINE_DEBUG_ASSERT(arch::preempt_count() < arch::kHardIrqUnit); }  // no interrupt

 private:
  PreemptGuard stay_;
};

// Base of what can be given to reclaim_later(). A dead object is linked here; all else in it stays
// as it was for those who still look.
struct Reclaimable {
  Reclaimable* next_dead;  // from here on: not before reclaim_later()
  void (*reclaim)(Reclaimable&);
};

// `dead` can no longer be found and nobody refers to it. `reclaim` frees it; it may sleep only if
// this was called where it may. Any context; never fails.
void reclaim_later(Reclaimable& dead, void (*reclaim)(Reclaimable&));

// The thread that reclaims calls `reclaim`, on any number of CPUs: for what is let go of under locks
// that its end may take. It may sleep. Any context; never fails.
void hand_over(Reclaimable& dead, void (*reclaim)(Reclaimable&));

// Lookups may be under way elsewhere, or an interrupt has left something. Set when a second CPU
// comes up, at the latest.
extern std::atomic<bool> reclaim_is_deferred;

// No lookup can be under way, so that what has been unlinked may be freed at once. An interrupt may
// have come in the middle of one; anybody else is outside of them.
inline bool may_free_at_once() {
  return !reclaim_is_deferred.load(std::memory_order_relaxed) &&
         arch::preempt_count() < arch::kHardIrqUnit;
}

// Destroys and frees the object with `delete`.
template <class T>
void reclaim_later(T& dead) {
  if (may_free_at_once()) [[likely]] {
    delete &dead;
    return;
  }
  reclaim_later(dead, [](Reclaimable& object) { delete static_cast<T*>(&object); });
}

// Destroys the object now and frees its memory later, as delete would: lookups still read what the
// destructor leaves as it was, such as a count of zero. T is what the memory was allocated for, or
// its first base.
template <class T>
void destroy_and_reclaim_later(T& object) {
  if (may_free_at_once()) [[likely]] {
    delete &object;
    return;
  }
  object.~T();
  auto* memory = new (static_cast<Reclaimable*>(&object)) Reclaimable;
  reclaim_later(*memory, [](Reclaimable& dead) { T::operator delete(static_cast<T*>(&dead)); });
}

// Sleeps until every lookup that was under way when it was called has ended. Task context, no
// locks.
void wait_for_lookups();

// Frees all that was given to reclaim_later() before the call, and what only that referred to. Task
// context, no locks; sleeps.
void reclaim_all();

// How much waits to be freed. A snapshot.
uint64_t reclaimable_count();

// From here to task/cpu_threads.cpp: call reclaim_all() from a thread, soon or when it suits. Any
// context.
enum class ReclaimUrgency : uint8_t { relaxed, soon };
void request_reclaim(ReclaimUrgency urgency);

}  // namespace tine
