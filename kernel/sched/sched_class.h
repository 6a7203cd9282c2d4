// SPDX-License-Identifier: MIT
//
// A scheduling class: the policy by which tasks of one kind share a CPU. The core (core.cpp) asks
// the classes in the order of their rank, highest first: stop > deadline > real time > fair > idle.
//
// All functions run with the run queue locked and interrupts off; none can fail. A running task is
// `on_rq` but in no container: put_previous() puts it back, set_next() takes it out.
#pragma once

#include "core/types.h"

namespace tine::sched {

struct RunQueue;
struct Schedulable;

enum class EnqueueReason : uint8_t { wake_up, fork, moved };

class SchedClass {
 public:
  constexpr explicit SchedClass(int rank) : rank_(rank) {}
  int rank() const { return rank_; }

  // The task becomes runnable, or stops being so (while it runs, or while it waits).
  virtual void enqueue(RunQueue& rq, Schedulable& task, EnqueueReason reason) const = 0;
  virtual void dequeue(RunQueue& rq, Schedulable& task) const = 0;

  // The running task stays runnable but will not go on / the task is about to run.
  virtual void put_previous(RunQueue& rq, Schedulable& task) const = 0;
  virtual void set_next(RunQueue& rq, Schedulable& task) const = 0;
  // The best task that waits, left in its container; null if none does.
  virtual Schedulable* peek(RunQueue& rq) const = 0;
  // Of this class: whether `waiting`, the best that waits, is to run now that one is being chosen.
  virtual bool beats(const RunQueue& rq, const Schedulable& waiting,
                     const Schedulable& running) const = 0;
  // Of this class: whether a choice is to be made at once because `waiting` has come, and why.
  virtual bool preempts(const RunQueue& rq, const Schedulable& waiting, const Schedulable& running,
                        EnqueueReason reason) const = 0;

  // The running task has used `delta` of the CPU.
  virtual void charge(RunQueue& rq, Schedulable& task, Nanoseconds delta) const = 0;
  // A tick found the task running: true if a choice is to be made.
  virtual bool tick(RunQueue& rq, Schedulable& task) const = 0;
  virtual void yield(RunQueue& rq, Schedulable& task) const = 0;

 protected:
  ~SchedClass() = default;

 private:
  int rank_;
};

extern const SchedClass& stop_class;
extern const SchedClass& deadline_class;
extern const SchedClass& realtime_class;
extern const SchedClass& fair_class;
extern const SchedClass& idle_class;

}  // namespace tine::sched
