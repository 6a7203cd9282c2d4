// SPDX-License-Identifier: MIT
//
// Waiting for files: what poll(2), select(2) and epoll(7) share. A PollWait is put on the wait
// queues of the files it asks; a wake-up on any of them ends its sleep.
//
// The queues hold its waiters, so it keeps the files that it is on, lest another task closes them.
#pragma once

#include "fs/file.h"
#include "mm/heap.h"

namespace tine::fs {

class PollWait final : public PollTable {
 public:
  PollWait();
  ~PollWait();  // leaves all queues
  // Says whose queues the next wait_on() calls name.
  void ask_about(File& file) { asked_ = &file; }
  void wait_on(WaitQueue& queue) override;
  // Memory for waiters ran out: poll fails with ENOMEM.
  bool has_failed() const { return failed_; }
  // Sleeps until a queue has been woken since the last call. False: the deadline has passed.
  // restart_nohand: a signal is pending.
  Result<bool> sleep(Nanoseconds deadline);

 private:
  struct Entry {
    Waiter waiter;
    PollWait* owner = nullptr;
    WaitQueue* queue = nullptr;
    Ref<File> file;
  };
  struct Chunk;
  static bool wake(Waiter& waiter, uint32_t events);
  Entry* new_entry();

  static constexpr size_t kInlineEntries = 4;
  std::atomic<bool> triggered_{false};
  bool failed_ = false;
  File* asked_ = nullptr;
  size_t inline_used_ = 0;
  Chunk* chunks_ = nullptr;
  Entry inline_[kInlineEntries];
};

}  // namespace tine::fs
