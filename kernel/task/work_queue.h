// SPDX-License-Identifier: MIT
//
// Work that is to be done later, in task context, by a kernel thread: what an interrupt or a place
// that must not sleep cannot do itself. See work_queue.cpp.
//
//   struct Flush : Work { ... };  Flush flush{run_flush};
//   queue.add(flush);                          // from anywhere
#pragma once

#include <string_view>

#include "core/ref.h"
#include "core/result.h"
#include "sched/timer.h"
#include "sync/spin_lock.h"
#include "sync/wait_queue.h"

namespace tine {

struct Task;
class WorkQueue;

// Belongs to whoever adds it, and must live until it has been run or cancelled. It may be added
// again, by its function too; while it waits to be run, adding it again does nothing.
struct Work {
  using Function = void (*)(Work&);
  constexpr explicit Work(Function f) : function(f) {}
  Function function;
  Work* next = nullptr;      // guarded by its queue's lock, like `is_queued`
  bool is_queued = false;
};

struct DelayedWork : Work {
  explicit DelayedWork(Function f) : Work(f), timer(*this) {}
  struct Delay : time::Timer {
    explicit Delay(DelayedWork& w) : Timer(expired), work(w) {}
    static void expired(Timer& timer);
    DelayedWork& work;
  } timer;
  WorkQueue* queue = nullptr;
};

// One kernel thread that runs work in the order in which it came.
class WorkQueue {
 public:
  constexpr WorkQueue() = default;
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  Result<void> start(std::string_view name);  // once; what kthread_create() fails with
  void stop();                                // runs what is queued, ends the thread

  // Any context. False: it waits to be run already.
  bool add(Work& work);
  void add_after(DelayedWork& work, Nanoseconds delay);
  // Sleep until the work does not run any more; true: it was taken back before it had been run.
  bool cancel(Work& work);
  bool cancel(DelayedWork& work);
  void flush();                               // until all that was added before has been run

 private:
  static int run(void* queue);
  Work* take_next();
  bool unlink_locked(Work& work) REQUIRES(lock_);

  mutable IrqSpinLock lock_{LockRank::work_queue};
  Work* first_ GUARDED_BY(lock_) = nullptr;
  Work* last_ GUARDED_BY(lock_) = nullptr;
  Work* running_ GUARDED_BY(lock_) = nullptr;
  WaitQueue arrived_;
  WaitQueue finished_;
  Ref<Task> thread_;
};

}  // namespace tine
