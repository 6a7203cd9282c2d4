// SPDX-License-Identifier: MIT
//
// Simulated CPUs, clock, timer interrupts and power. One host thread carries all CPUs; a CPU that
// does not have the thread waits in the fibre that `SimulatedCpu::fibre` names. See machine.h; for
// CPUs with host threads of their own the functions here turn to host_threads.cpp.
//
// Nothing here takes a lock: the code runs with the host thread to itself, and hands it on only at
// the windows. It fails (abort) only when the host has no memory.
#include "arch/hosted/machine.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "arch/clock.h"
#include "arch/hosted/devices.h"
#include "arch/hosted/fibre.h"
#include "arch/hosted/kernel_threads.h"
#include "arch/hosted/machine_state.h"
#include "arch/hosted/memory.h"
#include "core/panic.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/cross_call.h"
#include "sync/preempt.h"

namespace tine::arch {
namespace hosted {

Machine machine;

static thread_local SimulatedCpu* cpu_of_thread = &machine.cpus[0];
SimulatedCpu& running_cpu() { return *cpu_of_thread; }
void set_running_cpu(SimulatedCpu& cpu) { cpu_of_thread = &cpu; }

namespace {

std::string console;

// In storage of its own: it is made when the machine is, not when constructors happen to run.
alignas(sched::Schedulable) constinit char boot_task_memory[sizeof(sched::Schedulable)] = {};
sched::Schedulable* boot_task_object = nullptr;

struct FirstBoot {
  FirstBoot() { boot_machine({.memory_bytes = 0}); }
} first_boot;

void switch_to_cpu(SimulatedCpu& next) {
  if (&next == &running_cpu()) return;
  running_cpu().fibre = current_fibre();
  set_running_cpu(next);
  switch_fibre(static_cast<Fibre*>(next.fibre));
}

void deliver_timer_interrupt() {
  SimulatedCpu& cpu = running_cpu();
  cpu.irqs_on = false;
  cpu.timer_deadline = kNever;
  cpu.preempt_count += kHardIrqUnit;
  time::timer_interrupt(/*user_mode=*/false);
  cpu.preempt_count -= kHardIrqUnit;
  preempt_schedule_irq();
  running_cpu().irqs_on = true;
}

void deliver_call() {
  SimulatedCpu& cpu = running_cpu();
  cpu.call_requested = false;
  cpu.irqs_on = false;
  cpu.preempt_count += kHardIrqUnit;
  cross_call_interrupt();
  cpu.preempt_count -= kHardIrqUnit;
  cpu.irqs_on = true;
}

Nanoseconds next_timer() {
  Nanoseconds earliest = kNever;
  for (unsigned i = 0; i < machine.options.cpus; ++i) {
    earliest = std::min(earliest, machine.cpus[i].timer_deadline.load());
  }
  return earliest;
}

// The first moment after this one at which a CPU that uses its time is done; kNever: none does.
Nanoseconds next_end_of_use() {
  Nanoseconds earliest = kNever;
  for (unsigned i = 0; i < machine.options.cpus; ++i) {
    Nanoseconds end = machine.busy_until[i];
    if (end > machine.now) earliest = std::min(earliest, end);
  }
  return earliest;
}

// A CPU that has something to do at this moment, or an interrupt to take; null if there is none but
// this.
SimulatedCpu* other_ready_cpu() {
  unsigned count = machine.options.cpus;
  if (count == 1) return nullptr;
  auto first = static_cast<unsigned>(random_below(count));
  for (unsigned i = 0; i < count; ++i) {
    SimulatedCpu& cpu = machine.cpus[first + i < count ? first + i : first + i - count];
    if (&cpu == &running_cpu() || cpu.fibre == nullptr) continue;  // null: not started yet
    if ((!cpu.idle && machine.busy_until[cpu.id] <= machine.now) || is_interrupt_due(cpu)) return &cpu;
  }
  return nullptr;
}

// The running CPU has nothing to do for `patience`: another one goes on, or so much time passes, or
// less if one has something to do before. False if all others idle.
bool let_others_go_on(Nanoseconds patience = kNever) {
  if (SimulatedCpu* other = other_ready_cpu()) {
    switch_to_cpu(*other);
    return true;
  }
  Nanoseconds event = next_end_of_use();
  if (event == kNever) return false;
  event = std::min(event, next_timer());
  if (event > machine.now) machine.now += std::min(event - machine.now, patience);
  return true;
}

}  // namespace

bool is_interrupt_due(const SimulatedCpu& cpu) {
  return cpu.reschedule_requested || cpu.call_requested || cpu.timer_deadline <= monotonic_now();
}

void deliver_interrupts() {
  // The task may go on on another CPU after each of them.
  while (is_interrupt_due(running_cpu())) {
    if (running_cpu().call_requested) {
      deliver_call();
    } else if (running_cpu().reschedule_requested) {
      running_cpu().reschedule_requested = false;
      running_cpu().irqs_on = false;
      sched::reschedule_interrupt();
      preempt_schedule_irq();
      running_cpu().irqs_on = true;
    } else {
      deliver_timer_interrupt();
    }
  }
}

void secondary_cpu_main(void* cpu_pointer) {
  auto* cpu = static_cast<SimulatedCpu*>(cpu_pointer);
  auto* idle_task = new sched::Schedulable;
  idle_task->context.fibre = current_fibre();
  cpu->current = cpu->idle_task = idle_task;
  cpu->irqs_on = false;
  sched::init_this_cpu(*idle_task);
  sched::idle_loop();
}

namespace {
void discard_secondary_cpus() {
  if (machine.options.host_threads) join_host_threads();
  for (unsigned i = 1; i < machine.options.cpus; ++i) {
    sched::Schedulable* idle_task = machine.cpus[i].idle_task;
    if (idle_task == nullptr) continue;
    if (!machine.options.host_threads) release_context(*idle_task);  // else the fibre is the thread's
    delete idle_task;
  }
}
}  // namespace

void boot_machine(const MachineOptions& options) {
  discard_secondary_cpus();
  std::destroy_at(&machine);
  std::construct_at(&machine);
  machine.options = options;
  seed_random(options.seed);
  set_running_cpu(machine.cpus[0]);
  machine.host_start = host_clock();
  allocate_physical_memory(options.memory_bytes);
  remove_devices();
  auto* boot = new (boot_task_memory) sched::Schedulable;
  boot->state = TaskState::running;
  for (unsigned i = 0; i < kMaxCpus; ++i) {
    machine.cpus[i].self = &machine.cpus[i];
    machine.cpus[i].id = i;
  }
  adopt_boot_task(*boot);
  set_online(0);  // alone, whatever the machine before had
  console.clear();
}

void start_secondary_cpus() {
  if (machine.options.host_threads) return start_host_threads();
  for (unsigned i = 1; i < machine.options.cpus; ++i) {
    machine.cpus[i].fibre = create_fibre(secondary_cpu_main, &machine.cpus[i]);
    switch_to_cpu(machine.cpus[i]);  // runs until it idles
  }
}

sched::Schedulable& boot_task() { return *boot_task_object; }

void adopt_boot_task(sched::Schedulable& task) {
  task.context.fibre = current_fibre();
  boot_task_object = &task;
  set_current(&task);
}

PhysAddr loaded_page_table() { return running_cpu().top_table; }
PowerState power_state() { return machine.power; }

static thread_local uint64_t random_state = 1;

void seed_random(uint64_t seed) { random_state = seed * 0x9e37'79b9'7f4a'7c15 | 1; }

uint64_t random_below(uint64_t bound) {  // xorshift64*
  uint64_t& x = random_state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  return (x * 0x2545'f491'4f6c'dd1d >> 33) % bound;
}

void interrupt_window() {
  const MachineOptions& options = machine.options;
  if (running_cpu().preempt_count == 0 && options.host_threads) {
    interleave_threads();
  } else if (running_cpu().preempt_count == 0) {
    if (options.preempt_one_in != 0 && random_below(options.preempt_one_in) == 0) {
      machine.now += 1'000'000;
    }
    if (options.cpus > 1 && random_below(options.switch_cpu_one_in) == 0) {
      if (SimulatedCpu* other = other_ready_cpu()) switch_to_cpu(*other);
    }
  }
  if (running_cpu().preempt_count < kHardIrqUnit) deliver_interrupts();
}

void spin_window() {
  if (machine.options.host_threads) {
    sched_yield();
  } else if (!let_others_go_on()) {
    panic("a spin lock is taken twice, and no other CPU could release it");
  }
  // What spins is interrupted like anything else; a call must not wait for the lock.
  if (running_cpu().irqs_on && running_cpu().preempt_count < kHardIrqUnit) deliver_interrupts();
}

void poll_window() {
  if (machine.options.host_threads) {
    sched_yield();
  } else {
    (void)let_others_go_on(/*patience=*/100);
  }
}

void use_cpu_until(Nanoseconds end) {
  TINE_ASSERT(!machine.options.host_threads);
  while (machine.now < end) {
    SimulatedCpu& cpu = running_cpu();
    TINE_ASSERT(cpu.irqs_on && cpu.preempt_count < kHardIrqUnit);
    machine.busy_until[cpu.id] = end;
    if (!is_interrupt_due(cpu)) (void)let_others_go_on();
    machine.busy_until[cpu.id] = 0;
    deliver_interrupts();
  }
}

void use_cpu(Nanoseconds time) {
  const sched::Schedulable& self = *current_schedulable();
  auto used = [&self] { return self.sum_exec_runtime + machine.now - self.exec_start; };
  for (Nanoseconds end = used() + time; used() < end;) use_cpu_until(machine.now + end - used());
}

void advance_clock(Nanoseconds by) {
  TINE_ASSERT(!machine.options.host_threads);  // whose clock is the host's
  Nanoseconds end = machine.now + by;
  while (next_timer() <= end) {
    machine.now = next_timer() > machine.now ? next_timer() : machine.now;
    for (unsigned i = 0; i < machine.options.cpus; ++i) {
      if (is_interrupt_due(machine.cpus[i])) switch_to_cpu(machine.cpus[i]);
    }
    deliver_interrupts();
  }
  machine.now = end;
}

void run_until_quiet(Nanoseconds until) {
  TINE_ASSERT(current_schedulable() == &boot_task());
  if (machine.options.host_threads) return run_threads_until_quiet(until);
  for (;;) {
    sched::schedule();
    irq_disable();
    bool may_go_on = machine.power == PowerState::on;
    if (!need_resched()) {
      SimulatedCpu* other = other_ready_cpu();
      Nanoseconds event = std::min(next_timer(), next_end_of_use());
      if (!other && (!may_go_on || event > until || event == kNever)) break;
      cpu_idle();
    }
    irq_enable();
  }
  if (until != kNever && machine.now < until) machine.now = until;
  irq_enable();
}

std::string take_console_output() { return std::exchange(console, {}); }

}  // namespace hosted

using namespace hosted;

void cpu_idle() {
  if (machine.options.host_threads) return idle_on_thread();
  running_cpu().idle = true;
  if (!is_interrupt_due(running_cpu()) && !let_others_go_on()) {
    if (running_cpu().id != 0) {
      switch_to_cpu(machine.cpus[0]);  // whose loop decides whether the machine is quiet
    } else if (Nanoseconds timer = next_timer(); timer != kNever && timer > machine.now) {
      machine.now = timer;
    }
  }
  running_cpu().idle = false;
  irq_enable();
  irq_disable();
}

// The caller sleeps for good; run_until_quiet() returns when nobody else can run.
void cpu_halt_forever() {
  for (;;) {
    prepare_to_sleep(TaskState::uninterruptible);
    sched::schedule();
  }
}

void machine_power_off() {
  machine.power = PowerState::off;
  cpu_halt_forever();
}

void machine_restart() {
  machine.power = PowerState::restart;
  cpu_halt_forever();
}

void send_reschedule_interrupt(CpuId cpu) { machine.cpus[cpu].reschedule_requested = true; }
void send_call_interrupt(CpuId cpu) { machine.cpus[cpu].call_requested = true; }
CpuId possible_cpu_count() { return machine.options.cpus; }
void start_other_cpus() { start_secondary_cpus(); }

void early_console_write(const char* text, size_t length) {
  static const bool to_stderr = getenv("TINE_HOSTED_LOG") != nullptr;
  if (to_stderr) fwrite(text, 1, length, stderr);
  console.append(text, length);
}

void print_backtrace() {}  // the sanitizers print one when the program aborts

bool hardware_random(uint64_t& out) {
  out = random_below(UINT64_MAX) << 32 ^ random_below(UINT64_MAX);
  return true;
}

uint64_t cycle_counter() { return static_cast<uint64_t>(monotonic_now()); }
Nanoseconds monotonic_now() {
  if (!machine.options.host_threads) return machine.now;
  return kBootTime + (host_clock() - machine.host_start);
}
Nanoseconds boot_wall_clock() { return kBootWallClock; }
CycleScale cycle_scale() { return {0, 0, 1, 0}; }
void arm_timer(Nanoseconds deadline) { running_cpu().timer_deadline = deadline; }

}  // namespace tine::arch
