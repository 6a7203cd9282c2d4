// SPDX-License-Identifier: MIT
//
// sched_setscheduler(2) and its family, nice values (getpriority(2)), CPU affinity, getcpu(2),
// sched_yield(2). Decoding and permissions; the changes themselves are sched/policy.cpp's.
//
// Fails as the man pages say: ESRCH no such task, EPERM somebody else's task or a privilege that is
// missing, EACCES a lower nice value than RLIMIT_NICE allows, EBUSY too much promised to deadline
// tasks, EINVAL, EFAULT. Targets are held by reference. Deadline tasks have neither bandwidth
// reclaiming nor a signal at an overrun: those flags are EINVAL.
#include <algorithm>
#include <bit>

#include "sched/sched.h"
#include "syscall/named_tasks.h"
#include "syscall/syscalls.h"

namespace tine {
namespace {

constexpr int kResetOnForkFlag = 0x40000000;   // or'ed into the policy
enum AttributeFlag : uint64_t {                // sched_attr.flags
  kAttributeResetOnFork = 1, kAttributeKeepPolicy = 8, kAttributeKeepParameters = 0x10,
  kAttributeClamps = 0x20 | 0x40,
};

bool may_change(const Task& task) {
  return caller_owns(task) || capable(kCapSysNice);
}

bool may_have_nice(const Task& task, int nice) {
  if (nice >= nice_of(task)) return true;
  auto limit = static_cast<int64_t>(resource_limit(task, kLimitNice).soft);
  return 20 - nice <= limit || capable(kCapSysNice);
}

// What a task may become without CAP_SYS_NICE: sched(7), "Privileges and resource limits".
Result<void> check_privileges(const Task& task, const sched::Parameters& wanted) {
  if (!may_change(task)) return Errno::perm;
  if (capable(kCapSysNice)) return {};
  if (wanted.policy == sched::kPolicyDeadline) return Errno::perm;
  if (sched::is_realtime_policy(wanted.policy)) {
    uint64_t limit = resource_limit(task, kLimitRtprio).soft;
    bool raises = wanted.rt_priority > task.rt_priority;
    if (wanted.policy != task.policy && limit == 0) return Errno::perm;
    if (raises && static_cast<uint64_t>(wanted.rt_priority) > limit) return Errno::perm;
  }
  bool leaves_idle = task.policy == sched::kPolicyIdle && wanted.policy != sched::kPolicyIdle;
  if (leaves_idle && !may_have_nice(task, nice_of(task) - 1)) return Errno::perm;
  bool is_fair = sched::is_fair_policy(wanted.policy);
  if (is_fair && !may_have_nice(task, wanted.nice)) return Errno::perm;
  if (task.reset_on_fork && !wanted.reset_on_fork) return Errno::perm;
  return {};
}

SyscallResult change(int pid, sched::Parameters wanted) {
  Ref<Task> task = TRY(find_target(pid));
  TRY(sched::validate(wanted));
  TRY(check_privileges(*task, wanted));
  TRY(sched::set_parameters(*task, wanted));
  return 0;
}

int policy_word(const Task& task) {
  return task.policy | (task.reset_on_fork ? kResetOnForkFlag : 0);
}

// Values beyond what a clock can hold are beyond what is allowed, and refused as such.
sched::DeadlineParameters deadline_parameters(const abi::SchedAttributes& from) {
  auto bounded = [](uint64_t value) {
    return static_cast<Nanoseconds>(std::min<uint64_t>(value, kNever));
  };
  return {bounded(from.runtime), bounded(from.deadline), bounded(from.period)};
}

Result<void> apply_nice(Task& task, int nice) REQUIRES(task_tree_lock) {
  if (!caller_owns(task) && !capable(kCapSysNice)) return Errno::perm;
  if (!may_have_nice(task, nice)) return Errno::acces;
  sched::set_nice(task, nice);
  return {};
}

}  // namespace

SyscallResult sys_sched_yield() {
  sched::yield();
  return 0;
}

SyscallResult sys_getpriority(int which, int who) {
  int best = 0;  // 20 - nice, 1..40
  bool any = TRY(for_each_named(static_cast<NamedBy>(which), who, [&best](const Task& task) {
    best = std::max(best, 20 - nice_of(task));
  }));
  if (!any) return Errno::srch;
  return best;
}

SyscallResult sys_setpriority(int which, int who, int nice) {
  nice = std::clamp(nice, -20, 19);
  Result<void> outcome;
  bool any = TRY(for_each_named(static_cast<NamedBy>(which), who,
                                [&](Task& task) REQUIRES(task_tree_lock) {
    if (Result<void> one = apply_nice(task, nice); !one) outcome = one;
  }));
  if (!any) return Errno::srch;
  TRY(std::move(outcome));
  return 0;
}

SyscallResult sys_sched_setscheduler(int pid, int policy, UserIn<int> priority) {
  if (policy < 0 || !priority) return Errno::inval;
  int rt_priority = TRY(priority.read());
  Ref<Task> task = TRY(find_target(pid));
  bool reset = policy & kResetOnForkFlag;
  return change(pid, {policy & ~kResetOnForkFlag, rt_priority, nice_of(*task), reset});
}

SyscallResult sys_sched_setparam(int pid, UserIn<int> priority) {
  if (!priority) return Errno::inval;
  int rt_priority = TRY(priority.read());
  Ref<Task> task = TRY(find_target(pid));
  return change(pid, {task->policy, rt_priority, nice_of(*task), task->reset_on_fork});
}

SyscallResult sys_sched_getscheduler(int pid) {
  Ref<Task> task = TRY(find_target(pid));
  return policy_word(*task);
}

SyscallResult sys_sched_getparam(int pid, UserOut<int> priority) {
  if (!priority) return Errno::inval;
  Ref<Task> task = TRY(find_target(pid));
  TRY(priority.write(task->rt_priority));
  return 0;
}

SyscallResult sys_sched_setattr(int pid, UserIn<abi::SchedAttributes> attributes, uint32_t flags) {
  if (!attributes || flags != 0) return Errno::inval;
  uint32_t size = TRY(UserIn<uint32_t>(attributes.address()).read());
  if (size == 0) size = abi::SchedAttributes::kSizeVersion0;
  if (size < abi::SchedAttributes::kSizeVersion0 || size > kPageSize) return Errno::toobig;
  abi::SchedAttributes wanted;
  size_t known = std::min<size_t>(size, sizeof wanted);
  if (arch::copy_from_user(&wanted, attributes.address(), known) != 0) return Errno::fault;
  for (size_t i = known; i < size; ++i) {
    if (TRY(UserIn<uint8_t>(attributes.address() + i).read()) != 0) return Errno::toobig;
  }
  if (wanted.flags & kAttributeClamps) return Errno::opnotsupp;
  constexpr uint64_t kKnown =
      kAttributeResetOnFork | kAttributeKeepPolicy | kAttributeKeepParameters;
  if (wanted.flags & ~kKnown) return Errno::inval;
  if (static_cast<int>(wanted.policy) < 0) return Errno::inval;
  Ref<Task> task = TRY(find_target(pid));
  sched::Parameters parameters{static_cast<int>(wanted.policy), static_cast<int>(wanted.priority),
                               wanted.nice, (wanted.flags & kAttributeResetOnFork) != 0,
                               deadline_parameters(wanted)};
  if (wanted.flags & kAttributeKeepPolicy) parameters.policy = task->policy;
  if (wanted.flags & kAttributeKeepParameters) {
    parameters.rt_priority = task->rt_priority;
    parameters.nice = nice_of(*task);
    parameters.deadline = deadline_of(*task);
  }
  return change(pid, parameters);
}

SyscallResult sys_sched_getattr(int pid, UserOut<abi::SchedAttributes> attributes, uint32_t size,
                                uint32_t flags) {
  if (!attributes || flags != 0 || size > kPageSize || size < abi::SchedAttributes::kSizeVersion0) {
    return Errno::inval;
  }
  Ref<Task> task = TRY(find_target(pid));
  abi::SchedAttributes out;
  out.size = std::min<uint32_t>(size, sizeof out);
  out.policy = static_cast<uint32_t>(task->policy);
  out.flags = task->reset_on_fork ? kAttributeResetOnFork : 0;
  out.priority = static_cast<uint32_t>(task->rt_priority);
  if (sched::is_fair_policy(task->policy)) out.nice = nice_of(*task);
  const sched::DeadlineParameters deadline = deadline_of(*task);
  out.runtime = static_cast<uint64_t>(deadline.runtime);
  out.deadline = static_cast<uint64_t>(deadline.deadline);
  out.period = static_cast<uint64_t>(deadline.period);
  if (arch::copy_to_user(attributes.address(), &out, out.size) != 0) return Errno::fault;
  return 0;
}

SyscallResult sys_sched_get_priority_max(int policy) {
  if (sched::is_realtime_policy(policy)) return 99;
  return policy >= 0 && policy <= sched::kPolicyDeadline && policy != 4 ? SyscallResult(0)
                                                                        : Errno::inval;
}

SyscallResult sys_sched_get_priority_min(int policy) {
  if (sched::is_realtime_policy(policy)) return 1;
  return sys_sched_get_priority_max(policy);
}

SyscallResult sys_sched_rr_get_interval(int pid, UserOut<abi::Timespec> interval) {
  Ref<Task> task = TRY(find_target(pid));
  TRY(interval.write(abi::Timespec::from(sched::round_robin_interval(*task))));
  return 0;
}

SyscallResult sys_sched_setaffinity(int pid, uint32_t length, UserIn<uint64_t> mask) {
  uint64_t wanted = 0;
  size_t bytes = std::min<size_t>(length, sizeof wanted);
  if (arch::copy_from_user(&wanted, mask.address(), bytes) != 0) return Errno::fault;
  Ref<Task> task = TRY(find_target(pid));
  if (!may_change(*task)) return Errno::perm;
  // A CPU's own threads stay where they are.
  const uint64_t allowed = task->cpus_allowed;
  if (task->is_kernel_thread() && std::has_single_bit(allowed)) return Errno::inval;
  TRY(sched::set_affinity(*task, wanted));
  return 0;
}

// The raw call returns the bytes that it wrote; glibc clears the rest.
SyscallResult sys_sched_getaffinity(int pid, uint32_t length, UserOut<uint64_t> mask) {
  if (length < sizeof(uint64_t) || length % sizeof(uint64_t) != 0) return Errno::inval;
  Ref<Task> task = TRY(find_target(pid));
  CpuId count = sched::cpu_count();
  uint64_t online = count == 64 ? ~0ull : (1ull << count) - 1;
  TRY(mask.write(task->cpus_allowed & online));
  return sizeof(uint64_t);
}

SyscallResult sys_getcpu(UserOut<uint32_t> cpu, UserOut<uint32_t> node, UserAddr) {
  if (cpu) TRY(cpu.write(arch::this_cpu().id));
  if (node) TRY(node.write(0));
  return 0;
}

}  // namespace tine
