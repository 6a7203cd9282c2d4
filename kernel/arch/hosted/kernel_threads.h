// SPDX-License-Identifier: MIT
//
// Bare kernel threads for tests of sync/ and sched/: no Task, no memory, only what the scheduler
// sees. They never die: one whose function has returned sleeps for good, and its fibre is given back
// with the object. Boot the machine first: ThreadMachine does it in its constructor.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "arch/hosted/machine.h"
#include "sched/schedulable.h"

namespace tine::arch::hosted {

struct KernelThread {
  explicit KernelThread(std::function<void()> f) : body(std::move(f)) {}
  ~KernelThread();
  sched::Schedulable task;
  std::function<void()> body;
  bool finished = false;
};

class ThreadMachine {
 public:
  explicit ThreadMachine(const MachineOptions& options = {.memory_bytes = 0});
  ~ThreadMachine();

  // A thread that is ready to run; `prepare` may change it before it is woken.
  KernelThread& start(std::function<void()> body,
                      const std::function<void(sched::Schedulable&)>& prepare = {});
  // One that is newborn and not woken.
  KernelThread& create(std::function<void()> body);
  void run(Nanoseconds until = kNever) { run_until_quiet(until); }
  bool all_finished() const;
  // Gives each CPU its stop task, which moves running tasks off forbidden CPUs.
  void start_stop_tasks();

 private:
  std::vector<std::unique_ptr<KernelThread>> threads_;
};

// The running thread uses its CPU until the clock stands at `end` / for so much of its own run time,
// and is interrupted and preempted meanwhile like any other. Time passes on all CPUs at once, from
// one event to the next of any CPU, so a long time costs no more than what happens in it.
// Interrupts are on.
void use_cpu_until(Nanoseconds end);
void use_cpu(Nanoseconds run_time);

}  // namespace tine::arch::hosted
