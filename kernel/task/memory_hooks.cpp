// SPDX-License-Identifier: MIT
//
// What mm/ asks about tasks (mm/task_hooks.h): the limits of the running one, and who else has
// memory. Whom to kill when it has run out is task/oom.cpp's.
#include "task/memory_hooks.h"
#include "mm/mm.h"
#include "mm/task_hooks.h"
#include "task/oom.h"
#include "task/signal_state.h"
#include "task/sleepers.h"

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

// Processes that share an Mm (CLONE_VM) are passed over once it has been visited; two who ask at
// the same time may make each other visit it twice.
void for_each_mm(void (*visit)(void* context, mm::Mm& mm), void* context) {
  static constinit std::atomic<uint64_t> visits{0};
  const uint64_t number = visits.fetch_add(1, std::memory_order_relaxed) + 1;
  for (Ref<Task> task = next_process(1); task; task = next_process(task->tgid() + 1)) {
    const Ref<mm::Mm> memory = mm_of(*task);
    if (!memory || memory->last_visit.exchange(number, std::memory_order_relaxed) == number) {
      continue;
    }
    visit(context, *memory);
  }
}

}  // namespace

void install_memory_hooks() {
  mm::task_hooks = {.limit = memory_limit,
                    .may_exceed_locked_limit = may_exceed_locked_limit,
                    .may_use_admin_reserve = may_use_admin_reserve,
                    .for_each_mm = for_each_mm,
                    .oom_kill = oom_kill,
                    .watch_sleepers = watch_sleepers};
}

}  // namespace tine
