// SPDX-License-Identifier: MIT
//
// Kernel threads. kthreadd (PID 2) makes them all, so that none inherits anything from a user's
// task. A new thread sleeps until kthread_wake() and may be asked to stop.
//
//   Ref<Task> worker = TRY(kthread_create(run, &state, "worker/{}"));   // asleep
//   kthread_wake(*worker);
//   int result = kthread_stop(*worker);                                 // asks, wakes, waits
#pragma once

#include <string_view>

#include "core/ref.h"
#include "core/result.h"
#include "task/task.h"

namespace tine {

using KernelThreadFunction = int (*)(void* argument);

// Killable: EINTR when the caller is killed while it waits (E7). ENOMEM, EAGAIN.
Result<Ref<Task>> kthread_create(KernelThreadFunction function, void* argument,
                                 std::string_view name);
Result<Ref<Task>> kthread_run(KernelThreadFunction function, void* argument, std::string_view name);
void kthread_wake(Task& thread);  // starts it
bool kthread_should_stop();       // of the running thread: its loop ends when true
int kthread_stop(Task& thread);   // its function's result; EINTR (negative) if it never ran

// kthreadd's own function; boot starts it as PID 2.
void kthreadd(void*);

}  // namespace tine
