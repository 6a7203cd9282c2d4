// SPDX-License-Identifier: MIT
//
// The kernel threads that work for others: `reclaim`, which frees what lookups may have seen, or
// what was let go of where it could not end (sync/reclaim.h); and, where there are several CPUs,
// migration/N, a CPU's stop task (sched/stop.h), which moves running tasks off a CPU that they may
// not use any more. They run for ever, so nobody keeps a reference to them.
#include "task/cpu_threads.h"

#include "core/format.h"
#include "sched/stop.h"
#include "sched/timer.h"
#include "sync/reclaim.h"
#include "sync/wait_queue.h"
#include "task/clone/kthread.h"

namespace tine {
namespace {

constexpr Nanoseconds kReclaimPatience = 10'000'000;

int run_migration_thread(void*) { sched::run_stop_task(); }

constinit WaitQueue reclaim_requested;
constinit std::atomic<bool> reclaim_wanted{false};
constinit std::atomic<bool> reclaim_wanted_soon{false};

int run_reclaim_thread(void*) {
  for (;;) {
    (void)wait_event(reclaim_requested, WaitKind::uninterruptible,
                     [] { return reclaim_wanted.load(); });
    (void)wait_event(
        reclaim_requested, WaitKind::uninterruptible, [] { return reclaim_wanted_soon.load(); },
        time::monotonic_now() + kReclaimPatience);
    reclaim_wanted = false;
    reclaim_wanted_soon = false;
    reclaim_all();
  }
}

}  // namespace

void request_reclaim(ReclaimUrgency urgency) {
  if (urgency == ReclaimUrgency::soon) reclaim_wanted_soon = true;
  reclaim_wanted = true;
  reclaim_requested.wake();
}

Result<void> start_cpu_threads() {
  const Ref<Task> reclaimer = TRY(kthread_create(run_reclaim_thread, nullptr, "reclaim"));
  kthread_wake(*reclaimer);
  const CpuId count = sched::cpu_count();
  if (count == 1) return {};
  for (CpuId cpu = 0; cpu < count; ++cpu) {
    char name[Task::kNameLength];
    const size_t length = format_to(name, "migration/{}", cpu);
    const Ref<Task> thread = TRY(
        kthread_create_on_cpu(run_migration_thread, nullptr, cpu, std::string_view(name, length)));
    sched::make_stop_task(*thread);  // before a program can ask for one
    kthread_wake(*thread);
  }
  return {};
}

}  // namespace tine
