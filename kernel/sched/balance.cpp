// SPDX-License-Identifier: MIT
//
// Which CPU a task runs on: the choice at fork and wake-up, and how CPUs take work from each other.
//
// A woken task goes back to where its memory is warm if that CPU is idle, else to an idle one, else
// it stays. A new task has nothing warm and goes where least is to do. Neither is sent to an idle
// CPU if its waker is likely to sleep before that one has woken (wake_cost.cpp). A CPU that would
// idle takes a waiting task from the busiest one; one that would run something lesser takes the most
// urgent real-time or deadline task that waits anywhere, and is told to when one has to wait, so that
// the most urgent ones run on all CPUs. A busy one has an idle one come when tasks wait at its tick,
// and from time to time it evens out the rest. Counts of other CPUs are read without their locks, as
// hints; their queues are locked by try_lock alone, so that no order among run queues is needed.
// Nothing here fails.
#include <algorithm>
#include <atomic>
#include <bit>
#include <utility>

#include "core/panic.h"
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

constexpr Nanoseconds kBalanceInterval = 16'000'000;
// How far the CPUs' progress may differ, in virtual time, before a task changes over; and how much a
// task that moves can be owed, so that nobody waits for long behind one.
constexpr int64_t kTolerance = 8'000'000;
constexpr int64_t kMostCarried = 64'000'000;
constexpr unsigned kMaxMoves = 8;   // in one balancing
constexpr unsigned kMaxLooks = 32;  // at tasks that may not be moved

// CPUs on which real-time or deadline tasks wait.
std::atomic<uint64_t> cpus_with_waiting_realtime{0};

// How urgent a task is, compared with those of other CPUs: the less, the more so.
struct Urgency {
  int prio;
  Nanoseconds deadline;  // of deadline tasks; else 0
  auto operator<=>(const Urgency&) const = default;
};

Urgency urgency_of(const Schedulable& task) {
  return {task.prio, task.prio == kDeadlinePrio ? Nanoseconds{task.deadline_at} : 0};
}

Urgency read_hint(const std::atomic<int>& prio_hint, const std::atomic<Nanoseconds>& deadline) {
  int prio = prio_hint.load(std::memory_order_relaxed);
  return {prio, prio == kDeadlinePrio ? deadline.load(std::memory_order_relaxed) : 0};
}
Urgency running_on(CpuId cpu) {
  return read_hint(run_queues[cpu].running_prio, run_queues[cpu].running_deadline);
}
Urgency waiting_on(CpuId cpu) {
  return read_hint(run_queues[cpu].waiting_prio, run_queues[cpu].waiting_deadline);
}

bool is_idle(CpuId cpu) { return run_queues[cpu].runnable == 0; }

// What is to do on a CPU: half what is there now, half the recent past.
uint64_t pressure(const RunQueue& rq) { return (rq.fair.total_weight + rq.load.average) / 2; }

// The first CPU of `cpus`, counted from `start` on and around, for which good(cpu) holds.
template <class Good>
CpuId find_from(CpuId start, uint64_t cpus, Good&& good) {
  for (uint64_t rest = std::rotr(cpus, static_cast<int>(start)); rest != 0; rest &= rest - 1) {
    CpuId cpu = (start + static_cast<CpuId>(std::countr_zero(rest))) % 64;
    if (good(cpu)) return cpu;
  }
  return kMaxCpus;
}

// Whether `other` is worth leaving `here` for, with a task of this weight.
bool has_clearly_less(const RunQueue& other, const RunQueue& here, uint64_t weight) {
  if (other.runnable != here.runnable) return other.runnable < here.runnable;
  return pressure(other) + weight < pressure(here);
}

// Of CPUs with as much to do, the first from `start` on.
CpuId least_loaded(CpuId start, uint64_t cpus, uint64_t weight) {
  CpuId best = kMaxCpus;
  (void)find_from(start, cpus, [&best, weight](CpuId cpu) {
    if (best == kMaxCpus || has_clearly_less(run_queues[cpu], run_queues[best], weight)) best = cpu;
    return false;
  });
  return best;
}

// The CPU that runs the least urgent task, if that gives way to one of this urgency.
CpuId least_urgent(CpuId start, uint64_t cpus, Urgency urgency) {
  CpuId best = kMaxCpus;
  Urgency least = urgency;
  (void)find_from(start, cpus, [&](CpuId cpu) {
    Urgency running = running_on(cpu);
    if (running > least) {
      least = running;
      best = cpu;
    }
    return false;
  });
  return best;
}

