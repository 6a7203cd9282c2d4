// SPDX-License-Identifier: MIT
//
// x86-64's UserRegs and ThreadContext. UserRegs has the layout of the ABI's user_regs_struct up to
// `ss`; the assembly pushes it field by field (arch/x86_64/offsets.h).
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine::arch {

struct UserRegs {
  uint64_t r15, r14, r13, r12, rbp, rbx;  // a system call's fast way back leaves these alone
  uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  int64_t orig_rax;  // the system call's number; negative when an interrupt or fault came in
  uint64_t rip, cs, rflags, rsp, ss;

  // Whoever changes registers of a task that is in a system call says so, or the fast way back
  // would neither load all of them nor be safe. The mark lies in a part of `ss` that IRET ignores.
  static constexpr uint64_t kUserSs = 0x2b;
  static constexpr uint64_t kFullReturn = 1u << 16;
  void request_full_return() { ss = kUserSs | kFullReturn; }

  long system_call_number() const { return orig_rax; }
  void set_system_call_number(long number) { orig_rax = number; }
  bool in_system_call() const { return orig_rax >= 0; }
  uint64_t argument(unsigned index) const {
    switch (index) {
      case 0:
        return rdi;
      case 1:
        return rsi;
      case 2:
        return rdx;
      case 3:
        return r10;
      case 4:
        return r8;
      default:
        return r9;
    }
  }
  long return_value() const { return static_cast<long>(rax); }
  void set_return_value(long value) { rax = static_cast<uint64_t>(value); }
  UserAddr instruction_pointer() const { return UserAddr(rip); }
  UserAddr stack_pointer() const { return UserAddr(rsp); }
  void set_instruction_pointer(UserAddr address) {
    rip = address.value;
    request_full_return();
  }
  void set_stack_pointer(UserAddr address) {
    rsp = address.value;
    request_full_return();
  }
  // Both SYSCALL and INT 0x80 are two bytes long.
  void rewind_system_call() {
    rip -= 2;
    rax = static_cast<uint64_t>(orig_rax);
    request_full_return();
  }
  bool from_user_mode() const { return cs & 3; }
};

struct FpuState;  // an XSAVE area in standard format

struct ThreadContext {
  uint64_t stack_pointer = 0;  // of the kernel stack, while switched out
  uint64_t fs_base = 0;        // while switched out; live in the registers otherwise
  uint64_t gs_base = 0;
  FpuState* fpu = nullptr;  // null until the first FPU instruction; owned, see release_context()
  // The last fault that became a signal, for the signal frame.
  uint64_t fault_address = 0;
  uint32_t trap_number = 0;
  uint32_t error_code = 0;
  uint64_t stack_canary = 0;  // guards the return addresses on its kernel stack
};

}  // namespace tine::arch
