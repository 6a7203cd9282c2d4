// SPDX-License-Identifier: MIT
//
// What mm/ asks about the running task (mm/task_hooks.h): its limits, and whom to kill when memory
// has run out. The victim is the process that holds the most, weighted by oom_score_adj
// (proc_pid_oom_score_adj(5)); init and processes at -1000 are never chosen (D7).
#include <algorithm>

#include "core/log.h"
#include "mm/frame.h"
#include "mm/task_hooks.h"
#include "task/memory_hooks.h"
#include "task/namespace/namespaces.h"
#include "task/signal_state.h"

namespace tine {

namespace {

using mm::MemoryLimit;

uint64_t memory_limit(MemoryLimit limit) {
  switch (limit) {
    case MemoryLimit::address_space:
      return soft_limit(kLimitAs);
    case MemoryLimit::data:
      return soft_limit(kLimitData);
    case MemoryLimit::stack:
      return soft_limit(kLimitStack);
    case MemoryLimit::locked:
      return soft_limit(kLimitMemlock);
  }
  __builtin_unreachable();
}

bool may_exceed_locked_limit() { return capable(kCapIpcLock); }
bool may_use_admin_reserve() { return capable(kCapSysAdmin); }

constexpr int kNeverKilled = -1000;

// How much killing the process would give, in pages; 0: it must not be chosen.
int64_t badness(Task& leader, int64_t total_pages) REQUIRES(task_tree_lock) {
  const SignalState& process = *leader.signal;
  if (process.is_unkillable || process.oom_score_adj == kNeverKilled) return 0;
  const Ref<mm::Mm> memory = mm_of(leader);
  if (!memory) return 0;
  const int64_t points = memory->rss_pages() + process.oom_score_adj * total_pages / 1000;
  return std::max<int64_t>(points, 1);
}

struct Choice {
  Ref<Task> victim;
  bool somebody_is_dying = false;
};

Choice choose_victim() {
  const auto total = static_cast<int64_t>(mm::total_frame_count());
  Choice choice;
  int64_t worst = 0;
  for (Ref<Task> task = next_process(1); task; task = next_process(task->tgid() + 1)) {
    IrqGuard tree(task_tree_lock);
    if (task->mm && (task->signal->group_exiting || (task->flags & kPfExiting))) {
      choice.somebody_is_dying = true;
      continue;
    }
    const int64_t points = badness(*task, total);
    if (points <= worst) continue;
    worst = points;
    choice.victim = task;
  }
  return choice;
}

bool oom_kill(mm::Mm&) {
  Task& caller = current();
  if (fatal_signal_pending(caller)) return false;
  const Choice choice = choose_victim();
  if (choice.somebody_is_dying) {
    sched::yield();  // its memory will come back soon
    return true;
  }
  if (!choice.victim) return false;
  Task& victim = *choice.victim;
  log_error("Out of memory: Killed process {} ({})", victim.tgid(), std::string_view(victim.name));
  (void)signal::send_to_process(victim, signal::kSigKill);
  if (victim.signal.get() == caller.signal.get()) return false;
  sched::yield();
  return true;
}

}  // namespace

void install_memory_hooks() {
  mm::task_hooks = {.limit = memory_limit,
                    .may_exceed_locked_limit = may_exceed_locked_limit,
                    .may_use_admin_reserve = may_use_admin_reserve,
                    .oom_kill = oom_kill};
}

}  // namespace tine
