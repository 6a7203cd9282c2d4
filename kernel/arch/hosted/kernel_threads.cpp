// SPDX-License-Identifier: MIT
//
// See kernel_threads.h. The threads are forked from the boot task as far as sched/ is concerned.
#include "arch/hosted/kernel_threads.h"

#include <algorithm>

#include "core/panic.h"
#include "sched/sched.h"
#include "sched/stop.h"
#include "sync/parking.h"
#include "sync/preempt.h"

namespace tine::arch::hosted {
namespace {

void thread_main(void* thread_pointer) {
  auto* thread = static_cast<KernelThread*>(thread_pointer);
  thread->body();
  thread->finished = true;
  for (;;) {
    prepare_to_sleep(TaskState::stopped);  // which nothing in these tests wakes
    sched::schedule();
  }
}

}  // namespace

KernelThread::~KernelThread() { release_context(task); }

ThreadMachine::ThreadMachine(const MachineOptions& options) {
  boot_machine(options);
  sched::init_this_cpu(boot_task());
  start_secondary_cpus();
}

ThreadMachine::~ThreadMachine() { boot_machine({.memory_bytes = 0}); }

KernelThread& ThreadMachine::create(std::function<void()> body) {
  threads_.push_back(std::make_unique<KernelThread>(std::move(body)));
  KernelThread& thread = *threads_.back();
  set_kernel_entry(thread.task, thread_main, &thread);
  bool ready = sched::sched_fork(thread.task, *current_schedulable()).has_value();
  TINE_ASSERT(ready);
  return thread;
}

KernelThread& ThreadMachine::start(std::function<void()> body,
                                   const std::function<void(sched::Schedulable&)>& prepare) {
  KernelThread& thread = create(std::move(body));
  // Not at once: all that a test starts begin together, in run().
  preempt_disable();
  if (prepare) prepare(thread.task);
  sched::wake_up_new_task(thread.task);
  preempt_enable_no_resched();
  return thread;
}

void ThreadMachine::start_stop_tasks() {
  for (CpuId cpu = 0; cpu < sched::cpu_count(); ++cpu) {
    KernelThread& thread = create([] { sched::run_stop_task(); });
    thread.finished = true;  // it never returns
    thread.task.cpus_allowed = uint64_t{1} << cpu;
    sched::wake_up_new_task(thread.task);
    sched::make_stop_task(thread.task);
  }
  run();
}

bool ThreadMachine::all_finished() const {
  return std::ranges::all_of(threads_, [](const auto& thread) { return thread->finished; });
}

}  // namespace tine::arch::hosted
