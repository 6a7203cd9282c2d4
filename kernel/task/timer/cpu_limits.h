// SPDX-License-Identifier: MIT
//
// RLIMIT_CPU and RLIMIT_RTTIME. See cpu_limits.cpp.
#pragma once

namespace tine {
struct Task;
// Signals the running task if it, or its process, has used more CPU time than it may. On the way to
// user mode, after a tick has asked for it.
void check_cpu_limits(Task& self);
}  // namespace tine
