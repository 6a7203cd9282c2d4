// SPDX-License-Identifier: MIT
//
// futex(2), futex_waitv(2), set_robust_list(2), get_robust_list(2).
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
  if (has_realtime && command != futex::kWaitBitset && command != futex::kWaitRequeuePi &&
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
    case futex::kWaitRequeuePi: {
      const Deadline deadline = TRY(read_deadline(UserAddr(timeout_or_value2), operation));
      TRY(futex::wait_requeue_pi(word, word2, sharing, value, deadline.at));
      return 0;
    }
    case futex::kCmpRequeuePi:
      return TRY(futex::cmp_requeue_pi(word, word2, sharing, limit, limit2, value3));
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

namespace {

struct AbiWaitvEntry {
  uint64_t value;
  uint64_t word;
  uint32_t flags;
  uint32_t reserved;
};

Result<futex::WaitvEntry> decode(const AbiWaitvEntry& given) {
  constexpr uint32_t kSizeMask = 3, kSizeU32 = 2, kPrivate = 128;
  if ((given.flags & ~(kSizeMask | kPrivate)) || given.reserved != 0) return Errno::inval;
  if ((given.flags & kSizeMask) != kSizeU32 || given.value > UINT32_MAX) return Errno::inval;
  return futex::WaitvEntry{
      .word = UserAddr(given.word),
      .expected = static_cast<uint32_t>(given.value),
      .sharing = given.flags & kPrivate ? Sharing::in_process : Sharing::between_processes};
}

// The point in time, on the monotonic clock.
Result<Nanoseconds> read_absolute(UserAddr timeout, int clock) {
  constexpr int kRealtime = 0, kMonotonic = 1;
  if (timeout.value == 0) return kNever;
  if (clock != kRealtime && clock != kMonotonic) return Errno::inval;
  const int operation = futex::kWaitBitset | (clock == kRealtime ? futex::kClockRealtimeFlag : 0);
  return TRY(read_deadline(timeout, operation)).at;
}

}  // namespace

SyscallResult sys_futex_waitv(UserAddr entries, uint32_t count, uint32_t flags, UserAddr timeout,
                              int clock) {
  if (flags != 0 || count == 0 || count > futex::kMaxWaitvEntries || entries.value == 0) {
    return Errno::inval;
  }
  const Nanoseconds deadline = TRY(read_absolute(timeout, clock));
  const auto decoded = TRY(Buffer<futex::WaitvEntry>::make(count));
  for (uint32_t i = 0; i < count; ++i) {
    const UserAddr place = entries + i * sizeof(AbiWaitvEntry);
    const AbiWaitvEntry given = TRY(UserIn<AbiWaitvEntry>(place).read());
    decoded[i] = TRY(decode(given));
  }
  return TRY(futex::wait_for_any(decoded.span(), deadline));
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