CpuId here_or_idle(const Schedulable& task, uint64_t allowed, CpuId idle) {
  CpuId here = arch::this_cpu().id;
  bool may_wait = task.prio >= 100 && allowed >> here & 1;
  return may_wait && waker_sleeps_sooner(idle) ? here : idle;
}

CpuId select_for_wake_up(const Schedulable& task, uint64_t allowed) {
  CpuId previous = task.cpu;
  CpuId start = allowed >> previous & 1 ? previous : static_cast<CpuId>(std::countr_zero(allowed));
  CpuId idle = find_from(start, allowed, is_idle);
  if (idle != kMaxCpus) return here_or_idle(task, allowed, idle);
  if (task.prio < 100) {
    if (running_on(start) > urgency_of(task)) return start;
    CpuId least = least_urgent(start, allowed, urgency_of(task));
    return least != kMaxCpus ? least : start;
  }
  // Where its waker runs is what the two share; worth it if clearly less is to do there.
  CpuId here = arch::this_cpu().id;
  if (here != start && allowed >> here & 1 &&
      pressure(run_queues[here]) + task.weight < pressure(run_queues[start])) {
    return here;
  }
  return start;
}

// By how much the fair tasks of `to` have been served better than those of `from`.
int64_t lead(const RunQueue& to, const RunQueue& from) REQUIRES(from.lock) REQUIRES(to.lock) {
  if (to.fair.has_idled || from.fair.has_idled) return 0;
  return static_cast<int64_t>(progress_of(to) - progress_of(from));
}

// Moves a waiting task from one locked queue to another, where it is owed what it has missed.
void move_between(RunQueue& from, RunQueue& to, Schedulable& task) REQUIRES(from.lock)
    REQUIRES(to.lock) {
  bool is_fair = task.sched_class == &fair_class;
  int64_t owed = is_fair ? lag_of(from.fair, task) + lead(to, from) : 0;
  deactivate(from, task);
  if (is_fair) {  // its progress stays what it is, although its coming moves V
    auto there = static_cast<int64_t>(to.fair.total_weight);
    owed = std::clamp(owed, -kMostCarried, kMostCarried);
    task.lag = owed * there / (there + task.weight);
  }
  task.cpu = to.cpu;
  ++task.migrations;
  activate(to, task, EnqueueReason::moved);
}

// The first task of the tree that may run on `cpu` and is no heavier than `limit`.
template <class Tree>
Schedulable* find_movable(Tree& tree, CpuId cpu, uint64_t limit) {
  return tree.find(kMaxLooks, [cpu, limit](const Schedulable& task) {
    return may_run_on(task, cpu) && task.weight <= limit;
  });
}

Schedulable* find_movable_fair(FairQueue& fair, CpuId cpu, uint64_t limit) {
  Schedulable* task = find_movable(fair.eligible, cpu, limit);
  return task != nullptr ? task : find_movable(fair.early, cpu, limit);
}

uint64_t others_with_waiting_realtime(const RunQueue& rq) {
  return cpus_with_waiting_realtime.load(std::memory_order_relaxed) & ~(1ull << rq.cpu);
}

CpuId busiest_cpu(CpuId except) {
  CpuId busiest = kMaxCpus;
  for (CpuId cpu = 0; cpu < cpu_count(); ++cpu) {
    if (cpu == except || run_queues[cpu].runnable < 2) continue;
    if (busiest == kMaxCpus || pressure(run_queues[cpu]) > pressure(run_queues[busiest])) {
      busiest = cpu;
    }
  }
  return busiest;
}

// A waiting real-time or deadline task of the other CPU that may come here.
Schedulable* find_movable_urgent(RunQueue& other, const RunQueue& rq) REQUIRES(other.lock) {
  Schedulable* task = find_movable(other.deadline.waiting, rq.cpu, UINT64_MAX);
  if (task != nullptr || is_realtime_throttled(rq)) return task;
  return find_movable(other.realtime.waiting, rq.cpu, UINT64_MAX);
}

// The first real-time or deadline task that waits here and may go elsewhere; null: none does.
const Schedulable* first_urgent(RunQueue& rq) REQUIRES(rq.lock) {
  auto may_go = [](const Schedulable& task) {
    return !std::has_single_bit(task.cpus_allowed & all_cpus());
  };
  const Schedulable* first = rq.deadline.waiting.find(kMaxLooks, may_go);
  return first != nullptr ? first : rq.realtime.waiting.find(kMaxLooks, may_go);
}

