// SPDX-License-Identifier: MIT
//
// futex(2), set_robust_list(2), get_robust_list(2). FUTEX_WAIT_REQUEUE_PI and its partner return
// ENOSYS: no C library uses them any more.
#include "ipc/futex.h"

#include "sched/timer.h"
#include "syscall/syscalls.h"
#include "task/task.h"

namespace tine {

namespace {

using futex::Sharing;

struct Deadline {
  Nanoseconds at = kNever;   // monotonic
  bool is_relative = false;  // FUTEX_WAIT: a restart must not wait for the whole time again
};

// FUTEX_WAIT's time is a length, that of the others a point in time, on either clock (futex(2)).
Result<Deadline> read_deadline(UserAddr timeout, int operation) {
  if (timeout.value == 0) return Deadline{};
  const abi::Timespec given = TRY(UserIn<abi::Timespec>(timeout).read());
  if (!given.is_valid()) return Errno::inval;
  const Nanoseconds length = given.to_nanoseconds();
  if (length == kNever) return Deadline{};
  const bool is_relative = (operation & futex::kCommandMask) == futex::kWait;
  if (is_relative) return Deadline{.at = time::monotonic_now() + length, .is_relative = true};
  if (operation & futex::kClockRealtimeFlag) {
    return Deadline{.at = length - time::realtime_offset()};
  }
  return Deadline{.at = length};
}

SyscallResult resume_wait(signal::RestartBlock& block) {
  const auto sharing = static_cast<Sharing>(block.words[1]);
  const auto deadline = static_cast<Nanoseconds>(block.words[3]);
  const Result<void> waited =
      futex::wait(UserAddr(block.words[0]), sharing, static_cast<uint32_t>(block.words[2]),
                  deadline, static_cast<uint32_t>(block.words[4]));
  if (!waited && waited.error() == Errno::restart_sys) return Errno::restart_restartblock;
  TRY(waited);
  return 0;
}

SyscallResult wait(UserAddr word, int operation, uint32_t value, UserAddr timeout, uint32_t bitset,
                   Sharing sharing) {
  const Deadline deadline = TRY(read_deadline(timeout, operation));
  const Result<void> waited = futex::wait(word, sharing, value, deadline.at, bitset);
  if (!waited && waited.error() == Errno::restart_sys && deadline.is_relative) {
    current().restart = {.resume = resume_wait,
                         .words = {word.value, static_cast<uint64_t>(sharing), value,
                                   static_cast<uint64_t>(deadline.at), bitset}};
    return Errno::restart_restartblock;
  }
  TRY(waited);
  return 0;
}

SyscallResult lock_pi(UserAddr word, int operation, UserAddr timeout, Sharing sharing) {
  const Deadline deadline = TRY(read_deadline(timeout, operation));
  TRY(futex::lock_pi(word, sharing, deadline.at, /*only_try=*/false));
  return 0;
}

}  // namespace

SyscallResult sys_futex(UserAddr word, int operation, uint32_t value, uint64_t timeout_or_value2,
                        UserAddr word2, uint32_t value3) {
  const int command = operation & futex::kCommandMask;
  const Sharing sharing =
      operation & futex::kPrivateFlag ? Sharing::in_process : Sharing::between_processes;
  const auto limit = static_cast<int>(value);
  const auto limit2 = static_cast<int>(timeout_or_value2);
  const bool has_realtime = operation & futex::kClockRealtimeFlag;
  if (has_realtime && command != futex::kWait && command != futex::kWaitBitset &&
      command != futex::kLockPi2) {
    return Errno::nosys;
  }
  switch (command) {
    case futex::kWait:
      value3 = futex::kMatchAny;
      [[fallthrough]];
    case futex::kWaitBitset:
      return wait(word, operation, value, UserAddr(timeout_or_value2), value3, sharing);
    case futex::kWake:
      return TRY(futex::wake(word, sharing, limit, futex::kMatchAny));
    case futex::kWakeBitset:
      return TRY(futex::wake(word, sharing, limit, value3));
    case futex::kRequeue:
      return TRY(futex::requeue(word, word2, sharing, limit, limit2, nullptr));
    case futex::kCmpRequeue:
      return TRY(futex::requeue(word, word2, sharing, limit, limit2, &value3));
    case futex::kWakeOp:
      return TRY(futex::wake_op(word, word2, sharing, limit, limit2, value3));
    case futex::kLockPi:
      return lock_pi(word, operation | futex::kClockRealtimeFlag, UserAddr(timeout_or_value2), sharing);
    case futex::kLockPi2:
      return lock_pi(word, operation, UserAddr(timeout_or_value2), sharing);
    case futex::kTrylockPi:
      TRY(futex::lock_pi(word, sharing, kNever, /*only_try=*/true));
      return 0;
    case futex::kUnlockPi:
      TRY(futex::unlock_pi(word, sharing));
      return 0;
    default:
      return Errno::nosys;
  }
}

SyscallResult sys_set_robust_list(UserAddr head, uint64_t size) {
  constexpr uint64_t kHeadBytes = 24;
  if (size != kHeadBytes) return Errno::inval;
  current().robust_list = head;
  return 0;
}

SyscallResult sys_get_robust_list(int pid, UserOut<uint64_t> head, UserOut<uint64_t> size) {
  constexpr uint64_t kHeadBytes = 24;
  const Ref<Task> task = pid == 0 ? Ref<Task>(current()) : find_task(pid);
  if (!task) return Errno::srch;
  const Creds& mine = current().creds();
  const Ref<const Creds> theirs = creds_of(*task);
  const bool is_own = task->signal.get() == current().signal.get();
  if (!is_own && mine.euid != theirs->uid && !capable(kCapSysPtrace)) return Errno::perm;
  TRY(size.write(kHeadBytes));
  TRY(head.write(task->robust_list.value));
  return 0;
}

}  // namespace tine
