// SPDX-License-Identifier: MIT
//
// The part of the no-libc program that runs as PID 1 and starts the rows; see starter.cpp.
#pragma once

#include "row.h"

namespace bench {

// `entry_ticks` is the TSC at this program's first instruction. Ends by powering the machine off.
[[noreturn]] void run_starter(uint64_t entry_ticks);

// Whether the no-libc program has that row; any other name is the glibc program's.
bool is_nolibc_row(const char* name);

}  // namespace bench
