// SPDX-License-Identifier: MIT
//
// The scheduler's core: the switch from one task to the next, and preemption.
//
// schedule_core() runs with interrupts off and takes the CPU's run queue lock, which the task that
// it switches to releases: after its own switch_context(), or in schedule_tail() if it is new. A
// dead task is reported to task/ only then, when nothing runs on its stack any more. Nothing here
// fails.
#include <algorithm>
#include <atomic>
#include <utility>

#include "arch/clock.h"
#include "core/panic.h"
#include "mm/mm.h"
#include "sched/run_queue.h"
#include "sched/tick.h"
#include "sched/timer.h"
#include "sync/cross_call.h"
#include "sync/preempt.h"

namespace tine::sched {
namespace {

alignas(RunQueue) char run_queue_storage[sizeof(RunQueue) * kMaxCpus];

// A stack begins as zeros: its lowest word is what STACK_END_MAGIC is in Linux (E57). The guard page
// below sees who runs over it, this who jumps over it. Bare threads of tests have no such stack.
[[maybe_unused]] bool has_sound_stack_end(const Schedulable& task) {
  return task.kernel_stack.value == 0 ||
         *reinterpret_cast<const uint64_t*>(task.kernel_stack.value) == 0;
}

// A signal that came after the task decided to sleep keeps it awake.
bool must_stay_awake(const Schedulable& task, TaskState state) {
  uint32_t work = task.work.load(std::memory_order_relaxed);
  if (state == TaskState::interruptible) return work & (kWorkSignal | kWorkFatalSignal);
  if (state == TaskState::killable) return work & kWorkFatalSignal;
  return false;
}

// The best task of this CPU: still in its container, or the running one itself. `previous_runs`: the
// running task can go on, and is in no container.
Schedulable& best_here(RunQueue& rq, Schedulable& previous, bool previous_runs) REQUIRES(rq.lock) {
  const SchedClass& best = best_class(rq);
  Schedulable* waiting = best.peek(rq);
  if (!previous_runs || previous.sched_class != &best) return *waiting;
  return waiting != nullptr && best.beats(rq, *waiting, previous) ? *waiting : previous;
}

// Another CPU may have something better: work for one that would idle, or a real-time or deadline
// task that waits while this CPU would run a lesser one.
Schedulable& pick(RunQueue& rq, Schedulable& previous, bool previous_runs) REQUIRES(rq.lock) {
  Schedulable& best = best_here(rq, previous, previous_runs);
  if (has_one_cpu() || !pull_for_switch(rq, best)) return best;
  return best_here(rq, previous, previous_runs);
}

[[gnu::noinline]] void finish_all(RunQueue& rq, Schedulable& previous) NO_THREAD_SAFETY_ANALYSIS {
  rq.has_more_to_finish = false;
  bool dead = previous.state.load(std::memory_order_relaxed) == TaskState::dead;
  previous.on_cpu.store(false, std::memory_order_relaxed);
  unlock(rq);
  if (dead) task_is_off_cpu(previous);
}

// On the stack of the task that was switched to.
void finish_switch(Schedulable* previous) NO_THREAD_SAFETY_ANALYSIS {
  RunQueue& rq = this_run_queue();
  if (rq.has_more_to_finish) [[unlikely]]
    return finish_all(rq, *previous);
  previous->on_cpu.store(false, std::memory_order_relaxed);
  rq.lock.unlock_irqs_off();
}

enum class Leave : uint8_t { to_sleep, preempted, yields };  // a task that is to sleep has said so

void schedule_core(Leave why) NO_THREAD_SAFETY_ANALYSIS {
  RunQueue& rq = this_run_queue();
  rq.lock.lock_irqs_off();
  ++rq.passes;
  update_current(rq, arch::monotonic_now());
  const Nanoseconds now = rq.now;

  Schedulable& previous = *rq.current;
  TINE_DEBUG_ASSERT(has_sound_stack_end(previous));
  TaskState state = previous.state.load(std::memory_order_relaxed);
  if (why == Leave::yields) {
    ++rq.statistics.yields;
    previous.sched_class->yield(rq, previous);
  } else if (why == Leave::to_sleep && state != TaskState::running) {
    if (must_stay_awake(previous, state)) {
      previous.state.store(TaskState::running, std::memory_order_relaxed);
    } else {
      if (counts_as_blocked(previous, state)) ++rq.blocked;
      deactivate(rq, previous);
      if (previous.first_wake_at != 0) note_sleep_after_wake(previous, now);
    }
  }

  arch::clear_need_resched();  // whatever asked for a choice, up to here: it is made now
  rq.reschedule_sent = false;
  const Nanoseconds asked_at = std::exchange(rq.asked_at, 0);
  bool previous_runs = previous.on_rq;
  Schedulable& next = pick(rq, previous, previous_runs);
  if (&next == &previous) {
    request_tick(rq, now);
    return unlock(rq);
  }
  next.sched_class->set_next(rq, next);  // leaves first: of two that take turns, each waits alone
  if (previous_runs) {
    previous.sched_class->put_previous(rq, previous);
    previous.waits_since = now;
    ++previous.involuntary_switches;
  } else {
    ++previous.voluntary_switches;
  }
  if (previous.has_rseq) previous.work.fetch_or(kWorkNotifyResume, std::memory_order_relaxed);
  if (asked_at != 0) note_start_from_idle(rq, now - asked_at);
  next.exec_start = now;
  Nanoseconds waited = now - next.waits_since;
  next.wait_time += waited;
  if (&next != rq.idle) rq.statistics.wait_time += waited;
  next.on_cpu.store(true);  // a full barrier: who kicks it sees this, or it sees its work bits
  rq.current = &next;
  rq.running_prio.store(next.prio, std::memory_order_relaxed);
  ++rq.statistics.switches;
  request_tick(rq, now);
  mm::switch_address_space(next.mm);
  finish_switch(arch::switch_context(previous, next));
}

}  // namespace

std::atomic<CpuId> cpus_online{0};
RunQueue* const run_queues = reinterpret_cast<RunQueue*>(run_queue_storage);

void init_this_cpu(Schedulable& idle_task) {
  CpuId cpu = arch::this_cpu().id;
  auto& rq = *new (&run_queues[cpu]) RunQueue;
  rq.cpu = cpu;
  rq.idle = rq.current = &idle_task;
  idle_task.sched_class = &idle_class;
  idle_task.state = TaskState::running;
  idle_task.cpu = cpu;
  idle_task.on_rq = true;
  idle_task.on_cpu = true;
  idle_task.prio = kIdlePrio;
  idle_task.exec_start = rq.now = arch::monotonic_now();
  time::init_this_cpu();
  set_online(cpu);
  // CPUs come up one after another, in the order of their numbers.
  cpus_online.store(cpu + 1, std::memory_order_release);
}

CpuId cpu_count() { return cpus_online.load(std::memory_order_acquire); }

void schedule() {
  TINE_DEBUG_ASSERT(arch::preempt_count() == 0);
  arch::IrqState state = arch::irq_save();
  schedule_core(Leave::to_sleep);
  arch::irq_restore(state);
}

void yield() {
  arch::IrqState state = arch::irq_save();
  schedule_core(Leave::yields);
  arch::irq_restore(state);
}

void schedule_dead() {
  arch::irq_disable();
  arch::current_schedulable()->state.store(TaskState::dead);
  this_run_queue().has_more_to_finish = true;
  schedule_core(Leave::to_sleep);
  panic("a dead task was scheduled");
}

void schedule_tail(Schedulable* previous) { finish_switch(previous); }

void kick(const Schedulable& task) {
  PreemptGuard guard;
  CpuId cpu = task.cpu;
  if (cpu == arch::this_cpu().id || !task.on_cpu.load()) return;
  arch::send_reschedule_interrupt(cpu);  // at worst to a CPU that it has just left
}

void update_current(RunQueue& rq, Nanoseconds now) {
  Schedulable& task = *rq.current;
  if (now < rq.now) now = rq.now;  // another CPU's clock may be a moment behind
  rq.now = now;
  Nanoseconds delta = now - task.exec_start;
  task.exec_start = now;
  if (&task == rq.idle) {
    rq.times.idle += delta;
    return;
  }
  task.sum_exec_runtime += delta;
  if (!task.sampled_in_user_mode || task.mm == nullptr) {
    task.system_time += delta;
    rq.times.system += delta;
  } else {
    task.user_time += delta;
    (task.static_prio > 120 ? rq.times.nice : rq.times.user) += delta;
  }
  task.sched_class->charge(rq, task, delta);
}

const SchedClass& best_class(const RunQueue& rq) {
  if (rq.stop_ready) [[unlikely]]
    return stop_class;
  if (rq.deadline.ready != 0) [[unlikely]]
    return deadline_class;
  if (rq.realtime.count != 0 && !is_realtime_throttled(rq)) return realtime_class;
  return rq.fair.count != 0 ? fair_class : idle_class;
}

void charge_current_time() {
  arch::IrqState state = arch::irq_save();
  RunQueue& rq = this_run_queue();
  rq.lock.lock_irqs_off();
  update_current(rq, arch::monotonic_now());
  rq.lock.unlock_irqs_off();
  arch::irq_restore(state);
}

void reschedule_interrupt() {
  this_run_queue().barriers.fetch_add(1);
  arch::set_need_resched();
}

void reschedule(RunQueue& rq) {
  rq.lock.assert_held();
  if (rq.cpu == arch::this_cpu().id) {
    arch::set_need_resched();
  } else if (rq.idle_polls.load()) {
    rq.poll_wake.store(true);
  } else if (!rq.reschedule_sent) {
    rq.reschedule_sent = true;
    rq.interrupt_for = rq.cpu;
    if (rq.current == rq.idle) rq.asked_at = rq.now;
    ++rq.reschedule_interrupts;
  }
}

// Somebody waits behind a fair task that goes on for now. On this CPU only: another one would have
// to be interrupted for it, and comes to its tick anyhow.
static void look_again_soon(RunQueue& rq) REQUIRES(rq.lock) {
  Nanoseconds wanted = rq.now + kMinimumTurn;
  if (wanted >= rq.tick_at || rq.cpu != arch::this_cpu().id) return;
  rq.tick_at = wanted;
  time::arm_tick(wanted);
}

void check_preemption(RunQueue& rq, Schedulable& task, EnqueueReason reason) {
  Schedulable& running = *rq.current;
  bool wins = task.sched_class == running.sched_class
                  ? task.sched_class->preempts(rq, task, running, reason)
                  : task.sched_class->rank() > running.sched_class->rank();
  if (wins) reschedule(rq);
  else if (running.sched_class == &fair_class) look_again_soon(rq);
  else offer_to_others(rq, task);
}

// --- Ticks.

void request_tick(RunQueue& rq, Nanoseconds now) {
  rq.lock.assert_held();
  DeadlineQueue& deadline = rq.deadline;
  bool is_plain = deadline.ready == 0 && deadline.throttled.empty();
  if (is_plain && (rq.tick_at != kNever || rq.current == rq.idle)) [[likely]]
    return;
  Nanoseconds wanted = rq.current != rq.idle ? now + kTick : kNever;
  if (!is_plain) {
    const Schedulable& running = *rq.current;
    if (running.sched_class == &deadline_class && !running.is_throttled) {
      wanted = std::min(wanted, now + running.slice_left);
    }
    if (!deadline.throttled.empty()) {
      wanted = std::min(wanted, ByReplenishment::time_of(*deadline.throttled.first()));
    }
  }
  if (wanted >= rq.tick_at) return;
  if (rq.cpu != arch::this_cpu().id) return reschedule(rq);  // it asks for itself
  rq.tick_at = wanted;
  time::arm_tick(wanted);
}

void scheduler_tick(Nanoseconds now, bool user_mode) {
  RunQueue& rq = this_run_queue();
  rq.lock.lock_irqs_off();
  rq.tick_at = kNever;
  Schedulable& task = *rq.current;
  if (&task != rq.idle) task.sampled_in_user_mode = user_mode;
  update_current(rq, now);
  if (!rq.deadline.throttled.empty()) replenish_deadline_tasks(rq, now);
  if (&task != rq.idle) {
    if (task.sched_class->tick(rq, task)) reschedule(rq);
    else if (rq.fair.count > 1 && task.sched_class == &fair_class) look_again_soon(rq);
    // Real-time tasks that had to leave the others some time may go on.
    if (rq.realtime.count != 0 && best_class(rq).rank() > task.sched_class->rank()) reschedule(rq);
  }
  if (cpu_count() > 1 && now >= rq.next_balance) periodic_balance(rq, now);
  request_tick(rq, now);
  if (rq.runnable > 1 && cpu_count() > 1) offer_waiting(rq);
  unlock(rq);
  if (&task != rq.idle) task_tick(task);
  update_load_average(now);
}

}  // namespace tine::sched

namespace tine {

void preempt_schedule() {
  if (arch::preempt_count() != 0 || !arch::irqs_enabled()) return;
  arch::irq_disable();
  preempt_schedule_irq();
  arch::irq_enable();
}

void preempt_schedule_irq() {
  while (arch::need_resched() && arch::preempt_count() == 0) {
    sched::schedule_core(sched::Leave::preempted);
  }
}

}  // namespace tine
