// SPDX-License-Identifier: MIT
//
// The simulated machine under the hosted core: memory, CPUs, clock and interrupts.
//
// boot_machine() makes a fresh one for each test: `memory_bytes` of physical memory from address 0
// (all of it RAM), `cpus` CPUs, the clock at kBootTime. Everything is deterministic: the clock moves
// only by advance_clock(), when all CPUs idle (to the next timer), and, if `preempt_one_in` is set,
// by a millisecond at one in that many interrupt windows, which the seed chooses.
// The caller's thread becomes CPU 0 with the boot task as its current one, and later its idle task.
// With `host_threads` the CPUs run in parallel, as TSan wants them: the clock is the host's, and a
// run depends on more than its seed.
#pragma once

#include <cstdint>
#include <string>

#include "arch/cpu.h"
#include "core/types.h"

namespace tine::arch::hosted {

struct MachineOptions {
  uint64_t memory_bytes = 32ull << 20;
  unsigned cpus = 1;
  uint64_t seed = 1;
  unsigned preempt_one_in = 0;     // 0: tasks are preempted only when the clock is moved
  unsigned switch_cpu_one_in = 4;  // with several CPUs
  bool host_threads = false;       // a host thread for each CPU
};

inline constexpr Nanoseconds kBootTime = 1'000'000;
inline constexpr Nanoseconds kBootWallClock = 1'600'000'000 * kNsPerSecond;

void boot_machine(const MachineOptions& options = {});
// Once the scheduler runs on CPU 0: brings up the others, each with an idle task of its own.
void start_secondary_cpus();
uint64_t physical_memory_bytes();
PhysAddr loaded_page_table();  // of the running CPU

// The task that the host thread itself is: CPU 0's current one until the scheduler switches.
sched::Schedulable& boot_task();
// Another object for it, before the scheduler knows it.
void adopt_boot_task(sched::Schedulable& task);

void advance_clock(Nanoseconds by);  // delivers the timers that fall due, in order
uint64_t random_below(uint64_t bound);  // from the machine's seed

// Runs CPU 0's idle loop, on the host thread, until nothing can run and no timer is armed before
// `until`; then the clock stands at `until`, or, if that is kNever, at the last timer.
void run_until_quiet(Nanoseconds until = kNever);

// What early_console_write() was given since the last call; it also goes to stderr if
// TINE_HOSTED_LOG is set in the environment.
std::string take_console_output();

struct TlbCounts { uint64_t page_flushes, loads; };
TlbCounts tlb_counts();
// machine_power_off() and machine_restart() end run_until_quiet() and set this.
enum class PowerState : uint8_t { on, off, restart };
PowerState power_state();

}  // namespace tine::arch::hosted
