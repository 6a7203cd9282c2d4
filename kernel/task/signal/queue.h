// SPDX-License-Identifier: MIT
//
// Queues of pending signals. A PendingSignals has a set, which says what is pending, and a FIFO of
// those signals that carry information (Linux: sigpending, sigqueue). A standard signal stands in
// the queue once at most, a real-time one as often as it was sent (signal(7)).
//
// All calls: the lock of the SigHand that guards the queue is held, or nobody else sees the queue.
// Only enqueue() allocates; it charges RLIMIT_SIGPENDING of the receiver's user.
#pragma once

#include "mm/heap.h"
#include "task/cred/user_account.h"
#include "task/signal/signal.h"

namespace tine::signal {

struct QueuedSignal : HeapAllocated {
  static constexpr const char* kCacheName = "sigqueue";
  QueuedSignal(UserAccount& account, const SigInfo& information)
      : user(account), info(information) {
    user->queued_signals.fetch_add(1, std::memory_order_relaxed);
  }
  ~QueuedSignal() { user->queued_signals.fetch_sub(1, std::memory_order_relaxed); }
  QueuedSignal* next = nullptr;
  Ref<UserAccount> user;
  SigInfo info;
};

// Adds `info` for `receiver`. EAGAIN: over the limit and the signal is one that must not lose its
// information (a real-time one that sigqueue(2) sends); every other is then pending without it.
Result<void> enqueue(PendingSignals& queue, const Task& receiver, const SigInfo& info);
// Takes the lowest pending signal out of `candidates` (faults first); 0: none.
int dequeue(PendingSignals& queue, SigSet candidates, SigInfo& info);
// The same of a task's own signals, then of its process's. With the sighand lock held.
int dequeue_signal(Task& task, SigSet candidates, SigInfo& info);
int next_signal(SigSet candidates);
void discard(PendingSignals& queue, SigSet unwanted);
void discard_all(PendingSignals& queue);

}  // namespace tine::signal
