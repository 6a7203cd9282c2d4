// SPDX-License-Identifier: MIT
//
// The first tasks: each CPU's idle task (PID 0), the first made without memory from the heap; init (PID 1)
// and kthreadd (PID 2), made by the same road as all others.
//
// Order at boot: the architecture calls make_idle_task() and sets it as the current task; once the
// heap works kernel_main() calls task_init(), then start_first_tasks(), then turns into the idle
// loop.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/types.h"

namespace tine {

struct SignalState;
struct Task;

// The task that the CPU runs already, or will run when nothing else wants it. Its kernel stack is
// the caller's business. ENOMEM for a CPU other than the first, whose task lives in the image.
Result<Task*> make_idle_task(CpuId cpu);

// PID 1's process: the parent of orphans. Exists before any other.
SignalState& init_process();

// fork_init: threads-max from the memory there is (B7), init's limits (B8). On the boot CPU's idle
// task, from which init inherits.
void install_memory_hooks();  // task/memory_hooks.cpp; called by task_init
void task_init(uint64_t memory_bytes);

// PID 1 runs init(argument) in kernel mode, with the descriptors and directories that the idle task
// has been given; it is expected to become a program by exec::kernel_execve() and return, which
// enters user mode. Both start with the next schedule(). Panics where they cannot be made.
void start_first_tasks(void (*init)(void*), void* argument);

}  // namespace tine
