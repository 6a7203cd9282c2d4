// SPDX-License-Identifier: MIT
//
// ioprio_set(2) and ioprio_get(2). The priority is the task's, inherited by its children and asked
// for again; no device of a microVM has a queue that could be ordered by it, as under Linux with the
// scheduler "none". A task that has not set one has what its CPU scheduling says.
//
// Fails with EINVAL, ESRCH, and EPERM: somebody else's task, or the real-time class without
// CAP_SYS_ADMIN or CAP_SYS_NICE.
#include <algorithm>

#include "sched/sched.h"
#include "syscall/named_tasks.h"
#include "syscall/syscalls.h"

namespace tine {
namespace {

// Bits 13-15 the class, 3-12 a hint, 0-2 the level in the class.
enum Class : unsigned { kNone, kRealtime, kBestEffort, kIdle };
constexpr unsigned kClassShift = 13;
constexpr unsigned kLevelMask = 7;

unsigned class_of(unsigned priority) { return priority >> kClassShift & 7; }

unsigned effective_priority(const Task& task) {
  if (class_of(task.io_priority) != kNone) return task.io_priority;
  unsigned io_class = task.policy == sched::kPolicyIdle             ? kIdle
                      : sched::is_realtime_policy(task.policy) ? kRealtime
                                                               : kBestEffort;
  return io_class << kClassShift | static_cast<unsigned>(sched::nice_of(task) + 20) / 5;
}

NamedBy named_by(int which) { return static_cast<NamedBy>(which - 1); }

Result<void> validate(unsigned priority) {
  switch (class_of(priority)) {
    case kRealtime:
      return capable(kCapSysAdmin) || capable(kCapSysNice) ? Result<void>() : Errno::perm;
    case kBestEffort:
    case kIdle:
      return {};
    case kNone:
      return (priority & kLevelMask) == 0 ? Result<void>() : Errno::inval;
    default:
      return Errno::inval;
  }
}

}  // namespace

SyscallResult sys_ioprio_set(int which, int who, int priority) {
  auto wanted = static_cast<uint16_t>(priority);
  TRY(validate(wanted));
  Result<void> outcome;
  bool any = TRY(for_each_named(named_by(which), who, [&](Task& task) REQUIRES(task_tree_lock) {
    if (!caller_owns(task) && !capable(kCapSysNice)) outcome = Errno::perm;
    else task.io_priority = wanted;
  }));
  if (!any) return Errno::srch;
  TRY(std::move(outcome));
  return 0;
}

// Of several tasks, the most urgent: the smallest number.
SyscallResult sys_ioprio_get(int which, int who) {
  bool is_one = named_by(which) == NamedBy::process;
  unsigned best = ~0u;
  bool any = TRY(for_each_named(named_by(which), who, [&](const Task& task) {
    best = std::min<unsigned>(best, is_one ? uint16_t{task.io_priority} : effective_priority(task));
  }));
  if (!any) return Errno::srch;
  return static_cast<int>(best);
}

}  // namespace tine
