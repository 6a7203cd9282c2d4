// SPDX-License-Identifier: MIT
//
// What all threads of a process have to know: that it ends, that one of them exec's, that it stops
// or goes on. Each is woken for it, which takes some 500 instructions, and there may be thousands;
// so they are told kToldAtOnce at a time, and the lock is let go of in between.
//
// How far that has come is a cursor in the list of threads, which leave_announcement() moves on
// when the thread that it names leaves. A thread is told what is so at that moment: news that other
// news has overtaken needs nobody. A new announcement begins at the front.
//
// Whoever is told that his process ends tells the others before he dies; a kernel thread does it
// too, for those may be held up. A thread that runs and has not been told yet finds out at its next
// tick (is_doomed, task_tick), and has no more children (publish). Nothing here fails.
//
// Locks: the process's sighand lock; the kernel thread reaches it under task_tree_lock, as anybody
// who is not of the process.
#include <iterator>

#include "task/signal/internal.h"

namespace tine {

namespace signal {

namespace {

constexpr int kToldAtOnce = 8;

constinit WorkQueue announcer;

void tell(Task& thread) {
  const SignalState& process = *thread.signal;
  if (process.group_exiting) {
    if (!(thread.flags & kPfExiting)) wake_for_signal(thread, true);
  } else if (process.group_exec_task != nullptr) {
    if (is_doomed(thread)) wake_for_signal(thread, true);
  } else if (process.group_stop_count > 0) {
    const bool has_stopped = thread.state.load() == TaskState::stopped;
    if (has_stopped || (thread.flags & kPfExiting)) return;
    take_part_in_stop(thread);
    wake_for_signal(thread, false);
  } else {
    (void)wake_up(thread, WakeMode::stopped);
  }
}

// With the sighand lock held. True: there are more.
bool tell_some(SignalState& process) {
  for (int told = 0; told < kToldAtOnce; ++told) {
    if (process.next_to_tell == nullptr) return false;
    Task& thread = *process.next_to_tell;
    leave_announcement(thread);
    tell(thread);
  }
  return process.next_to_tell != nullptr;
}

bool tell_some_from_outside(SignalState& process) {
  IrqGuard tree(task_tree_lock);
  if (process.threads.empty()) return false;
  IrqGuard guard(process.leader().sighand->lock);
  return tell_some(process);
}

// The work of the kernel thread, which has been given a reference.
void tell_rest(Work& work) {
  const auto process =
      Ref<SignalState>::adopt(static_cast<SignalState*>(static_cast<Announcement*>(&work)));
  while (tell_some_from_outside(*process)) continue;
}

}  // namespace

void announce(Task& task) {
  SignalState& process = *task.signal;
  process.next_to_tell = &process.threads.front();
  if (current().signal == task.signal) tell(current());  // who is not to go on as if nothing were
  if (!tell_some(process)) return;
  process.ref_get();
  if (!announcer.add(process)) process.ref_put();  // it will come anyway
}

void announce_to_rest(Task& task) {
  for (bool more = true; more;) {
    IrqGuard guard(task.sighand->lock);
    more = tell_some(*task.signal);
  }
}

void leave_announcement(Task& thread) {
  SignalState& process = *thread.signal;
  if (process.next_to_tell != &thread) return;
  const auto next = std::next(process.threads.iterator_to(thread));
  process.next_to_tell = next != process.threads.end() ? &*next : nullptr;
}

Result<void> start_announcer() { return announcer.start("announcer"); }

}  // namespace signal

Announcement::Announcement() : Work(signal::tell_rest) {}

}  // namespace tine