CpuId most_urgent_waiting(CpuId start, uint64_t cpus) {
  CpuId best = kMaxCpus;
  (void)find_from(start, cpus, [&best](CpuId cpu) {
    if (best == kMaxCpus || waiting_on(cpu) < waiting_on(best)) best = cpu;
    return false;
  });
  return best;
}

// Some task of this urgency waits, here or elsewhere: the CPU that runs what is least urgent, if less
// so, is told to come for it.
void tell_least_urgent(RunQueue& rq, uint64_t others, Urgency urgency) REQUIRES(rq.lock) {
  if (rq.interrupt_for != kMaxCpus) return;
  rq.interrupt_for = least_urgent(rq.cpu, others & ~(1ull << rq.cpu), urgency);
  rq.has_more_to_finish = true;
}

// Takes the most urgent real-time or deadline task that waits elsewhere, if it is more so than `next`.
bool take_most_urgent(RunQueue& rq, uint64_t cpus, const Schedulable& next) REQUIRES(rq.lock) {
  while (cpus != 0) {
    const CpuId cpu = most_urgent_waiting(rq.cpu, cpus);
    if (waiting_on(cpu) >= urgency_of(next)) return false;
    cpus &= ~(1ull << cpu);
    RunQueue& other = run_queues[cpu];
    if (!other.lock.try_lock_irqs_off()) continue;
    Schedulable* task = find_movable_urgent(other, rq);
    const bool is_better = task != nullptr && urgency_of(*task) < urgency_of(next);
    if (is_better) move_between(other, rq, *task);
    unlock(other);
    if (is_better) return true;
  }
  return false;
}

// Several may have told this CPU to come, which takes one task at most, or has become too busy: it
// passes the word on. Not if the task may not come here: the next CPU might only tell this one again.
bool pull_urgent(RunQueue& rq, uint64_t cpus, const Schedulable& next) REQUIRES(rq.lock) {
  const bool has_taken = take_most_urgent(rq, cpus, next);
  const uint64_t rest = others_with_waiting_realtime(rq);
  if (rest == 0) return has_taken;
  const Urgency waiting = waiting_on(most_urgent_waiting(rq.cpu, rest));
  if (has_taken || waiting >= urgency_of(next)) tell_least_urgent(rq, all_cpus(), waiting);
  return has_taken;
}

// Takes tasks whose move makes the two more even.
void even_out_weights(RunQueue& rq, Nanoseconds now) REQUIRES(rq.lock) {
  CpuId busiest = busiest_cpu(rq.cpu);
  if (busiest == kMaxCpus || pressure(run_queues[busiest]) <= pressure(rq)) return;
  RunQueue& other = run_queues[busiest];
  if (!other.lock.try_lock_irqs_off()) return;
  update_current(other, now);
  for (unsigned moved = 0; moved < kMaxMoves; ++moved) {
    if (other.fair.total_weight <= rq.fair.total_weight) break;
    uint64_t difference = other.fair.total_weight - rq.fair.total_weight;
    Schedulable* task = find_movable_fair(other.fair, rq.cpu, difference / 2);
    if (task == nullptr) break;
    move_between(other, rq, *task);
    check_preemption(rq, *task, EnqueueReason::moved);
  }
  unlock(other);
}

// The CPU on which somebody waits and virtual time has come least far, as each noted it at its tick.
CpuId slowest_cpu(CpuId except) {
  CpuId slowest = kMaxCpus;
  for (CpuId cpu = 0; cpu < cpu_count(); ++cpu) {
    const RunQueue& rq = run_queues[cpu];
    if (cpu == except || rq.fair.count < 2) continue;
    if (slowest == kMaxCpus || is_before(rq.progress, run_queues[slowest].progress)) slowest = cpu;
  }
  return slowest;
}

