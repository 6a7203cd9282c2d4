// SPDX-License-Identifier: MIT
//
// The timers of a process; interval_timers.h says who owns what. Order of locks: task_tree_lock (to
// read CPU times and to signal) is never held together with IntervalTimers::lock here.
// Only creation can fail (ENOMEM).
#include "task/timer/interval_timers.h"

#include <algorithm>
#include <utility>

#include "sched/sched.h"
#include "task/timer/cpu_clock.h"

namespace tine {
namespace {

constexpr Nanoseconds kShortestPoll = 1'000'000;
// How soon a timer fires again whose signal nobody takes, for many of short periods would use up a
// CPU. The taking of a timer_create timer's signal has it look sooner.
constexpr Nanoseconds kUnheardPeriod = 4'000'000;
constexpr int kMaxOverrun = INT32_MAX;

// When to look at the timer again, on the monotonic clock.
Nanoseconds next_look(const SignalTimer& timer, Nanoseconds now) {
  if (timer.clock == TimerClock::monotonic) return timer.expiry;
  if (timer.clock == TimerClock::realtime) return timer.expiry - time::realtime_offset();
  Nanoseconds left = std::max<Nanoseconds>(timer.expiry - now, 0);
  return time::monotonic_now() + std::max(left / sched::cpu_count(), kShortestPoll);
}

// What has become of the signal so far.
struct Hearing {
  bool is_pending;
  bool is_ignored;
};

Hearing hearing_of(SignalTimer& timer) REQUIRES(task_tree_lock) {
  Task& receiver = timer.thread ? *timer.thread : timer.process.leader();
  IrqGuard guard(receiver.sighand->lock);
  const signal::SigSet pending =
      timer.thread ? timer.thread->pending.set : timer.process.shared_pending.set;
  return {.is_pending = (pending & signal::bit(timer.signal)) != 0,
          .is_ignored = receiver.sighand->handler(timer.signal) == signal::kIgnoreHandler};
}

// The signal of a timer_create timer is queued once; while it is pending, periods are counted. Whether
// somebody hears it: not who ignores it, nor who has yet to take the last one.
bool send(SignalTimer& timer, int new_overrun) {
  IrqGuard guard(task_tree_lock);
  if (timer.signal == 0 || timer.process.threads.empty()) return false;
  if (timer.thread && timer.thread->exit_state != Task::ExitState::alive) return false;
  const Hearing hearing = hearing_of(timer);
  const bool is_heard = !hearing.is_pending && !hearing.is_ignored;
  if (timer.id < 0) {
    (void)signal::send_to_process_locked(timer.process.leader(), timer.signal, nullptr);
    return is_heard;
  }
  if (hearing.is_pending) {
    timer.overrun = static_cast<int>(
        std::min<int64_t>(int64_t{timer.overrun.load()} + new_overrun + 1, kMaxOverrun));
    return false;
  }
  timer.overrun = new_overrun;
  signal::SigInfo info{.number = timer.signal, .code = signal::kSiTimer};
  info.timer = {timer.id, new_overrun, timer.value};
  if (timer.thread) {
    (void)signal::send_to_task_locked(*timer.thread, timer.signal, &info);
  } else {
    (void)signal::send_to_process_locked(timer.process.leader(), timer.signal, &info);
  }
  return is_heard;
}

void timer_fired(time::Timer& base) {
  auto& timer = static_cast<SignalTimer&>(base);
  IntervalTimers& timers = *timer.process.interval_timers;
  Nanoseconds now = read_timer_clock(timer);
  int64_t overrun = 0;
  Nanoseconds next = kNever;
  {
    IrqGuard guard(timers.lock);
    if (timer.expiry == kNever) return;  // disarmed while the interrupt was on its way
    if (now < timer.expiry) {
      time::arm(timer, next_look(timer, now));
      return;
    }
    if (timer.interval == 0) {
      timer.expiry = kNever;
    } else {
      overrun = (now - timer.expiry) / timer.interval;
      timer.expiry += (overrun + 1) * timer.interval;
      next = timer.expiry;
    }
  }
  const bool is_heard = send(timer, static_cast<int>(std::min<int64_t>(overrun, kMaxOverrun)));
  if (next == kNever) return;
  const Nanoseconds pause = is_heard ? 0 : timer.id < 0 ? kShortestPoll : kUnheardPeriod;
  const Nanoseconds soonest = time::monotonic_now() + pause;
  IrqGuard guard(timers.lock);
  if (timer.expiry == next) time::arm(timer, std::max(next_look(timer, now), soonest));
}

void stop(IntervalTimers& timers, SignalTimer& timer) {
  {
    IrqGuard guard(timers.lock);
    timer.expiry = kNever;
    timer.interval = 0;
    timer.deleted = true;
  }
  time::cancel(timer);
}

TimerSetting setting_locked(const SignalTimer& timer, Nanoseconds now) {
  if (timer.expiry == kNever) return {timer.interval, 0};
  const Nanoseconds left = timer.expiry - now;
  if (left <= 0 && timer.interval != 0) {
    return {timer.interval, timer.interval - -left % timer.interval};
  }
  return {timer.interval, std::max<Nanoseconds>(left, 1)};  // 0 would say that it is disarmed
}

void delete_all_posix(IntervalTimers& timers) {
  for (;;) {
    Ref<PosixTimer> first;
    {
      IrqGuard guard(timers.lock);
      if (!timers.first) return;
      first = std::move(timers.first);
      timers.first = std::move(first->next);
    }
    stop(timers, first->timer);
  }
}

}  // namespace

SignalTimer::SignalTimer(SignalState& p, TimerClock c) : Timer(timer_fired), process(p), clock(c) {}

IntervalTimers::IntervalTimers(SignalState& process)
    : interval{SignalTimer(process, TimerClock::monotonic),
               SignalTimer(process, TimerClock::process_user_time),
               SignalTimer(process, TimerClock::process_cpu_time)} {
  interval[0].signal = signal::kSigAlrm;
  interval[1].signal = signal::kSigVtalrm;
  interval[2].signal = signal::kSigProf;
}

IntervalTimers::~IntervalTimers() {
  for (SignalTimer& timer : interval) stop(*this, timer);
  delete_all_posix(*this);
}

Result<IntervalTimers*> interval_timers() {
  Task& task = current();
  SignalState& process = *task.signal;
  {
    IrqGuard guard(task.sighand->lock);
    if (process.interval_timers != nullptr) return process.interval_timers;
  }
  Owned<IntervalTimers> fresh = TRY(make<IntervalTimers>(process));
  IrqGuard guard(task.sighand->lock);
  if (process.interval_timers == nullptr) process.interval_timers = fresh.leak();
  return process.interval_timers;
}

Nanoseconds read_timer_clock(const SignalTimer& timer) {
  switch (timer.clock) {
    case TimerClock::monotonic:
      return time::monotonic_now();
    case TimerClock::realtime:
      return time::realtime_now();
    default:
      break;
  }
  // The timer's process is the caller's, or the interrupt's tick has just charged it.
  sched::charge_current_time();
  IrqGuard guard(task_tree_lock);
  CpuTime time = process_cpu_time_locked(timer.process);
  return timer.clock == TimerClock::process_user_time ? time.user : time.total();
}

TimerSetting get_timer(IntervalTimers& timers, SignalTimer& timer) {
  Nanoseconds now = read_timer_clock(timer);
  IrqGuard guard(timers.lock);
  return setting_locked(timer, now);
}

TimerSetting set_timer(IntervalTimers& timers, SignalTimer& timer, Nanoseconds first,
                       Nanoseconds interval) {
  Nanoseconds now = read_timer_clock(timer);
  IrqGuard guard(timers.lock);
  TimerSetting old = setting_locked(timer, now);
  // A callback that has begun elsewhere waits for the lock and then finds the new expiry.
  time::try_cancel(timer);
  if (timer.deleted) return old;
  timer.expiry = first;
  timer.interval = first == kNever ? 0 : interval;
  timer.overrun = 0;
  if (first != kNever) time::arm(timer, next_look(timer, now));
  return old;
}

Result<int> add_posix_timer(IntervalTimers& timers, Ref<PosixTimer> timer) {
  IrqGuard guard(timers.lock);
  if (timers.next_id == INT32_MAX) return Errno::again;
  int id = timers.next_id++;
  timer->timer.id = id;
  timer->next = std::move(timers.first);
  timers.first = std::move(timer);
  return id;
}

Result<Ref<PosixTimer>> find_posix_timer(int id) {
  IntervalTimers& timers = *TRY(interval_timers());
  IrqGuard guard(timers.lock);
  for (PosixTimer* timer = timers.first.get(); timer != nullptr; timer = timer->next.get()) {
    if (timer->timer.id == id) return Ref<PosixTimer>(*timer);
  }
  return Errno::inval;
}

Result<void> delete_posix_timer(int id) {
  IntervalTimers& timers = *TRY(interval_timers());
  Ref<PosixTimer> found;
  {
    IrqGuard guard(timers.lock);
    Ref<PosixTimer>* link = &timers.first;
    while (*link && (*link)->timer.id != id) link = &(*link)->next;
    if (!*link) return Errno::inval;
    found = std::move(*link);
    *link = std::move(found->next);
  }
  stop(timers, found->timer);
  return {};
}

void note_signal_taken(SignalState& process, signal::SigInfo& info) {
  if (process.interval_timers == nullptr) return;
  IntervalTimers& timers = *process.interval_timers;
  IrqGuard guard(timers.lock);
  PosixTimer* found = timers.first.get();
  while (found != nullptr && found->timer.id != info.timer.timer_id) found = found->next.get();
  if (found == nullptr) return;
  SignalTimer& timer = found->timer;
  int64_t overrun = timer.overrun;
  // An interrupt may be late, on a busy host by many periods.
  const Nanoseconds now =
      timer.clock == TimerClock::realtime ? time::realtime_now() : time::monotonic_now();
  const bool is_wall_clock =
      timer.clock == TimerClock::monotonic || timer.clock == TimerClock::realtime;
  if (is_wall_clock && timer.interval != 0 && now >= timer.expiry) {
    const int64_t passed = (now - timer.expiry) / timer.interval + 1;
    overrun += passed;
    timer.expiry += passed * timer.interval;
    time::arm(timer, next_look(timer, now));
  }
  timer.taken_overrun = static_cast<int>(std::min<int64_t>(overrun, kMaxOverrun));
  info.timer.overrun = timer.taken_overrun;
}

void delete_posix_timers(SignalState& process) {
  if (process.interval_timers != nullptr) delete_all_posix(*process.interval_timers);
}

void delete_all_timers(SignalState& process) {
  delete process.interval_timers;  // callbacks look there until the last timer has stopped
  process.interval_timers = nullptr;
}

}  // namespace tine
