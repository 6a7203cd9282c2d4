// SPDX-License-Identifier: MIT
//
// C names for the C++ functions that the entry assembly calls on its slow paths.
#include "syscall/syscall.h"

namespace tine::x86 {

extern "C" {

// Traced, or no such number.
void slow_system_call(arch::UserRegs& regs) { dispatch_system_call(regs); }
void slow_user_return(arch::UserRegs& regs, bool system_call) {
  exit_to_user_work(regs, system_call);
}

}  // extern "C"

}  // namespace tine::x86
