// SPDX-License-Identifier: MIT
//
// Simulated CPUs with a host thread each, so that TSan sees the core as it runs on a real
// multiprocessor. Interrupts are still delivered only at the windows of the CPU that takes them; a
// fibre may go on in another thread than it stopped in. Time is the host's. The seed chooses where
// CPUs are made to reschedule and threads to yield; the rest is the host's scheduling.
//
// The atomics of SimulatedCpu are all that the threads share here. Fails (abort) only when the host
// has no threads to give.
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <cstdlib>
#include <thread>

#include "arch/clock.h"
#include "arch/hosted/machine_state.h"
#include "core/panic.h"
#include "sched/sched.h"

namespace tine::arch::hosted {
namespace {

constexpr Nanoseconds kIdleNap = 20'000;

pthread_t threads[kMaxCpus];
std::atomic<bool> ending{false};
std::atomic<uint64_t> idle_exits{0};  // how often any CPU has stopped idling

void nap() {
  timespec duration{.tv_sec = 0, .tv_nsec = kIdleNap};
  nanosleep(&duration, nullptr);
}

void* thread_main(void* cpu_pointer) {
  auto& cpu = *static_cast<SimulatedCpu*>(cpu_pointer);
  set_running_cpu(cpu);
  seed_random(machine.options.seed * kMaxCpus + cpu.id);
  secondary_cpu_main(&cpu);
  return nullptr;
}

bool has_requests(const SimulatedCpu& cpu) {
  return cpu.reschedule_requested || cpu.call_requested;
}

// Nothing will happen any more: the other CPUs idle (first, for only who does not idle makes
// requests), nobody has been asked to do anything, and none has come back in between.
bool is_quiet(Nanoseconds until) {
  const uint64_t exits_before = idle_exits.load();
  const unsigned count = machine.options.cpus;
  for (unsigned i = 1; i < count; ++i) {
    if (!machine.cpus[i].idle) return false;
  }
  const bool powered = machine.power == PowerState::on;
  for (unsigned i = 0; i < count; ++i) {
    const SimulatedCpu& cpu = machine.cpus[i];
    if (has_requests(cpu)) return false;
    if (powered && cpu.timer_deadline != kNever && cpu.timer_deadline <= until) return false;
  }
  return idle_exits.load() == exits_before;
}

}  // namespace

Nanoseconds host_clock() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

void start_host_threads() {
  ending = false;
  for (unsigned i = 1; i < machine.options.cpus; ++i) {
    if (pthread_create(&threads[i], nullptr, thread_main, &machine.cpus[i]) != 0) abort();
    while (sched::cpu_count() <= i) nap();
  }
}

void join_host_threads() {
  ending = true;
  for (unsigned i = 1; i < machine.options.cpus; ++i) {
    if (machine.cpus[i].idle_task != nullptr) pthread_join(threads[i], nullptr);
  }
}

void interleave_threads() {
  const MachineOptions& options = machine.options;
  if (options.preempt_one_in != 0 && random_below(options.preempt_one_in) == 0) {
    running_cpu().reschedule_requested = true;
  }
  if (random_below(options.switch_cpu_one_in) == 0) sched_yield();
}

void idle_on_thread() {
  SimulatedCpu& cpu = running_cpu();
  cpu.idle = true;
  while (!is_interrupt_due(cpu)) {
    if (cpu.id == 0) break;  // whose loop decides whether the machine is quiet
    if (ending) pthread_exit(nullptr);
    nap();
  }
  idle_exits.fetch_add(1);
  cpu.idle = false;
  irq_enable();
  irq_disable();
}

void run_threads_until_quiet(Nanoseconds until) {
  for (;;) {
    sched::schedule();
    irq_disable();
    if (!need_resched()) {
      if (is_quiet(until)) break;
      if (!is_interrupt_due(running_cpu())) nap();
      idle_on_thread();
    }
    irq_enable();
  }
  irq_enable();
}

}  // namespace tine::arch::hosted
