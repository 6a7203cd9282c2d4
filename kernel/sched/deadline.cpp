// SPDX-License-Identifier: MIT
//
// The deadline class (SCHED_DEADLINE): a task is promised `runtime` in every `period`, had within
// `deadline` of the period's start; sched(7). Earliest deadline first, and a constant bandwidth
// server for each task: one that has used its runtime up is throttled until its next period begins,
// so that a task that runs for longer than it said harms only itself. Admission (policy.cpp) keeps
// the sum of what is promised below what the CPUs have.
//
// Throttled tasks stay on the run queue, in a tree by the time at which they go on; the tick is armed
// for it. slice_left is the rest of the budget. Guarded by the run queue's lock; nothing can fail.
#include <algorithm>

#include "sched/run_queue.h"
#include "sched/tick.h"

namespace tine::sched {
namespace {

void start_instance(Schedulable& task, Nanoseconds now) {
  task.deadline_at = now + task.deadline.deadline;
  task.slice_left = task.deadline.runtime;
}

// Whether using the rest of the budget before the present deadline would take more than the task's
// share, or the deadline has passed: then a woken task starts afresh.
bool needs_fresh_instance(const Schedulable& task, Nanoseconds now) {
  if (task.deadline_at <= now) return true;
  auto left = static_cast<unsigned __int128>(std::max<Nanoseconds>(task.slice_left, 0));
  auto window = static_cast<unsigned __int128>(task.deadline_at - now);
  return left * static_cast<uint64_t>(task.deadline.deadline) >
         window * static_cast<uint64_t>(task.deadline.runtime);
}

void throttle(RunQueue& rq, Schedulable& task) REQUIRES(rq.lock) {
  task.is_throttled = true;
  --rq.deadline.ready;
  reschedule(rq);
}

void note_running(RunQueue& rq, const Schedulable& task) REQUIRES(rq.lock) {
  rq.running_deadline.store(task.deadline_at, std::memory_order_relaxed);
}

class DeadlineClass final : public SchedClass {
 public:
  constexpr DeadlineClass() : SchedClass(4) {}

  void enqueue(RunQueue& rq, Schedulable& task, EnqueueReason reason) const override {
    rq.lock.assert_held();
    if (task.is_throttled && reason != EnqueueReason::wake_up) {
      if (&task != rq.current) rq.deadline.throttled.insert(task);
      return;
    }
    // A sleep does not end a throttling early.
    if (task.is_throttled && ByReplenishment::time_of(task) > rq.now) {
      rq.deadline.throttled.insert(task);
      request_tick(rq, rq.now);
      return;
    }
    task.is_throttled = false;
    const bool has_slept = reason == EnqueueReason::wake_up;  // who only moves keeps his deadline
    if (task.slice_left <= 0 || (has_slept && needs_fresh_instance(task, rq.now))) {
      start_instance(task, rq.now);
    }
    ++rq.deadline.ready;
    if (&task == rq.current) {
      note_running(rq, task);
    } else {
      rq.deadline.waiting.insert(task);
      note_waiting_realtime(rq);
    }
  }

  void dequeue(RunQueue& rq, Schedulable& task) const override {
    if (!task.is_throttled) --rq.deadline.ready;
    if (&task != rq.current) remove(rq, task);
  }

  void put_previous(RunQueue& rq, Schedulable& task) const override {
    rq.lock.assert_held();
    if (task.is_throttled) {
      rq.deadline.throttled.insert(task);
      request_tick(rq, rq.now);
    } else {
      rq.deadline.waiting.insert(task);
      note_waiting_realtime(rq);
      offer_to_others(rq, task);
    }
  }

  void set_next(RunQueue& rq, Schedulable& task) const override {
    rq.lock.assert_held();
    remove(rq, task);
    note_running(rq, task);
  }

  Schedulable* peek(RunQueue& rq) const override {
    return rq.deadline.waiting.first();
  }

  bool beats(const RunQueue&, const Schedulable& waiting,
             const Schedulable& running) const override {
    return running.is_throttled || waiting.deadline_at < running.deadline_at;
  }
  bool preempts(const RunQueue& rq, const Schedulable& waiting, const Schedulable& running,
                EnqueueReason) const override {
    return !waiting.is_throttled && beats(rq, waiting, running);
  }

  void charge(RunQueue& rq, Schedulable& task, Nanoseconds delta) const override {
    rq.lock.assert_held();
    task.slice_left -= delta;
    if (task.slice_left <= 0 && !task.is_throttled) throttle(rq, task);
  }

  bool tick(RunQueue&, Schedulable&) const override { return false; }

  // The rest of this instance is given up: sched_yield(2) waits for the next period.
  void yield(RunQueue& rq, Schedulable& task) const override {
    rq.lock.assert_held();
    task.slice_left = 0;
    if (!task.is_throttled) throttle(rq, task);
  }

 private:
  static void remove(RunQueue& rq, Schedulable& task) {
    rq.lock.assert_held();
    DeadlineQueue& queue = rq.deadline;
    if (task.is_throttled) {
      queue.throttled.erase(task);
    } else {
      queue.waiting.erase(task);
      note_waiting_realtime(rq);
    }
  }
};

constexpr DeadlineClass deadline_instance;

}  // namespace

constinit const SchedClass& deadline_class = deadline_instance;

void replenish_deadline_tasks(RunQueue& rq, Nanoseconds now) {
  DeadlineQueue& queue = rq.deadline;
  while (!queue.throttled.empty()) {
    Schedulable& task = *queue.throttled.first();
    if (ByReplenishment::time_of(task) > now) return;
    queue.throttled.erase(task);
    task.is_throttled = false;
    while (task.slice_left <= 0) {  // an overrun is taken from the periods that follow
      task.slice_left += task.deadline.runtime;
      task.deadline_at += task.deadline.period;
    }
    if (task.deadline_at <= now) start_instance(task, now);
    ++queue.ready;
    queue.waiting.insert(task);
    note_waiting_realtime(rq);
    check_preemption(rq, task, EnqueueReason::moved);
  }
}

}  // namespace tine::sched
