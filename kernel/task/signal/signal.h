// SPDX-License-Identifier: MIT
//
// Signals: sets, actions, pending queues, and the calls by which the rest of the kernel sends them.
// signal(7), sigaction(2).
//
// What is pending for a process, which actions it has and which signals its threads block is
// guarded by SigHand::lock. Who is not the task itself reaches another's SigHand only under
// task_tree_lock, because exec may replace it; the functions below take what they need unless they
// end in _locked.
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/heap.h"
#include "sync/spin_lock.h"

namespace tine {

namespace arch {
struct UserRegs;
}
struct Task;
struct Pid;
struct SignalState;

// Guards the tree of tasks: parent, children, thread lists, groups, sessions, Pid attachments.
// Linux: tasklist_lock.
extern IrqSpinLock task_tree_lock;

namespace signal {

using SigSet = uint64_t;
inline constexpr int kSignalCount = 64;
constexpr SigSet bit(int signal_number) { return 1ull << (signal_number - 1); }
constexpr bool is_valid_signal(int number) { return number >= 1 && number <= kSignalCount; }

enum : int {
  kSigHup = 1,
  kSigInt = 2,
  kSigQuit = 3,
  kSigIll = 4,
  kSigTrap = 5,
  kSigAbrt = 6,
  kSigBus = 7,
  kSigFpe = 8,
  kSigKill = 9,
  kSigUsr1 = 10,
  kSigSegv = 11,
  kSigUsr2 = 12,
  kSigPipe = 13,
  kSigAlrm = 14,
  kSigTerm = 15,
  kSigStkflt = 16,
  kSigChld = 17,
  kSigCont = 18,
  kSigStop = 19,
  kSigTstp = 20,
  kSigTtin = 21,
  kSigTtou = 22,
  kSigUrg = 23,
  kSigXcpu = 24,
  kSigXfsz = 25,
  kSigVtalrm = 26,
  kSigProf = 27,
  kSigWinch = 28,
  kSigIo = 29,
  kSigPwr = 30,
  kSigSys = 31,
  kSigRtMin = 32,
};

// The sets that signal(7) gives by their default action; every other signal terminates.
inline constexpr SigSet kUncatchable = bit(kSigKill) | bit(kSigStop);
inline constexpr SigSet kStopSignals =
    bit(kSigStop) | bit(kSigTstp) | bit(kSigTtin) | bit(kSigTtou);
inline constexpr SigSet kIgnoredByDefault =
    bit(kSigCont) | bit(kSigChld) | bit(kSigWinch) | bit(kSigUrg);
inline constexpr SigSet kCoreSignals = bit(kSigQuit) | bit(kSigIll) | bit(kSigTrap) |
                                       bit(kSigAbrt) | bit(kSigFpe) | bit(kSigSegv) | bit(kSigBus) |
                                       bit(kSigSys) | bit(kSigXcpu) | bit(kSigXfsz);
// Faults of the instruction just run: delivered before all others.
inline constexpr SigSet kSynchronous =
    bit(kSigSegv) | bit(kSigBus) | bit(kSigIll) | bit(kSigTrap) | bit(kSigFpe) | bit(kSigSys);

enum ActionFlags : uint64_t {  // sigaction(2)
  kSaNoChildStop = 1,
  kSaNoChildWait = 2,
  kSaSigInfo = 4,
  kSaRestorer = 0x0400'0000,
  kSaOnStack = 0x0800'0000,
  kSaRestart = 0x1000'0000,
  kSaNoDefer = 0x4000'0000,
  kSaResetHand = 0x8000'0000,
};
inline constexpr uint64_t kDefaultHandler = 0, kIgnoreHandler = 1;

enum InfoCode : int32_t {  // siginfo_t's si_code
  kSiUser = 0,
  kSiKernel = 0x80,
  kSiQueue = -1,
  kSiTimer = -2,
  kSiTkill = -6,
  kCldExited = 1,
  kCldKilled = 2,
  kCldDumped = 3,
  kCldTrapped = 4,
  kCldStopped = 5,
  kCldContinued = 6,
};

// siginfo_t as user space sees it: 128 bytes.
struct SigInfo {
  int32_t number = 0;
  int32_t error = 0;
  int32_t code = 0;
  int32_t padding = 0;
  union {
    uint64_t raw[14] = {};
    struct {
      int32_t pid;
      uint32_t uid;
      uint64_t value;
    } sender;  // kill, sigqueue
    struct {
      int32_t timer_id;
      int32_t overrun;
      uint64_t value;
    } timer;
    struct {
      int32_t pid;
      uint32_t uid;
      int32_t status;
      int32_t padding;
      int64_t utime, stime;
    } child;
    struct {
      uint64_t address;
    } fault;
  };
};
static_assert(sizeof(SigInfo) == 128);

struct SigAction {  // struct kernel_sigaction; all zero is the default action
  uint64_t handler;
  uint64_t flags;  // SA_*
  uint64_t restorer;
  SigSet mask;
  bool is_default() const { return (handler | flags | restorer | mask) == 0; }
};
enum AltStackFlags : int32_t { kSsOnStack = 1, kSsDisable = 2, kSsAutoDisarm = INT32_MIN };
struct AltStack {  // stack_t
  uint64_t base = 0;
  int32_t flags = kSsDisable;
  int32_t padding = 0;
  uint64_t size = 0;
  bool contains(uint64_t stack_pointer) const {
    return !(flags & kSsAutoDisarm) && size != 0 && stack_pointer > base &&
           stack_pointer - base <= size;
  }
};
static_assert(sizeof(AltStack) == 24);

struct QueuedSignal;  // task/signal/queue.h
struct PendingSignals {
  SigSet set = 0;
  QueuedSignal* first = nullptr;  // FIFO of those that carry information
  QueuedSignal* last = nullptr;
};

// How restart_syscall(2) resumes a sleep with the time that is left.
struct RestartBlock {
  SyscallResult (*resume)(RestartBlock&) = nullptr;  // null: EINTR
  uint64_t words[5] = {};
};

}  // namespace signal

// The actions of a process that are neither default nor a plain SIG_IGN; shared between processes
// by fork and copied by its first writer. Only entries named by the owner's `custom_` are written.
struct ActionTable final : RefCounted<ActionTable> {
  static constexpr const char* kCacheName = "sigaction_table";
  ActionTable() {}
  signal::SigAction actions[signal::kSignalCount];
};

// Handlers of a process; shared by CLONE_SIGHAND. A process that catches nothing has no table.
struct SigHand : RefCounted<SigHand> {
  static constexpr const char* kCacheName = "sighand_cache";
  SigHand() = default;
  SigHand(const SigHand& other);  // of which the caller holds the lock

