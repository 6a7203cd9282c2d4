// SPDX-License-Identifier: MIT
//
// Processes as others see them: exit, wait, identity, groups and sessions, pidfds.
// exit(2), wait4(2), waitid(2), getpid(2), setpgid(2), setsid(2), set_tid_address(2),
// pidfd_open(2).
#include "syscall/syscalls.h"
#include "task/exit/exit.h"
#include "task/namespace/namespaces.h"
#include "task/pid/pidfd.h"
#include "task/pid/process_group.h"
#include "task/wait/wait.h"

namespace tine {

namespace {

PidNamespace& own_pids() { return *current().namespaces->pid_for_children; }

// The process `pid` names, 0 being the caller. ESRCH.
Result<Ref<Task>> process_named(int pid) {
  if (pid == 0) return Ref<Task>(current());
  Ref<Task> task = find_task(pid);
  if (!task) return Errno::srch;
  return task;
}

constexpr int kWait4Options =
    kWaitNoHang | kWaitUntraced | kWaitContinued | kWaitNoThread | kWaitAll | kWaitClone;
constexpr int kWaitidOptions = kWait4Options | kWaitExited | kWaitNoWait;

}  // namespace

SyscallResult sys_exit(int code) { do_exit((code & 0xff) << 8); }
SyscallResult sys_exit_group(int code) { do_group_exit((code & 0xff) << 8); }

SyscallResult sys_wait4(int pid, UserOut<int> status, int options, UserOut<abi::Rusage> usage) {
  if (options & ~kWait4Options) return Errno::inval;
  if (pid == INT32_MIN) return Errno::srch;
  WaitRequest request{.options = options | kWaitExited};
  if (pid != -1) {
    request.which = pid > 0 ? WaitWhich::process : WaitWhich::group;
    request.pid = pid == 0 ? own_process_group() : find_pid(pid < 0 ? -pid : pid);
    if (!request.pid) return Errno::child;
  }
  const WaitOutcome outcome = TRY(do_wait(request));
  if (outcome.pid == 0) return 0;
  if (status) TRY(status.write(outcome.status));
  if (usage) TRY(usage.write(to_rusage(outcome.usage)));
  return outcome.pid;
}

namespace {

enum IdType : int { kIdAll = 0, kIdPid = 1, kIdGroup = 2, kIdPidfd = 3 };  // waitid(2)

Result<WaitRequest> waitid_request(int which, int id, int options) {
  WaitRequest request{.options = options};
  uint32_t flags = 0;
  switch (which) {
    case kIdAll:
      return request;
    case kIdPid:
      if (id <= 0) return Errno::inval;
      request.which = WaitWhich::process;
      request.pid = find_pid(id);
      break;
    case kIdGroup:
      if (id < 0) return Errno::inval;
      request.which = WaitWhich::group;
      request.pid = id == 0 ? own_process_group() : find_pid(id);
      break;
    case kIdPidfd:
      if (id < 0) return Errno::inval;
      request.which = WaitWhich::process;
      request.pid = TRY(pid_of_pidfd(id, flags));
      break;
    default:
      return Errno::inval;
  }
  if (!request.pid) return Errno::child;
  return request;
}

bool is_nonblocking_pidfd(int which, int id) {
  uint32_t flags = 0;
  return which == kIdPidfd && pid_of_pidfd(id, flags) && (flags & kPidfdNonBlock);
}

}  // namespace

SyscallResult sys_waitid(int which, int id, UserOut<signal::SigInfo> info, int options,
                         UserOut<abi::Rusage> usage) {
  if (options & ~kWaitidOptions) return Errno::inval;
  if (!(options & (kWaitExited | kWaitStopped | kWaitContinued))) return Errno::inval;
  WaitRequest request = TRY(waitid_request(which, id, options));
  const bool is_nonblocking = is_nonblocking_pidfd(which, id) && !(options & kWaitNoHang);
  if (is_nonblocking) request.options |= kWaitNoHang;
  const WaitOutcome outcome = TRY(do_wait(request));
  if (outcome.pid == 0 && is_nonblocking) return Errno::again;
  if (usage && outcome.pid != 0) TRY(usage.write(to_rusage(outcome.usage)));
  if (!info) return 0;
  signal::SigInfo told;  // all zero if there was nothing to report
  if (outcome.pid != 0) {
    told.number = signal::kSigChld;
    told.code = outcome.code;
    told.child.pid = outcome.pid;
    told.child.uid = outcome.uid;
    told.child.status = outcome.info_status;
  }
  // Only the fields that waitid(2) names are written; what else the program had there stays.
  TRY(UserOut<std::array<int32_t, 3>>(info.address()).write({told.number, told.error, told.code}));
  constexpr uint64_t kChildOffset = 16;
  TRY(UserOut<std::array<int32_t, 3>>(info.address() + kChildOffset)
          .write({told.child.pid, static_cast<int32_t>(told.child.uid), told.child.status}));
  return 0;
}

SyscallResult sys_getpid() { return current().group_leader->pid->number_in(own_pids()); }
SyscallResult sys_gettid() { return current().pid->number_in(own_pids()); }

SyscallResult sys_getppid() {
  IrqGuard tree(task_tree_lock);
  return current().real_parent->group_leader->pid->number_in(own_pids());
}

SyscallResult sys_setpgid(int pid, int group) {
  if (pid < 0) return Errno::srch;
  TRY(set_process_group(pid, group));
  return 0;
}

SyscallResult sys_getpgid(int pid) {
  const Ref<Task> task = TRY(process_named(pid));
  IrqGuard tree(task_tree_lock);
  return task->signal->process_group->number_in(own_pids());
}

SyscallResult sys_getpgrp() { return sys_getpgid(0); }

SyscallResult sys_setsid() { return TRY(make_session()); }

SyscallResult sys_getsid(int pid) {
  const Ref<Task> task = TRY(process_named(pid));
  IrqGuard tree(task_tree_lock);
  return task->signal->session->number_in(own_pids());
}

SyscallResult sys_set_tid_address(UserAddr address) {
  Task& task = current();
  task.clear_child_tid = address;
  return task.pid->number_in(own_pids());
}

SyscallResult sys_pidfd_open(int pid, uint32_t flags) {
  if (flags & ~(kPidfdNonBlock | kPidfdThread)) return Errno::inval;
  if (pid <= 0) return Errno::inval;
  const Ref<Pid> target = find_pid(pid);
  if (!target) return Errno::srch;
  {
    IrqGuard tree(task_tree_lock);
    const Task* task = target->task;
    if (task == nullptr) return Errno::srch;
    if (!(flags & kPidfdThread) && !task->is_thread_group_leader()) return Errno::noent;
  }
  Ref<fs::File> file = TRY(make_pidfd(*target, flags));
  return TRY(fs::install_file(std::move(file), fs::kCloseOnExec));
}

}  // namespace tine
