// SPDX-License-Identifier: MIT
//
// Page faults of user addresses, from user mode or from a user copy.
//
// When memory runs out, handle_page_fault() reclaims what it can and then asks oom_kill()
// (mm/task_hooks.h). out_of_memory means that the caller is the victim, or that nobody else is left
// to kill: a fault from user mode then leaves through the signals that are pending, a user copy
// ends there (EFAULT).
#pragma once

#include "core/result.h"
#include "core/types.h"

namespace tine::mm {

struct Mm;

struct FaultAccess {
  bool write = false;
  bool execute = false;
  bool user_mode = false;
};

// The signal that a fault which cannot be handled becomes.
struct FaultSignal {
  int signal_number;
  int code;
};  // SIGSEGV SEGV_MAPERR/ACCERR, SIGBUS BUS_ADRERR
enum class FaultOutcome : uint8_t { handled, signal, out_of_memory };
struct FaultResult {
  FaultOutcome outcome;
  FaultSignal signal;
};

// May sleep. Afterwards the access is to be repeated when `handled`.
FaultResult handle_page_fault(Mm& mm, UserAddr address, FaultAccess access);

// Maps, for reading, what the mapping at `start` shows of its object up to `end` and is in memory
// anyway, in place of a fault for each. The rest is left to faults. For exec; never fails or waits.
void map_cached_pages(Mm& mm, UserAddr start, UserAddr end);

}  // namespace tine::mm
