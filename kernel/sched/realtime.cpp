// SPDX-License-Identifier: MIT
//
// The real-time class (SCHED_FIFO, SCHED_RR): the highest priority runs until it sleeps, yields or
// is beaten; equals run in the order in which they came, under SCHED_RR in turns. sched(7). There
// is no bandwidth limit yet (sched_rt_runtime_us): a task that spins at real-time priority keeps
// its CPU.
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

constexpr Nanoseconds kRoundRobinSlice = 100'000'000;

class RealtimeClass final : public SchedClass {
 public:
  constexpr RealtimeClass() : SchedClass(3) {}

  void enqueue(RunQueue& rq, Schedulable& task, EnqueueReason) const override {
    ++rq.realtime.count;
    if (&task != rq.current) rq.realtime.waiting.insert(task);
  }

  void dequeue(RunQueue& rq, Schedulable& task) const override {
    --rq.realtime.count;
    if (&task != rq.current) remove(rq, task);
  }

  // Who is preempted stays first of its priority; who has used its turn up, or yielded, goes last.
  void put_previous(RunQueue& rq, Schedulable& task) const override {
    auto& waiting = rq.realtime.waiting;
    if (task.slice_left > 0) {
      waiting.insert_before(waiting.lower_bound(task), task);
    } else {
      waiting.insert(task);
    }
  }

  void set_next(RunQueue& rq, Schedulable& task) const override {
    remove(rq, task);
    if (task.slice_left <= 0) task.slice_left = kRoundRobinSlice;
  }

  Schedulable* peek(RunQueue& rq) const override {
    return rq.realtime.waiting.empty() ? nullptr : &*rq.realtime.waiting.begin();
  }

  bool preempts(const RunQueue&, const Schedulable& waiting,
                const Schedulable& running) const override {
    return waiting.rt_priority > running.rt_priority;
  }

  void charge(RunQueue&, Schedulable& task, Nanoseconds delta) const override {
    if (task.policy == kPolicyRoundRobin) task.slice_left -= delta;
  }

  bool tick(RunQueue& rq, Schedulable& task) const override {
    if (task.policy != kPolicyRoundRobin || task.slice_left > 0) return false;
    Schedulable* next = peek(rq);
    if (next != nullptr && next->rt_priority == task.rt_priority) return true;
    task.slice_left = kRoundRobinSlice;
    return false;
  }

  void yield(RunQueue&, Schedulable& task) const override { task.slice_left = 0; }

 private:
  static void remove(RunQueue& rq, Schedulable& task) {
    rq.realtime.waiting.erase(rq.realtime.waiting.iterator_to(task));
  }
};

constexpr RealtimeClass realtime_instance;

}  // namespace

constinit const SchedClass& realtime_class = realtime_instance;

// sched_rr_get_interval(2): 0 for SCHED_FIFO, which has no slice.
Nanoseconds round_robin_interval(const Schedulable& task) {
  if (task.policy == kPolicyRoundRobin) return kRoundRobinSlice;
  return task.policy == kPolicyFifo ? 0 : kSlice;
}

}  // namespace tine::sched
