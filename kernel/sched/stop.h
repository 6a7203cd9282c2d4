// SPDX-License-Identifier: MIT
//
// The stop task of a CPU: runs a function there before everything else. See stop.cpp.
#pragma once

#include "core/types.h"

namespace tine::sched {

struct Schedulable;

// Makes a kernel thread that is bound to one CPU that CPU's stop task. From here on stop_cpu() can be
// used there, whenever the thread comes to run for the first time; it calls run_stop_task().
void make_stop_task(Schedulable& task);
[[noreturn]] void run_stop_task();
// Runs the function on `cpu` and waits until it has returned. False: there is no stop task there.
// Sleeps.
bool stop_cpu(CpuId cpu, void (*function)(void*), void* argument);

}  // namespace tine::sched
