// SPDX-License-Identifier: MIT
//
// rseq(2) and membarrier(2): what lets programs do without atomic instructions and barriers of their
// own on their fast paths. Decoding only; task/rseq.cpp and sched/barrier.cpp do the work.
//
// membarrier's commands on all processes need no registration; the private ones fail with EPERM
// before it. The registration belongs to the address space, and ends with it at exec.
#include "mm/mm.h"
#include "sched/barrier.h"
#include "syscall/syscalls.h"
#include "task/rseq.h"
#include "task/task.h"

namespace tine {
namespace {

enum MembarrierCommand : int {
  kGlobal = 1 << 0,
  kGlobalExpedited = 1 << 1,
  kRegisterGlobalExpedited = 1 << 2,
  kPrivateExpedited = 1 << 3,
  kRegisterPrivateExpedited = 1 << 4,
  kPrivateExpeditedSyncCore = 1 << 5,
  kRegisterPrivateExpeditedSyncCore = 1 << 6,
  kPrivateExpeditedRseq = 1 << 7,
  kRegisterPrivateExpeditedRseq = 1 << 8,
  kGetRegistrations = 1 << 9,
};
constexpr int kAllCommands = (1 << 10) - 1;
constexpr uint32_t kFlagCpu = 1;

// Linux counts every private registration as the plain one here, although it does not allow that.
long told_registrations(uint32_t registered) {
  constexpr uint32_t kSpecial = kRegisterPrivateExpeditedSyncCore | kRegisterPrivateExpeditedRseq;
  if (registered & kSpecial) registered |= kRegisterPrivateExpedited;
  return static_cast<long>(registered);
}

}  // namespace

SyscallResult sys_rseq(UserAddr area, uint32_t length, int flags, uint32_t signature) {
  constexpr int kUnregister = 1;
  if (flags == kUnregister) {
    TRY(unregister_rseq(area, length, signature));
    return 0;
  }
  if (flags != 0) return Errno::inval;
  TRY(register_rseq(area, length, signature));
  return 0;
}

SyscallResult sys_membarrier(int command, uint32_t flags, int cpu) {
  const bool names_cpu = flags == kFlagCpu && command == kPrivateExpeditedRseq;
  if (flags != 0 && !names_cpu) return Errno::inval;
  std::atomic<uint32_t>& registered = current().mm->membarrier_registrations;
  switch (command) {
    case 0:
      return kAllCommands;
    case kGlobal:
    case kGlobalExpedited:
      sched::barrier_on_cpus(nullptr, false);
      return 0;
    case kRegisterGlobalExpedited:
    case kRegisterPrivateExpedited:
    case kRegisterPrivateExpeditedSyncCore:
    case kRegisterPrivateExpeditedRseq:
      registered.fetch_or(static_cast<uint32_t>(command));
      return 0;
    case kPrivateExpedited:
    case kPrivateExpeditedSyncCore:
    case kPrivateExpeditedRseq:
      if (!(registered.load() & static_cast<uint32_t>(command) << 1)) return Errno::perm;
      if (names_cpu && cpu >= 0 && static_cast<CpuId>(cpu) >= sched::cpu_count()) return 0;
      sched::barrier_on_cpus(current().mm.get(), command == kPrivateExpeditedRseq);
      return 0;
    case kGetRegistrations:
      return told_registrations(registered.load());
    default:
      return Errno::inval;
  }
}

}  // namespace tine
