// SPDX-License-Identifier: MIT
//
// The rows of rows_threads.cpp, which main_glibc.cpp binds to names; see row.h for what a row does.
#pragma once

#include "row.h"

namespace bench {

void row_futex_round_trip();
void row_futex_two_cpus();
void row_thread_storm();

}  // namespace bench
