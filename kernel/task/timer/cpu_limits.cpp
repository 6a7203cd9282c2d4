// SPDX-License-Identifier: MIT
//
// The limits on CPU time (getrlimit(2)): RLIMIT_CPU for a process, RLIMIT_RTTIME for a real-time
// thread that does not sleep. At the soft limit SIGXCPU, again after each second more; at the hard
// one SIGKILL. A tick only notes that a limit is set, and the task looks for itself on its way back
// to user mode, where locks may be taken. The limits are guarded by task_tree_lock; nothing fails.
#include "task/timer/cpu_limits.h"

#include "sched/sched.h"
#include "task/signal_state.h"
#include "task/task.h"
#include "task/timer/cpu_clock.h"

namespace tine {
namespace {

constexpr uint64_t kUnlimited = ~0ull;

enum class Verdict : uint8_t { fine, warn, kill };

// `step`: how much later the next warning comes.
Verdict judge(SharedLimit& limit, uint64_t used, uint64_t step) {
  if (used >= limit.hard) return Verdict::kill;
  if (used < limit.soft) return Verdict::fine;
  limit.soft += step;
  return Verdict::warn;
}

Verdict judge_process(SignalState& process) REQUIRES(task_tree_lock) {
  SharedLimit& limit = process.limits[kLimitCpu];
  if (limit.soft == kUnlimited) return Verdict::fine;
  const auto used = static_cast<uint64_t>(process_cpu_time_locked(process).total());
  return judge(limit, used / static_cast<uint64_t>(kNsPerSecond), 1);
}

Verdict judge_thread(const Task& self, SignalState& process) REQUIRES(task_tree_lock) {
  SharedLimit& limit = process.limits[kLimitRttime];
  if (limit.soft == kUnlimited || !sched::is_realtime_policy(self.policy)) return Verdict::fine;
  const auto used = static_cast<uint64_t>(self.sum_exec_runtime - self.awake_since);
  return judge(limit, used / 1000, 1'000'000);
}

}  // namespace

void sched::task_tick(Schedulable& schedulable) {
  if (schedulable.mm == nullptr) return;
  const Task& task = task_of(schedulable);
  // Who is to die and has not been told yet does not run on for long.
  if (is_doomed(task) && !(task.flags & kPfExiting)) [[unlikely]] {
    schedulable.work.fetch_or(kWorkSignal | kWorkFatalSignal, std::memory_order_relaxed);
  }
  const SharedLimit* limits = task.signal->limits;  // read without the lock, as a hint
  if (limits[kLimitCpu].soft == kUnlimited && limits[kLimitRttime].soft == kUnlimited) return;
  schedulable.work.fetch_or(kWorkNotifyResume, std::memory_order_relaxed);
}

void check_cpu_limits(Task& self) {
  SignalState& process = *self.signal;
  if (process.limits[kLimitCpu].soft == kUnlimited &&
      process.limits[kLimitRttime].soft == kUnlimited) {
    return;
  }
  sched::charge_current_time();
  IrqGuard guard(task_tree_lock);
  for (const Verdict verdict : {judge_process(process), judge_thread(self, process)}) {
    if (verdict == Verdict::fine) continue;
    const int number = verdict == Verdict::kill ? signal::kSigKill : signal::kSigXcpu;
    (void)signal::send_to_process_locked(self, number, nullptr);
  }
}

}  // namespace tine
