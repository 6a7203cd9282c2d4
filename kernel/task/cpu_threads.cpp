// SPDX-License-Identifier: MIT
//
// The kernel threads that each CPU has: migration/N, its stop task (sched/stop.h), which moves
// running tasks off a CPU that they may not use any more. A machine with one CPU needs none. They run
// for ever, so nobody keeps a reference to them.
#include "task/cpu_threads.h"

#include "core/format.h"
#include "sched/stop.h"
#include "task/clone/kthread.h"

namespace tine {
namespace {

int run_migration_thread(void*) { sched::run_stop_task(); }

}  // namespace

Result<void> start_cpu_threads() {
  const CpuId count = sched::cpu_count();
  for (CpuId cpu = 0; cpu < count && count > 1; ++cpu) {
    char name[Task::kNameLength];
    const size_t length = format_to(name, "migration/{}", cpu);
    const Ref<Task> thread = TRY(kthread_create_on_cpu(run_migration_thread, nullptr, cpu,
                                                       std::string_view(name, length)));
    kthread_wake(*thread);
  }
  return {};
}

}  // namespace tine
