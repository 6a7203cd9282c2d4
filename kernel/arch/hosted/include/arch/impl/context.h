// SPDX-License-Identifier: MIT
//
// The hosted machine state: a task is a fibre with a host stack, and its user mode is a C++
// callable that makes system calls through arch/hosted/user.h.
//
// UserRegs is what a system call enters the core with. Instead of machine code it names the
// callable that user mode starts with (`program`), which belongs to the Machine; a signal frame is
// a saved copy of the registers on the context's own stack of frames.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/types.h"

namespace tine::arch {

namespace hosted {
struct Fibre;
struct UserProgram;   // arch/hosted/user.h
struct SignalFrames;  // arch/hosted/context.cpp
}  // namespace hosted

struct UserRegs {
  long number = -1;              // system call being made, or -1
  uint64_t arguments[6] = {};
  long result = 0;
  UserAddr instruction;
  UserAddr stack;
  bool rewound = false;          // the same call is to run again
  hosted::UserProgram* program = nullptr;        // what this task's user mode runs
  hosted::UserProgram* child_program = nullptr;  // what a child made by this call runs
  int signal_number = 0;         // a handler is due, with this argument

  long system_call_number() const { return number; }
  void set_system_call_number(long n) { number = n; }
  uint64_t argument(unsigned i) const { return arguments[i]; }
  long return_value() const { return result; }
  void set_return_value(long value) { result = value; }
  UserAddr instruction_pointer() const { return instruction; }
  UserAddr stack_pointer() const { return stack; }
  void set_instruction_pointer(UserAddr address) { instruction = address; }
  void set_stack_pointer(UserAddr address) { stack = address; }
  void rewind_system_call() { rewound = true; }
  bool in_system_call() const { return number >= 0; }
};

struct ThreadContext {
  hosted::Fibre* fibre = nullptr;
  hosted::SignalFrames* signal_frames = nullptr;
  uint64_t thread_pointer = 0;
  UserRegs regs;
  void (*kernel_entry)(void*) = nullptr;
  void* kernel_argument = nullptr;
};

}  // namespace tine::arch