// Weights that cannot be split evenly, such as three equal tasks on two CPUs, are shared in turns:
// where virtual time runs faster it takes a task from where it runs slowest, and the task is owed
// the difference. So no task of either is further behind than the tolerance and an interval.
// A CPU from which nobody can be taken is not behind: its tasks have all that they can have.
void even_out_progress(RunQueue& rq, Nanoseconds now) REQUIRES(rq.lock) {
  if (rq.fair.count == 0) return;
  bool has_idled = std::exchange(rq.fair.has_idled, false);
  rq.progress = progress_of(rq);
  CpuId slowest = slowest_cpu(rq.cpu);
  if (slowest == kMaxCpus) return;
  RunQueue& other = run_queues[slowest];
  if (!other.lock.try_lock_irqs_off()) return;
  update_current(other, now);
  int64_t ahead = lead(rq, other);
  if (has_idled || ahead < -kMostCarried) {  // begins where the slowest is
    rq.fair.shift -= static_cast<uint64_t>(ahead);
  } else if (ahead > kTolerance) {
    Schedulable* task = find_movable_fair(other.fair, rq.cpu, UINT64_MAX);
    if (task != nullptr) {
      move_between(other, rq, *task);
      check_preemption(rq, *task, EnqueueReason::moved);
    }
    if (task == nullptr || ahead > kMostCarried) {
      other.fair.shift += static_cast<uint64_t>(lead(rq, other));
    }
  }
  unlock(other);
}

}  // namespace

CpuId select_among_cpus(const Schedulable& task, Placement why) {
  uint64_t allowed = task.cpus_allowed & all_cpus();
  TINE_DEBUG_ASSERT(allowed != 0);
  if (std::has_single_bit(allowed)) return static_cast<CpuId>(std::countr_zero(allowed));  // E89
  if (why == Placement::wake_up) return select_for_wake_up(task, allowed);
  if (task.prio < 100 && find_from(task.cpu, allowed, is_idle) == kMaxCpus) {
    CpuId least = least_urgent(task.cpu, allowed, urgency_of(task));
    if (least != kMaxCpus) return least;
  }
  CpuId least = least_loaded(task.cpu, allowed, task.weight);
  return is_idle(least) ? here_or_idle(task, allowed, least) : least;
}

bool pull_for_switch(RunQueue& rq, const Schedulable& next) {
  const uint64_t cpus = others_with_waiting_realtime(rq);
  if (cpus != 0 && pull_urgent(rq, cpus, next)) return true;
  if (&next != rq.idle) return false;
  CpuId busiest = busiest_cpu(rq.cpu);
  if (busiest == kMaxCpus) return false;
  RunQueue& other = run_queues[busiest];
  if (!other.lock.try_lock_irqs_off()) return false;
  update_current(other, rq.now);
  Schedulable* task = find_movable_fair(other.fair, rq.cpu, UINT64_MAX);
  if (task != nullptr) move_between(other, rq, *task);
  unlock(other);
  return task != nullptr;
}

void periodic_balance(RunQueue& rq, Nanoseconds now) {
  rq.next_balance = now + kBalanceInterval;
  rq.load.update(now, rq.fair.total_weight);
  even_out_weights(rq, now);
  even_out_progress(rq, now);
}

void offer_to_others(RunQueue& rq, const Schedulable& task) {
  if (has_one_cpu() || task.prio >= 100) return;
  tell_least_urgent(rq, task.cpus_allowed & all_cpus(), urgency_of(task));
}

void offer_waiting(RunQueue& rq) {
  const Schedulable* urgent = first_urgent(rq);
  if (urgent != nullptr) offer_to_others(rq, *urgent);
  if (rq.interrupt_for != kMaxCpus) return;
  rq.interrupt_for = find_from(rq.cpu, all_cpus(), [&rq](CpuId cpu) {
    return is_idle(cpu) && find_movable_fair(rq.fair, cpu, UINT64_MAX) != nullptr;
  });
}

void note_waiting_realtime(RunQueue& rq) {
  if (cpu_count() == 1) return;
  const Schedulable* first = first_urgent(rq);
  const bool waits = first != nullptr;
  const Urgency urgency = waits ? urgency_of(*first) : Urgency{kIdlePrio, 0};
  rq.waiting_prio.store(urgency.prio, std::memory_order_relaxed);
  rq.waiting_deadline.store(urgency.deadline, std::memory_order_relaxed);
  uint64_t bit = 1ull << rq.cpu;
  bool noted = cpus_with_waiting_realtime.load(std::memory_order_relaxed) & bit;
  if (waits == noted) return;
  if (waits) cpus_with_waiting_realtime.fetch_or(bit, std::memory_order_relaxed);
  else cpus_with_waiting_realtime.fetch_and(~bit, std::memory_order_relaxed);
}

}  // namespace tine::sched
