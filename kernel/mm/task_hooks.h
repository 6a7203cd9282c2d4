// SPDX-License-Identifier: MIT
//
// What mm/ asks of the running task. mm/ does not look upwards: task/ fills the hooks in once, at
// boot, before the first program runs. Until then (and in unit tests of mm/ alone) there are no
// limits and nobody to kill.
#pragma once

#include <cstdint>

namespace tine::mm {

struct Mm;

enum class MemoryLimit : uint8_t { address_space, data, stack, locked };  // RLIMIT_AS, ...

struct TaskHooks {
  uint64_t (*limit)(MemoryLimit);     // soft limit in bytes; UINT64_MAX: none
  bool (*may_exceed_locked_limit)();  // CAP_IPC_LOCK
  bool (*may_use_admin_reserve)();    // CAP_SYS_ADMIN
  // Calls visit(context, mm) for the address space of each process, once each.
  void (*for_each_mm)(void (*visit)(void* context, Mm& mm), void* context);
  // There is no memory for a page that the running task needs in `mm`. Chooses a victim and kills
  // it. True: another task is dying, and the access is worth repeating; the hook has let it run.
  // False: the caller must give up (it is the victim, or there is none).
  bool (*oom_kill)(Mm& mm);
  // Look, from now on, for processes that have fallen asleep (mm/fold.h). Called with the
  // page_table_lock, among others.
  void (*watch_sleepers)();
};
extern TaskHooks task_hooks;

inline uint64_t memory_limit(MemoryLimit limit) { return task_hooks.limit(limit); }
inline bool may_exceed_locked_limit() { return task_hooks.may_exceed_locked_limit(); }
inline bool may_use_admin_reserve() { return task_hooks.may_use_admin_reserve(); }
inline void for_each_mm(void (*visit)(void* context, Mm& mm), void* context) {
  task_hooks.for_each_mm(visit, context);
}
inline bool oom_kill(Mm& mm) { return task_hooks.oom_kill(mm); }

}  // namespace tine::mm
