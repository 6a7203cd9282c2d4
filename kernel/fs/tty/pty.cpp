// SPDX-License-Identifier: MIT
//
// Pairs of pseudoterminals and the ring between slave and master; see pty.h.
//
// The table of live pairs holds no references: a pair leaves it in master_closed(), which comes
// before the last reference goes because the master's file holds one.
#include "fs/tty/pty.h"

#include <algorithm>

namespace tine::tty {

namespace {

SpinLock pairs_lock{LockRank::unranked};
constinit PtyPair* pairs[kMaxPtys] GUARDED_BY(pairs_lock) = {};

}  // namespace

PtyPair::~PtyPair() = default;

Result<Ref<PtyPair>> PtyPair::create() {
  for (uint32_t index = 0; index < kMaxPtys; ++index) {
    {
      SpinGuard guard(pairs_lock);
      if (pairs[index] != nullptr) continue;
    }
    Ref<PtyPair> pair = TRY(make_ref<PtyPair>(index));
    pair->terminal_ = TRY(make_ref<Terminal>(*pair, fs::make_device(kPtySlaveMajor, index)));
    SpinGuard guard(pairs_lock);
    if (pairs[index] != nullptr) continue;  // somebody was faster
    pairs[index] = pair.get();
    return pair;
  }
  return Errno::nospc;
}

Ref<PtyPair> PtyPair::find(uint32_t index) {
  SpinGuard guard(pairs_lock);
  if (index >= kMaxPtys || pairs[index] == nullptr) return {};
  return Ref<PtyPair>(*pairs[index]);
}

uint32_t PtyPair::next_index(uint32_t from) {
  SpinGuard guard(pairs_lock);
  while (from < kMaxPtys && pairs[from] == nullptr) ++from;
  return from;
}

size_t PtyPair::write(std::span<const char> bytes) {
  size_t count = 0;
  {
    IrqGuard guard(ring_lock_);
    count = std::min(bytes.size(), kCapacity - (head_ - tail_));
    for (size_t i = 0; i < count; ++i) ring_[head_++ % kCapacity] = bytes[i];
  }
  if (count != 0) readable_.wake_all(fs::kPollIn | fs::kPollRdNorm);
  return count;
}

size_t PtyPair::room() {
  IrqGuard guard(ring_lock_);
  return kCapacity - (head_ - tail_);
}

size_t PtyPair::output_pending() {
  IrqGuard guard(ring_lock_);
  return head_ - tail_;
}

// EIO once every slave has been closed and the ring is empty, as Linux's master reads end.
Result<size_t> PtyPair::read_output(IoBuffer& buffer, bool nonblocking) {
  auto slaves_are_gone = [this] { return slave_was_open_.load() && open_slaves_.load() == 0; };
  for (;;) {
    char chunk[256];
    size_t count = 0;
    {
      IrqGuard guard(ring_lock_);
      count = std::min({sizeof chunk, head_ - tail_, buffer.remaining()});
      for (size_t i = 0; i < count; ++i) chunk[i] = ring_[tail_++ % kCapacity];
    }
    if (count != 0) {
      writable_.wake_all(fs::kPollOut | fs::kPollWrNorm);
      return buffer.copy_in(chunk, count);
    }
    if (slaves_are_gone()) return Errno::io;
    if (nonblocking) return Errno::again;
    TRY(wait_event(readable_, WaitKind::interruptible,
                   [&] { return output_pending() != 0 || slaves_are_gone(); }));
  }
}

uint32_t PtyPair::poll_output(fs::PollTable* table) {
  if (table != nullptr) table->wait_on(readable_);
  uint32_t events = 0;
  if (output_pending() != 0) events |= fs::kPollIn | fs::kPollRdNorm;
  if (slave_was_open_.load() && open_slaves_.load() == 0) events |= fs::kPollHup;
  if (terminal_->receive_room() != 0) events |= fs::kPollOut | fs::kPollWrNorm;
  return events;
}

void PtyPair::slave_opened() {
  open_slaves_.fetch_add(1);
  slave_was_open_.store(true);
}

void PtyPair::slave_closed() {
  if (open_slaves_.fetch_sub(1) == 1) readable_.wake_all(fs::kPollHup);
}

void PtyPair::master_closed() {
  {
    SpinGuard guard(pairs_lock);
    pairs[index_] = nullptr;
  }
  terminal_->hang_up();
  writable_.wake_all(fs::kPollHup);
}

}  // namespace tine::tty
