// SPDX-License-Identifier: MIT
//
// The stop class: each CPU's own thread for what must be done there at once, above every policy that
// a program can ask for. Its one use: to move a task that runs on a CPU which it may not use any
// more. While the stop task runs the other does not, so it can be moved like one that waits.
//
// Work lives on the stack of who asks for it, and he waits until it is done. `stop_work_lock`
// guards the lists of work and is held with no other. Where a CPU has no stop task yet,
// stop_cpu() says so.
#include "arch/cpu.h"
#include "core/panic.h"
#include "sched/run_queue.h"
#include "sched/stop.h"
#include "sync/wait_queue.h"

namespace tine::sched {
namespace {

struct StopWork {
  void (*function)(void*);
  void* argument;
  StopWork* next = nullptr;
  Completion done;
};

constinit IrqSpinLock stop_work_lock{LockRank::unranked};
StopWork* pending[kMaxCpus] GUARDED_BY(stop_work_lock) = {};

StopWork* take_work(CpuId cpu) {
  IrqGuard guard(stop_work_lock);
  StopWork* work = pending[cpu];
  if (work != nullptr) pending[cpu] = work->next;
  return work;
}

class StopClass final : public SchedClass {
 public:
  constexpr StopClass() : SchedClass(5) {}

  void enqueue(RunQueue& rq, [[maybe_unused]] Schedulable& task, EnqueueReason) const override {
    TINE_DEBUG_ASSERT(rq.stop.load() == &task);
    rq.stop_ready = true;
  }
  void dequeue(RunQueue& rq, Schedulable&) const override { rq.stop_ready = false; }
  void put_previous(RunQueue&, Schedulable&) const override {}
  void set_next(RunQueue&, Schedulable&) const override {}
  Schedulable* peek(RunQueue& rq) const override {
    return rq.stop_ready && rq.current != rq.stop ? rq.stop.load() : nullptr;
  }
  bool beats(const RunQueue&, const Schedulable&, const Schedulable&) const override {
    return false;  // there is one a CPU
  }
  bool preempts(const RunQueue&, const Schedulable&, const Schedulable&,
                EnqueueReason) const override {
    return false;
  }
  void charge(RunQueue&, Schedulable&, Nanoseconds) const override {}
  bool tick(RunQueue&, Schedulable&) const override { return false; }
  void yield(RunQueue&, Schedulable&) const override {}
};

constexpr StopClass stop_instance;

}  // namespace

constinit const SchedClass& stop_class = stop_instance;

void run_stop_task() {
  const CpuId cpu = arch::current_schedulable()->cpu;
  for (;;) {
    prepare_to_sleep(TaskState::interruptible);  // of signals it has none
    StopWork* work = take_work(cpu);
    if (work == nullptr) {
      schedule();
      continue;
    }
    finish_sleep();
    work->function(work->argument);
    work->done.complete();  // from here on it may be gone
  }
}

bool stop_cpu(CpuId cpu, void (*function)(void*), void* argument) {
  Schedulable* stop = run_queues[cpu].stop;
  if (stop == nullptr) return false;
  StopWork work{.function = function, .argument = argument};
  {
    IrqGuard guard(stop_work_lock);
    StopWork** last = &pending[cpu];
    while (*last != nullptr) last = &(*last)->next;
    *last = &work;
  }
  (void)wake_up(*stop);
  work.done.wait();
  return true;
}

}  // namespace tine::sched
