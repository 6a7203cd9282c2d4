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

// Asleep, and bound to one CPU, which has to be online (EINVAL).
Result<Ref<Task>> kthread_create_on_cpu(KernelThreadFunction function, void* argument, CpuId cpu,
                                        std::string_view name);
// Parking: the thread sleeps at a place of its choice until it is unparked. Its function asks
// kthread_should_park() wherever it asks kthread_should_stop(), and then calls kthread_park_here().
// One caller at a time may park, unpark or stop a thread, and only while its function runs.
void kthread_park(Task& thread);       // returns when it is parked
void kthread_unpark(Task& thread);
bool kthread_should_park();            // of the running thread
void kthread_park_here();

// kthreadd's own function; boot starts it as PID 2. Its name and its deafness to signals it gets
// before it runs, for init may run first (E9).
void kthreadd(void*);
void become_kthreadd(Task& newborn);

}  // namespace tine
