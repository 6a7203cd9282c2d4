// SPDX-License-Identifier: MIT
//
// Work queues. The list is in the work itself, so adding cannot fail. The thread forgets a work
// before it calls its function, which may free it or add it again; `running_` is compared, never
// followed. Lock: the queue's own, never held while a function runs.
#include "task/work_queue.h"

#include "task/clone/kthread.h"

namespace tine {

void DelayedWork::Delay::expired(time::Timer& timer) {
  DelayedWork& work = static_cast<Delay&>(timer).work;
  (void)work.queue->add(work);
}

Result<void> WorkQueue::start(std::string_view name) {
  thread_ = TRY(kthread_create(run, this, name));
  kthread_wake(*thread_);
  return {};
}

void WorkQueue::stop() {
  flush();
  (void)kthread_stop(*thread_);
  thread_.reset();
}

bool WorkQueue::add(Work& work) {
  {
    IrqGuard guard(lock_);
    if (work.is_queued) return false;
    work.is_queued = true;
    work.next = nullptr;
    (first_ != nullptr ? last_->next : first_) = &work;
    last_ = &work;
  }
  arrived_.wake();
  return true;
}

void WorkQueue::add_after(DelayedWork& work, Nanoseconds delay) {
  work.queue = this;
  time::arm(work.timer, time::monotonic_now() + delay);
}

bool WorkQueue::unlink_locked(Work& work) {
  if (!work.is_queued) return false;
  Work* previous = nullptr;
  for (Work* i = first_; i != &work; i = i->next) previous = i;
  (previous != nullptr ? previous->next : first_) = work.next;
  if (last_ == &work) last_ = previous;
  work.is_queued = false;
  return true;
}

bool WorkQueue::cancel(Work& work) {
  bool was_queued;
  {
    IrqGuard guard(lock_);
    was_queued = unlink_locked(work);
  }
  (void)wait_event(finished_, WaitKind::uninterruptible, [&] {
    IrqGuard guard(lock_);
    return running_ != &work;
  });
  return was_queued;
}

bool WorkQueue::cancel(DelayedWork& work) {
  const bool was_armed = time::cancel(work.timer);
  return cancel(static_cast<Work&>(work)) || was_armed;
}

void WorkQueue::flush() {
  struct Marker : Work {
    Marker() : Work([](Work& work) { static_cast<Marker&>(work).done.complete(); }) {}
    Completion done;
  } marker;
  (void)add(marker);
  marker.done.wait();
  (void)cancel(marker);  // the thread has let go of it, too
}

Work* WorkQueue::take_next() {
  IrqGuard guard(lock_);
  Work* work = first_;
  if (work == nullptr) return nullptr;
  first_ = work->next;
  work->is_queued = false;
  running_ = work;
  return work;
}

int WorkQueue::run(void* queue_pointer) {
  auto& queue = *static_cast<WorkQueue*>(queue_pointer);
  for (;;) {
    Work* work = nullptr;
    (void)wait_event(queue.arrived_, WaitKind::uninterruptible, [&] {
      work = queue.take_next();
      return work != nullptr || kthread_should_stop();
    });
    if (work == nullptr) return 0;
    work->function(*work);
    {
      IrqGuard guard(queue.lock_);
      queue.running_ = nullptr;
    }
    queue.finished_.wake_all();
  }
}

}  // namespace tine
