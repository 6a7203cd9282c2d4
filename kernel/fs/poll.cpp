// SPDX-License-Identifier: MIT
//
// The sleeping side of poll, select and epoll_wait. The wake function only notes that something
// happened and wakes the task: what happened is found by asking the files again. See poll.h.
#include "fs/poll.h"

#include "task/task.h"

namespace tine::fs {

struct PollWait::Chunk : HeapAllocated {
  static constexpr const char* kCacheName = "poll_chunk";
  static constexpr size_t kEntries = 32;
  Chunk* next = nullptr;
  size_t used = 0;
  Entry entries[kEntries];
};

PollWait::PollWait() = default;

PollWait::~PollWait() {
  for (size_t i = 0; i < inline_used_; ++i) inline_[i].queue->remove(inline_[i].waiter);
  while (chunks_ != nullptr) {
    for (size_t i = 0; i < chunks_->used; ++i) {
      chunks_->entries[i].queue->remove(chunks_->entries[i].waiter);
    }
    delete std::exchange(chunks_, chunks_->next);
  }
}

PollWait::Entry* PollWait::new_entry() {
  if (inline_used_ < kInlineEntries) return &inline_[inline_used_++];
  if (chunks_ == nullptr || chunks_->used == Chunk::kEntries) {
    auto chunk = make<Chunk>();
    if (!chunk) return nullptr;
    (*chunk)->next = chunks_;
    chunks_ = chunk->leak();
  }
  return &chunks_->entries[chunks_->used++];
}

bool PollWait::wake(Waiter& waiter, uint32_t) {
  Entry& entry = *reinterpret_cast<Entry*>(&waiter);
  entry.owner->triggered_.store(true, std::memory_order_release);
  return wake_up(*waiter.task);
}

void PollWait::wait_on(WaitQueue& queue) {
  Entry* entry = new_entry();
  if (entry == nullptr) {
    failed_ = true;
    return;
  }
  entry->waiter.task = arch::current_schedulable();
  entry->waiter.wake = &PollWait::wake;
  entry->owner = this;
  entry->queue = &queue;
  entry->file = Ref<File>(*asked_);
  queue.add(entry->waiter);
}

Result<bool> PollWait::sleep(Nanoseconds deadline) {
  prepare_to_sleep(TaskState::interruptible);
  bool in_time = true;
  bool interrupted = false;
  if (!triggered_.load(std::memory_order_acquire)) {
    interrupted = sleep_is_interrupted();
    if (!interrupted) in_time = schedule_until(deadline);
  }
  finish_sleep();
  if (interrupted) return Errno::restart_nohand;
  triggered_.store(false, std::memory_order_release);
  return in_time;
}

}  // namespace tine::fs
