// SPDX-License-Identifier: MIT
//
// Who sleeps, and for how long, is read off the tasks: when a task was last charged for the CPU is
// when it fell asleep. So no switch, wake-up or fork does anything for this, and what is read
// without the run queue's lock may be just over; then the process only has its tables made again.
//
// The thread looks once a second until a look finds that all processes are asleep, and have been
// folded or need not be; then it sleeps until somebody forks, execs or has been unfolded. An idle
// kernel has nobody who wakes up for this. Locks: task_tree_lock for one process at a time.
#include "task/sleepers.h"

#include "mm/fold.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/wait_queue.h"
#include "task/clone/kthread.h"
#include "task/signal_state.h"

namespace tine {

namespace {

constexpr Nanoseconds kInterval = kNsPerSecond;
constexpr Nanoseconds kLongSleep = kNsPerSecond;
constexpr Nanoseconds kMoment = kNsPerSecond / 10;

constinit WaitQueue watch_begins;

struct Sleeper {
  Ref<mm::Mm> memory;  // null: it does not sleep, or shares its memory with other processes
  bool is_awake = false;
};

// Whether all threads of a process have been asleep since `since` or longer.
Sleeper look_at(Task& leader, Nanoseconds since) {
  Sleeper seen;
  IrqGuard tree(task_tree_lock);
  for (Task& thread : leader.signal->threads) {
    if (sched::asleep_since(thread) > since) return {.is_awake = true};
    if (!seen.memory) seen.memory = mm_of(thread);
  }
  const auto threads = static_cast<uint32_t>(leader.signal->thread_count);
  if (seen.memory && seen.memory->users.load(std::memory_order_relaxed) > threads) return {};
  return seen;
}

struct Look {
  uint64_t frames = 0;
  bool is_worth_repeating = false;
};

Look fold_those_asleep_for(Nanoseconds time) {
  Look look;
  const Nanoseconds since = time::monotonic_now() - time;
  for (Ref<Task> task = next_process(1); task; task = next_process(task->tgid() + 1)) {
    if (task->is_kernel_thread()) continue;
    const Sleeper sleeper = look_at(*task, since);
    look.is_worth_repeating |= sleeper.is_awake;
    if (!sleeper.memory) continue;
    const Result<uint64_t> gained = mm::fold_tables(*sleeper.memory);
    look.is_worth_repeating |= !gained;
    look.frames += gained.value_or(0);
  }
  return look;
}

int run_watch(void*) {
  for (;;) {
    (void)wait_event(watch_begins, WaitKind::uninterruptible,
                     [] { return mm::sleepers_are_watched.load(std::memory_order_relaxed); });
    (void)time::sleep_until(time::Clock::monotonic, time::monotonic_now() + kInterval);
    mm::sleepers_are_watched.store(false);  // who begins to run during the look sets it again
    if (fold_those_asleep_for(kLongSleep).is_worth_repeating) watch_sleepers();
  }
}

}  // namespace

void watch_sleepers() {
  if (!mm::sleepers_are_watched.exchange(true)) watch_begins.wake();
}

Result<void> start_watching_sleepers() {
  kthread_wake(*TRY(kthread_create(run_watch, nullptr, "sleepers")));
  return {};
}

uint64_t fold_all_sleepers() { return fold_those_asleep_for(kMoment).frames; }

}  // namespace tine
