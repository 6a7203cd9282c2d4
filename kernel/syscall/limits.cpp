// SPDX-License-Identifier: MIT
//
// Limits and usage: prlimit(2), getrlimit(2), setrlimit(2), getrusage(2), times(2).
#include "sched/timer.h"
#include "syscall/syscalls.h"
#include "task/timer/cpu_clock.h"
#include "task/wait/wait.h"

namespace tine {

namespace {

// Another process's limits are its owner's business (prlimit(2)).
bool may_access(const Task& target) {
  const Task& caller = current();
  if (target.signal.get() == caller.signal.get()) return true;
  const Creds& mine = caller.creds();
  const Ref<const Creds> theirs = creds_of(target);
  const bool same_user =
      mine.uid == theirs->euid && mine.uid == theirs->suid && mine.uid == theirs->uid;
  const bool same_group =
      mine.gid == theirs->egid && mine.gid == theirs->sgid && mine.gid == theirs->gid;
  return (same_user && same_group) || capable(kCapSysResource);
}

Result<void> check_new_limit(Resource resource, const abi::Rlimit& fresh,
                             const ResourceLimit& old) {
  constexpr uint64_t kMaxDescriptors = 1024 * 1024;  // fs.nr_open
  if (fresh.soft > fresh.hard) return Errno::inval;
  if (resource == kLimitNofile && fresh.hard > kMaxDescriptors) return Errno::perm;
  if (fresh.hard > old.hard && !capable(kCapSysResource)) return Errno::perm;
  return {};
}

SyscallResult access_limit(Task& task, uint32_t number, UserIn<abi::Rlimit> new_limit,
                           UserOut<abi::Rlimit> old_limit) {
  if (number >= kLimitCount) return Errno::inval;
  const auto resource = static_cast<Resource>(number);
  abi::Rlimit fresh{};
  if (new_limit) fresh = TRY(new_limit.read());
  ResourceLimit old;
  {
    IrqGuard tree(task_tree_lock);
    old = task.signal->limits[resource];
    if (new_limit) {
      TRY(check_new_limit(resource, fresh, old));
      task.signal->limits[resource] = {.soft = fresh.soft, .hard = fresh.hard};
    }
  }
  if (old_limit) TRY(old_limit.write({.soft = old.soft, .hard = old.hard}));
  return 0;
}

}  // namespace

SyscallResult sys_prlimit64(int pid, uint32_t resource, UserIn<abi::Rlimit> new_limit,
                            UserOut<abi::Rlimit> old_limit) {
  const Ref<Task> task = pid == 0 ? Ref<Task>(current()) : find_task(pid);
  if (!task) return Errno::srch;
  if (!may_access(*task)) return Errno::perm;
  return access_limit(*task, resource, new_limit, old_limit);
}

SyscallResult sys_getrlimit(uint32_t resource, UserOut<abi::Rlimit> limit) {
  if (!limit) return Errno::fault;
  return access_limit(current(), resource, {}, limit);
}

SyscallResult sys_setrlimit(uint32_t resource, UserIn<abi::Rlimit> limit) {
  if (!limit) return Errno::fault;
  return access_limit(current(), resource, limit, {});
}

namespace {

uint64_t resident_peak(const Task& task) {
  if (!task.mm) return 0;
  return static_cast<uint64_t>(task.mm->peak_rss_pages());
}

CpuUsage own_usage() {
  Task& task = current();
  const CpuTime time = process_cpu_time(*task.signal);
  IrqGuard tree(task_tree_lock);
  CpuUsage usage = usage_of_process(task);
  usage.user_time = time.user;
  usage.system_time = time.system;
  usage.max_rss_pages = std::max(usage.max_rss_pages, resident_peak(task));
  return usage;
}

}  // namespace

SyscallResult sys_getrusage(int who, UserOut<abi::Rusage> out) {
  enum : int { kSelf = 0, kChildren = -1, kThread = 1 };
  Task& task = current();
  CpuUsage usage;
  switch (who) {
    case kSelf:
      usage = own_usage();
      break;
    case kChildren: {
      IrqGuard tree(task_tree_lock);
      usage = task.signal->children_usage;
      break;
    }
    case kThread:
      usage = usage_of_thread(task);
      usage.max_rss_pages = resident_peak(task);
      break;
    default:
      return Errno::inval;
  }
  TRY(out.write(to_rusage(usage)));
  return 0;
}

SyscallResult sys_times(UserOut<abi::Tms> times) {
  if (times) {
    const CpuUsage own = own_usage();
    CpuUsage children;
    {
      IrqGuard tree(task_tree_lock);
      children = current().signal->children_usage;
    }
    TRY(times.write({.user = own.user_time / abi::kClockTick,
                     .system = own.system_time / abi::kClockTick,
                     .children_user = children.user_time / abi::kClockTick,
                     .children_system = children.system_time / abi::kClockTick}));
  }
  return time::monotonic_now() / abi::kClockTick;
}

}  // namespace tine
