// SPDX-License-Identifier: MIT
//
// Signals: sets, actions, pending queues, and the calls by which the rest of the kernel sends them.
// signal(7), sigaction(2). All state is guarded by SigHand::lock of the receiving process.
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "sync/spin_lock.h"

namespace tine {

struct Task;
struct Pid;

namespace signal {

using SigSet = uint64_t;
inline constexpr int kSignalCount = 64;
constexpr SigSet bit(int signal_number) { return 1ull << (signal_number - 1); }

enum : int {
  kSigHup = 1, kSigInt = 2, kSigQuit = 3, kSigIll = 4, kSigTrap = 5, kSigAbrt = 6, kSigBus = 7,
  kSigFpe = 8, kSigKill = 9, kSigUsr1 = 10, kSigSegv = 11, kSigUsr2 = 12, kSigPipe = 13,
  kSigAlrm = 14, kSigTerm = 15, kSigStkflt = 16, kSigChld = 17, kSigCont = 18, kSigStop = 19,
  kSigTstp = 20, kSigTtin = 21, kSigTtou = 22, kSigUrg = 23, kSigXcpu = 24, kSigXfsz = 25,
  kSigVtalrm = 26, kSigProf = 27, kSigWinch = 28, kSigIo = 29, kSigPwr = 30, kSigSys = 31,
  kSigRtMin = 32,
};

// siginfo_t as user space sees it: 128 bytes.
struct SigInfo {
  int32_t number = 0;
  int32_t error = 0;
  int32_t code = 0;
  int32_t padding = 0;
  union {
    uint64_t raw[14] = {};
    struct { int32_t pid; uint32_t uid; uint64_t value; } sender;              // kill, sigqueue
    struct { int32_t timer_id; int32_t overrun; uint64_t value; } timer;
    struct { int32_t pid; uint32_t uid; int32_t status; int32_t padding; int64_t utime, stime; } child;
    struct { uint64_t address; } fault;
  };
};
static_assert(sizeof(SigInfo) == 128);

struct SigAction {          // struct kernel_sigaction
  uint64_t handler = 0;     // 0 default, 1 ignore
  uint64_t flags = 0;       // SA_*
  uint64_t restorer = 0;
  SigSet mask = 0;
};
struct AltStack { uint64_t base = 0; int32_t flags = 2 /* SS_DISABLE */; uint64_t size = 0; };

struct QueuedSignal;        // task/signal/queue.h
struct PendingSignals {
  SigSet set = 0;
  QueuedSignal* first = nullptr;   // FIFO of those that carry information
  QueuedSignal* last = nullptr;
};

// How restart_syscall(2) resumes a sleep with the time that is left.
struct RestartBlock {
  SyscallResult (*resume)(RestartBlock&) = nullptr;
  uint64_t words[5] = {};
};

// Sending. `info` null: from the kernel. They take the locks they need; any task context.
void send_to_task(Task& task, int number, const SigInfo* info = nullptr);     // one thread
void send_to_process(Task& task, int number, const SigInfo* info = nullptr);  // its thread group
void send_to_group(Pid& group, int number, const SigInfo* info = nullptr);    // kill(-pgid): tty, kernel
// A fault of the running task: cannot be blocked or ignored.
void force_fault(int number, int code, UserAddr address);
// Delivers what is due to the running task: calls handlers' frames, stops, dies. From the way back
// to user mode, interrupts on.
void deliver_pending(struct SignalContext& context);
void recalculate_pending(Task& task);   // sets kWorkSignal from pending and blocked

}  // namespace signal

// Handlers of a process; shared by CLONE_SIGHAND.
struct SigHand : RefCounted<SigHand> {
  static constexpr const char* kCacheName = "sighand_cache";
  IrqSpinLock lock{LockRank::sighand};
  signal::SigAction actions[signal::kSignalCount];
};

}  // namespace tine
