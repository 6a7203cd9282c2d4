// SPDX-License-Identifier: MIT
//
// What happens when memory has run out (Linux: mm/oom_kill.c): whom it hits, and how a process is
// marked as more or less worth killing (proc_pid_oom_score_adj(5)).
#pragma once

#include "core/result.h"
#include "task/task.h"

namespace tine {

namespace mm {
struct Mm;
}

// mm/'s oom_kill() (mm/task_hooks.h).
bool oom_kill(mm::Mm& mm);

// /proc/PID/oom_score: 0 (never chosen) to 1333; 666 for a small process without an adjustment.
int oom_score(Task& task);

inline constexpr int kOomNeverKill = -1000, kOomKillFirst = 1000;
// Also for the other processes that run in the same memory. EINVAL; EACCES: lower than an
// administrator has allowed (with `legacy`, oom_adj: lower than it is) without CAP_SYS_RESOURCE.
Result<void> set_oom_score_adj(Task& task, int64_t value, bool legacy);

}  // namespace tine
