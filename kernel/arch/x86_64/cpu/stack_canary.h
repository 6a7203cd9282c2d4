// SPDX-License-Identifier: MIT
//
// The canary that the compiler puts between a function's buffers and its return address: random,
// and another one for each task (E58), so that what leaks of one stack is of no use for another.
// The switch puts the task's into the CPU's block, where compiled code reads it. No locks, nothing
// fails.
#pragma once

#include <cstdint>

namespace tine::x86 {

// The byte that is read first is zero: a string that runs over does not reproduce it.
inline constexpr uint64_t kCanaryMask = ~uint64_t{0xff};

void init_stack_canaries();                    // once, before the first call of the other
uint64_t make_stack_canary(const void* task);  // for a new one

}  // namespace tine::x86
