// SPDX-License-Identifier: MIT
//
// How a task goes to sleep: the sleeping half of sync/parking.h (wake_up is in wake.cpp).
// The state is set before the condition is tested, with a full barrier in between; a waker changes
// the condition, then looks at the state. One of the two sees the other. Nothing here fails.
#include "arch/cpu.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/parking.h"

namespace tine {
namespace {

struct SleepTimer : time::Timer {
  explicit SleepTimer(sched::Schedulable& sleeper) : Timer(expired), task(sleeper) {}
  static void expired(time::Timer& timer) { wake_up(static_cast<SleepTimer&>(timer).task); }
  sched::Schedulable& task;
};

}  // namespace

void prepare_to_sleep(TaskState state) {
  arch::current_schedulable()->state.store(state, std::memory_order_seq_cst);
}

void finish_sleep() {
  arch::current_schedulable()->state.store(TaskState::running, std::memory_order_relaxed);
}

bool sleep_is_interrupted() {
  const sched::Schedulable& task = *arch::current_schedulable();
  uint32_t work = task.work.load(std::memory_order_relaxed);
  switch (task.state.load(std::memory_order_relaxed)) {
    case TaskState::interruptible:
      return work & (sched::kWorkSignal | sched::kWorkFatalSignal);
    case TaskState::killable:
      return work & sched::kWorkFatalSignal;
    default:
      return false;  // `running`: somebody has woken it, so there is a condition to test first
  }
}

bool is_on_cpu(const sched::Schedulable& task) {
  return task.on_cpu.load(std::memory_order_relaxed);
}

bool schedule_until(Nanoseconds deadline) {
  if (deadline == kNever) {
    sched::schedule();
    return true;
  }
  SleepTimer timer(*arch::current_schedulable());
  time::arm(timer, deadline);
  sched::schedule();
  // If the timer is still armed somebody else woke the task, in time.
  return time::cancel(timer);
}

}  // namespace tine