  IrqSpinLock lock{LockRank::sighand};

  signal::SigAction action(int number) const {
    if (custom_ & signal::bit(number)) return table_->actions[number - 1];
    return {.handler = handler(number), .flags = 0, .restorer = 0, .mask = 0};
  }
  uint64_t handler(int number) const {
    if (custom_ & signal::bit(number)) return table_->actions[number - 1].handler;
    return ignored_ & signal::bit(number) ? signal::kIgnoreHandler : signal::kDefaultHandler;
  }
  // ENOMEM where the process has no table of its own yet.
  Result<void> set_action(int number, const signal::SigAction& action);
  void set_default(int number);
  // exec and CLONE_CLEAR_SIGHAND: handlers become the default, what is ignored stays ignored.
  void reset_handlers();

  void ignore_all();  // kthreadd (E9)

 private:
  Result<void> own_table();

  signal::SigSet custom_ = 0;   // actions that stand in the table
  signal::SigSet ignored_ = 0;  // what is ignored, in the table or without
  Ref<ActionTable> table_;      // null only while custom_ is empty
};

namespace signal {

// --- Sending. `info` null: from the kernel. Any context that may take task_tree_lock. A signal
// that nobody would act on is dropped; failing (EAGAIN) is only possible for a queued real-time
// signal.
Result<void> send_to_task(Task& task, int number, const SigInfo* info = nullptr);  // one thread
Result<void> send_to_process(Task& task, int number, const SigInfo* info = nullptr);
void send_to_group(Pid& group, int number, const SigInfo* info = nullptr);  // tty, kernel
Result<void> send_to_task_locked(Task& task, int number, const SigInfo* info)
    REQUIRES(task_tree_lock);
Result<void> send_to_process_locked(Task& task, int number, const SigInfo* info)
    REQUIRES(task_tree_lock);
void send_to_group_locked(Pid& group, int number, const SigInfo* info) REQUIRES(task_tree_lock);
// A fault of the running task: cannot be blocked or ignored.
void force_fault(int number, int code, UserAddr address);
// Kills the running task's process with `number`, whatever it has done about it.
void force_fatal(int number);

// The kernel thread that helps to tell all threads of a process (task/signal/announce.cpp), once,
// before the first program. ENOMEM.
Result<void> start_announcer();

// --- Asking.
bool is_ignored_or_blocked(const Task& task, int number);  // of the running task: tty job control

// --- Delivery, on the way back to user mode, interrupts on (task/signal/deliver.cpp). Runs
// handlers' frames, stops, dies; restarts or ends the interrupted system call.
void deliver_pending(arch::UserRegs& regs);
// Sets kWorkSignal from what is pending and not blocked; clears it only for the running task.
void recalculate_pending(Task& task);
// sigsuspend, ppoll, pselect, epoll_pwait: blocks `mask` until the call has been left. A signal
// that ends the sleep is delivered before the old mask returns.
void set_temporary_mask(SigSet mask);
// The call succeeded or timed out: put the old mask back now.
void restore_saved_mask();
// Sets the running task's mask (SIGKILL and SIGSTOP taken out).
void set_blocked(SigSet mask);

}  // namespace signal
}  // namespace tine
