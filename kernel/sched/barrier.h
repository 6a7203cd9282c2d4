// SPDX-License-Identifier: MIT
//
// Memory barriers on other CPUs, for membarrier(2). See barrier.cpp.
#pragma once

namespace tine::sched {

// On return every CPU that ran a task with `mm` (null: any task) has executed a full barrier since
// the call, and so has the caller. With `restart_sequences` those tasks' restartable sequences have
// been aborted (rseq(2)). May be preempted; cannot fail.
void barrier_on_cpus(const void* mm, bool restart_sequences);

}  // namespace tine::sched
