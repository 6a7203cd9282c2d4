// SPDX-License-Identifier: MIT
//
// The real-time class (SCHED_FIFO, SCHED_RR): the highest priority runs until it sleeps, yields or
// is beaten; equals run in the order in which they came, under SCHED_RR in turns. sched(7).
//
// Bandwidth: while others wait, real-time tasks have 950 ms of each second, so that one that spins
// does not lock the machine up (Linux: sched_rt_runtime_us). Nobody waits: no limit.
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

constexpr Nanoseconds kRoundRobinSlice = 100'000'000;
constexpr Nanoseconds kBandwidthPeriod = kNsPerSecond;
constexpr Nanoseconds kBandwidthRuntime = kBandwidthPeriod / 100 * 95;

void start_period_if_due(RunQueue& rq) {
  RealtimeQueue& queue = rq.realtime;
  if (rq.now - queue.period_start < kBandwidthPeriod) return;
  queue.period_start = rq.now;
  queue.used = 0;
}

class RealtimeClass final : public SchedClass {
 public:
  constexpr RealtimeClass() : SchedClass(3) {}

  void enqueue(RunQueue& rq, Schedulable& task, EnqueueReason reason) const override {
    rq.lock.assert_held();
    if (reason == EnqueueReason::wake_up) task.awake_since = task.sum_exec_runtime;
    start_period_if_due(rq);
    ++rq.realtime.count;
    if (&task == rq.current) return;
    rq.realtime.waiting.insert(task);
    note_waiting_realtime(rq);
  }

  void dequeue(RunQueue& rq, Schedulable& task) const override {
    --rq.realtime.count;
    if (&task != rq.current) remove(rq, task);
  }

  // Who is preempted stays first of its priority; who has used its turn up, or yielded, goes last.
  void put_previous(RunQueue& rq, Schedulable& task) const override {
    rq.lock.assert_held();
    auto& waiting = rq.realtime.waiting;
    if (task.slice_left > 0) {
      waiting.insert_before_equals(task);
    } else {
      waiting.insert(task);
    }
    note_waiting_realtime(rq);
    offer_to_others(rq, task);
  }

  void set_next(RunQueue& rq, Schedulable& task) const override {
    remove(rq, task);
    if (task.slice_left <= 0) task.slice_left = kRoundRobinSlice;
  }

  Schedulable* peek(RunQueue& rq) const override {
    return rq.realtime.waiting.first();
  }

  bool beats(const RunQueue&, const Schedulable& waiting,
             const Schedulable& running) const override {
    return waiting.prio < running.prio ||
           (waiting.prio == running.prio && running.slice_left <= 0);
  }
  bool preempts(const RunQueue&, const Schedulable& waiting, const Schedulable& running,
                EnqueueReason) const override {
    return waiting.prio < running.prio;
  }

  void charge(RunQueue& rq, Schedulable& task, Nanoseconds delta) const override {
    rq.lock.assert_held();
    if (task.policy == kPolicyRoundRobin) task.slice_left -= delta;
    rq.realtime.used += delta;
    if (is_realtime_throttled(rq)) [[unlikely]] reschedule(rq);
  }

  bool tick(RunQueue& rq, Schedulable& task) const override {
    start_period_if_due(rq);
    if (task.policy != kPolicyRoundRobin || task.slice_left > 0) return false;
    Schedulable* next = peek(rq);
    if (next != nullptr && next->prio == task.prio) return true;
    task.slice_left = kRoundRobinSlice;
    return false;
  }

  void yield(RunQueue&, Schedulable& task) const override { task.slice_left = 0; }

 private:
  static void remove(RunQueue& rq, Schedulable& task) {
    rq.lock.assert_held();
    rq.realtime.waiting.erase(task);
    note_waiting_realtime(rq);
  }
};

constexpr RealtimeClass realtime_instance;

}  // namespace

constinit const SchedClass& realtime_class = realtime_instance;

bool is_realtime_throttled(const RunQueue& rq) {
  return rq.realtime.used >= kBandwidthRuntime && rq.fair.count != 0 &&
         rq.now - rq.realtime.period_start < kBandwidthPeriod;
}

// sched_rr_get_interval(2): 0 for SCHED_FIFO, which has no slice.
Nanoseconds round_robin_interval(const Schedulable& task) {
  if (task.policy == kPolicyRoundRobin) return kRoundRobinSlice;
  return task.policy == kPolicyFifo || task.policy == kPolicyDeadline ? 0 : kSlice;
}

}  // namespace tine::sched
