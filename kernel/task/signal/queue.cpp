// SPDX-License-Identifier: MIT
//
// Queues of pending signals: adding, taking in the order of signal(7) (lowest number first, within
// a number first come first), discarding.
#include "task/signal/queue.h"

#include <bit>

#include "task/signal_state.h"
#include "task/timer/interval_timers.h"

namespace tine::signal {

namespace {

// Unlinks the first entry for `number`; `more` tells whether another one follows.
QueuedSignal* take(PendingSignals& queue, int number, bool& more) {
  QueuedSignal* found = nullptr;
  more = false;
  QueuedSignal* before = nullptr;
  for (QueuedSignal *entry = queue.first, *previous = nullptr; entry != nullptr;
       previous = entry, entry = entry->next) {
    if (entry->info.number != number) continue;
    if (found != nullptr) {
      more = true;
      break;
    }
    found = entry;
    before = previous;
    if (number < kSigRtMin) break;
  }
  if (found == nullptr) return nullptr;
  (before != nullptr ? before->next : queue.first) = found->next;
  if (queue.last == found) queue.last = before;
  return found;
}

// Null: over RLIMIT_SIGPENDING, which standard signals that kill(2) or the kernel sends may exceed,
// or no memory.
QueuedSignal* make_entry(const Task& receiver, const SigInfo& info) {
  const Ref<const Creds> creds = creds_of(receiver);
  UserAccount& user = *creds->user;
  const bool is_limited = info.number >= kSigRtMin || info.code < 0;
  const int64_t queued = user.queued_signals.load(std::memory_order_relaxed);
  if (is_limited &&
      static_cast<uint64_t>(queued) >= receiver.signal->limits[kLimitSigpending].soft) {
    return nullptr;
  }
  auto entry = make<QueuedSignal>(user, info);
  return entry ? entry->leak() : nullptr;
}

}  // namespace

Result<void> enqueue(PendingSignals& queue, const Task& receiver, const SigInfo& info) {
  // Standard signals do not queue (signal(7)); the first one's information stays.
  const SigSet mask = bit(info.number);
  if (info.number < kSigRtMin && (queue.set & mask)) return {};
  // SIGKILL is never delivered with information, so it needs no memory either.
  if (info.number == kSigKill) {
    queue.set |= mask;
    return {};
  }
  QueuedSignal* entry = make_entry(receiver, info);
  if (entry == nullptr) {
    const bool must_carry_information = info.number >= kSigRtMin && info.code != kSiUser;
    if (must_carry_information) return Errno::again;
  } else {
    (queue.last != nullptr ? queue.last->next : queue.first) = entry;
    queue.last = entry;
  }
  queue.set |= mask;
  return {};
}

int next_signal(SigSet candidates) {
  if (candidates & kSynchronous) candidates &= kSynchronous;
  return candidates != 0 ? std::countr_zero(candidates) + 1 : 0;
}

int dequeue(PendingSignals& queue, SigSet candidates, SigInfo& info) {
  const int number = next_signal(queue.set & candidates);
  if (number == 0) return 0;
  bool more = false;
  QueuedSignal* entry = take(queue, number, more);
  if (!more) queue.set &= ~bit(number);
  if (entry != nullptr) {
    info = entry->info;
    delete entry;
  } else {
    // There was no memory for the information: what Linux gives is a plain SI_USER.
    info = SigInfo{};
    info.number = number;
  }
  return number;
}

int dequeue_signal(Task& task, SigSet candidates, SigInfo& info) {
  int number = dequeue(task.pending, candidates, info);
  if (number == 0) number = dequeue(task.signal->shared_pending, candidates, info);
  if (number != 0 && info.code == kSiTimer) [[unlikely]]
    note_signal_taken(*task.signal, info);
  return number;
}

void discard(PendingSignals& queue, SigSet unwanted) {
  if (!(queue.set & unwanted)) return;
  queue.set &= ~unwanted;
  QueuedSignal* kept_last = nullptr;
  QueuedSignal** link = &queue.first;
  while (QueuedSignal* entry = *link) {
    if (unwanted & bit(entry->info.number)) {
      *link = entry->next;
      delete entry;
    } else {
      kept_last = entry;
      link = &entry->next;
    }
  }
  queue.last = kept_last;
}

void discard_all(PendingSignals& queue) {
  if (queue.set != 0 || queue.first != nullptr) discard(queue, ~SigSet{0});
}

}  // namespace tine::signal
