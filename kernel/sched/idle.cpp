// SPDX-License-Identifier: MIT
//
// The idle class: each CPU's idle task, which runs when nothing else can, and its loop. It is never
// queued, so most of the class's functions have nothing to do; it gives way to everybody.
#include "core/panic.h"
#include "mm/zeroed_frames.h"
#include "sched/run_queue.h"

namespace tine::sched {
namespace {

class IdleClass final : public SchedClass {
 public:
  constexpr IdleClass() : SchedClass(1) {}

  void enqueue(RunQueue&, Schedulable&, EnqueueReason) const override {
    panic("the idle task was woken");
  }
  void dequeue(RunQueue&, Schedulable&) const override { panic("the idle task went to sleep"); }
  void put_previous(RunQueue&, Schedulable&) const override {}
  void set_next(RunQueue&, Schedulable&) const override {}
  Schedulable* peek(RunQueue& rq) const override { return rq.idle; }
  bool beats(const RunQueue&, const Schedulable&, const Schedulable&) const override {
    return false;
  }
  bool preempts(const RunQueue&, const Schedulable&, const Schedulable&,
                EnqueueReason) const override {
    return false;
  }
  void charge(RunQueue&, Schedulable&, Nanoseconds) const override {}
  bool tick(RunQueue&, Schedulable&) const override { return false; }
  void yield(RunQueue&, Schedulable&) const override {}
};

constexpr IdleClass idle_instance;

}  // namespace

constinit const SchedClass& idle_class = idle_instance;

namespace {

// With several CPUs work often comes soon after it has ended. For a moment the CPU watches a word,
// which costs whoever wakes it less than an interrupt (E98). Interrupts stay off:
// the wait that follows takes them.
void poll_for_work(RunQueue& rq) {
  constexpr int kPolls = 64;
  rq.idle_polls.store(true);
  for (int i = 0; i < kPolls && !arch::need_resched() && !rq.poll_wake.load(); ++i) {
    arch::poll_relax();
  }
  // Who saw idle_polls set has set poll_wake by the time that it gives the lock back.
  rq.lock.lock_irqs_off();
  rq.idle_polls.store(false);
  rq.lock.unlock_irqs_off();
  if (rq.poll_wake.exchange(false)) arch::set_need_resched();
}

}  // namespace

void idle_loop() {
  for (;;) {
    arch::irq_disable();
    if (cpu_count() > 1) poll_for_work(this_run_queue());
    // An interrupt between the test and the wait is not lost: it is delivered by the wait.
    while (!arch::need_resched()) {
      if (!mm::clear_frame_for_later()) arch::cpu_idle();
    }
    arch::irq_enable();
    schedule();
  }
}

}  // namespace tine::sched
