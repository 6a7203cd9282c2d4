// SPDX-License-Identifier: MIT
//
// The state of the simulated machine, and what machine.cpp and host_threads.cpp need of each other:
// machine.cpp has all CPUs on one host thread, host_threads.cpp (MachineOptions::host_threads) has
// one thread for each, at the price that a run cannot be repeated exactly.
//
// Written before other threads start; afterwards a CPU's fields are its thread's, except for the
// atomic ones.
#pragma once

#include "arch/hosted/machine.h"

namespace tine::arch::hosted {

struct Machine {
  MachineOptions options;
  SimulatedCpu cpus[kMaxCpus];
  Nanoseconds busy_until[kMaxCpus] = {};  // the CPU's task uses it until then (use_cpu_until)
  Nanoseconds now = kBootTime;  // host_threads: not used, the host's clock counts
  Nanoseconds host_start = 0;
  std::atomic<PowerState> power{PowerState::on};
};
extern Machine machine;

void set_running_cpu(SimulatedCpu& cpu);
void seed_random(uint64_t seed);  // of the calling host thread
bool is_interrupt_due(const SimulatedCpu& cpu);
void deliver_interrupts();
void secondary_cpu_main(void* cpu);

// host_threads.cpp
Nanoseconds host_clock();
void start_host_threads();
void join_host_threads();   // ends those that idle, which all must do in the end
void interleave_threads();  // now and then gives the host CPU to another thread, or reschedules
void idle_on_thread();
void run_threads_until_quiet(Nanoseconds until);

}  // namespace tine::arch::hosted
