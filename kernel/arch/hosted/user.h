// SPDX-License-Identifier: MIT
//
// User mode of the hosted machine: programs are C++ callables that run on their task's fibre and
// make system calls as plain calls through the real dispatch, with the real way back (signals,
// restarts, preemption).
//
// Callables belong to the machine and are destroyed by forget_user_programs(). exit never returns
// to the program, so what a program holds on its own stack then is not destroyed: keep heap objects
// outside. After a successful exec the callable that is registered for the entry address runs.
#pragma once

#include <functional>

#include "arch/context.h"

namespace tine::arch::hosted {

struct UserProgram {
  std::function<void()> run;
};

UserProgram* register_program(std::function<void()> run);
// What runs when exec starts at `entry`.
void register_entry(UserAddr entry, std::function<void()> run);
// An address to use as a handler in sigaction(2).
UserAddr register_handler(std::function<void(int)> handler);
void forget_user_programs();

// A system call of the running task: the value or -errno, as in the return register.
long system_call(long number, uint64_t a0 = 0, uint64_t a1 = 0, uint64_t a2 = 0, uint64_t a3 = 0,
                 uint64_t a4 = 0, uint64_t a5 = 0);
// The same for a call that makes a child, which then runs `child` and exits with status 0.
long system_call_with_child(std::function<void()> child, long number, uint64_t a0 = 0,
                            uint64_t a1 = 0, uint64_t a2 = 0, uint64_t a3 = 0, uint64_t a4 = 0);

// Runs `program` as the running task's user mode; for the harness, from a kernel entry. Never
// returns: the program exits.
[[noreturn]] void enter_user_mode(UserProgram& program);

}  // namespace tine::arch::hosted
