// SPDX-License-Identifier: MIT
//
// The ring of a pipe: transfers, waiting, resizing. A write of up to PIPE_BUF (a page) is never
// mixed with others: it goes into the rest of the last page or into a page of its own.
//
// Waiters are exclusive: one datum wakes one reader, and a reader that leaves something behind wakes
// the next. Wake-ups come after the mutex is free, so that the woken does not run into it.
#include "fs/pipe_ring.h"

#include <algorithm>

#include "fs/file.h"

namespace tine::fs {

namespace {

constexpr uint32_t kReadEvents = kPollIn | kPollRdNorm;
constexpr uint32_t kWriteEvents = kPollOut | kPollWrNorm;

}  // namespace

Pipe::~Pipe() {
  MutexGuard guard(mutex_);
  for (uint32_t i = tail_; i != head_; ++i) mm::put_frame(*slot(i).page);
  if (spare_ != nullptr) mm::put_frame(*spare_);
  if (slots_ != inline_slots_) heap_free(slots_);
}

void Pipe::recycle(mm::Frame* page) {
  if (spare_ == nullptr) spare_ = page;
  else mm::put_frame(*page);
}

// Moves what the first slot holds; the slot is gone when it is empty, a packet in any case.
Result<size_t> Pipe::take(IoBuffer& buffer) {
  Slot& first = slot(tail_.load(std::memory_order_relaxed));
  size_t length = std::min<size_t>(first.length, buffer.remaining());
  size_t moved = TRY(buffer.copy_in(first.data(), length));
  first.offset = static_cast<uint16_t>(first.offset + moved);
  first.length = static_cast<uint16_t>(first.length - moved);
  if (first.length == 0 || (first.is_packet && moved == length)) {
    recycle(first.page);
    tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  return moved;
}

Result<size_t> Pipe::read(IoBuffer& buffer, bool nonblocking) {
  if (buffer.remaining() == 0) return size_t{0};
  size_t total = 0;
  for (;;) {
    Result<void> failure;
    bool freed = false;
    {
      MutexGuard guard(mutex_);
      while (!is_empty() && buffer.remaining() != 0) {
        bool is_packet = slot(tail_.load(std::memory_order_relaxed)).is_packet;
        uint32_t before = tail_.load(std::memory_order_relaxed);
        auto moved = take(buffer);
        if (!moved) {
          failure = moved.error();
          break;
        }
        total += *moved;
        freed |= tail_.load(std::memory_order_relaxed) != before;
        if (is_packet) break;
      }
    }
    if (freed) writable.wake(1, kWriteEvents);
    if (total != 0) {
      if (!is_empty()) readable.wake(1, kReadEvents);
      return total;
    }
    TRY(failure);
    if (!is_empty()) continue;
    if (writers() == 0) return size_t{0};
    if (nonblocking) return Errno::again;
    TRY(wait_event(readable, WaitKind::interruptible,
                   [this] { return !is_empty() || writers() == 0; }, kNever, true));
  }
}

// The part of a write that is less than a page, into the room behind the last data.
Result<size_t> Pipe::merge(IoBuffer& buffer) {
  size_t length = buffer.remaining() & kPageMask;
  if (length == 0 || is_empty()) return size_t{0};
  Slot& last = slot(head_.load(std::memory_order_relaxed) - 1);
  size_t used = size_t{last.offset} + last.length;
  if (last.is_packet || used + length > kPageSize) return size_t{0};
  size_t moved = TRY(buffer.copy_out(last.data() + last.length, length));
  last.length = static_cast<uint16_t>(last.length + moved);
  return moved;
}

// A fresh slot with up to a page.
Result<size_t> Pipe::put(IoBuffer& buffer, bool is_packet) {
  if (spare_ == nullptr) spare_ = TRY(mm::alloc_frame(mm::FrameKind::kernel)).leak();
  size_t length = std::min<size_t>(kPageSize, buffer.remaining());
  size_t moved = TRY(buffer.copy_out(mm::frame_data<std::byte>(*spare_), length));
  uint32_t head = head_.load(std::memory_order_relaxed);
  slot(head) = {std::exchange(spare_, nullptr), 0, static_cast<uint16_t>(moved), is_packet};
  head_.store(head + 1, std::memory_order_relaxed);
  return moved;
}

Result<size_t> Pipe::write(IoBuffer& buffer, bool nonblocking, bool packets) {
  if (buffer.remaining() == 0) return size_t{0};
  size_t total = 0;
  for (bool first = true;; first = false) {
    Result<void> failure;
    {
      MutexGuard guard(mutex_);
      if (readers() == 0) {
        if (total == 0) return Errno::pipe;
        return total;
      }
      if (first && !packets) {
        auto merged = merge(buffer);
        if (merged) total += *merged;
        else failure = merged.error();
      }
      while (failure && buffer.remaining() != 0 && !is_full()) {
        size_t wanted = std::min<size_t>(kPageSize, buffer.remaining());
        auto moved = put(buffer, packets);
        if (moved) total += *moved;
        if (!moved || *moved != wanted) failure = moved ? Errno::fault : moved.error();
      }
    }
    readable.wake(1, kReadEvents);
    if (!failure) return total != 0 ? Result<size_t>(total) : Result<size_t>(failure.error());
    if (buffer.remaining() == 0) {
      if (!is_full()) writable.wake(1, kWriteEvents);
      return total;
    }
    if (nonblocking) return total != 0 ? Result<size_t>(total) : Errno::again;
    auto waited = wait_event(writable, WaitKind::interruptible,
                             [this] { return !is_full() || readers() == 0; }, kNever, true);
    if (!waited) return total != 0 ? Result<size_t>(total) : Result<size_t>(waited.error());
  }
}

size_t Pipe::bytes_available() {
  MutexGuard guard(mutex_);
  size_t bytes = 0;
  for (uint32_t i = tail_; i != head_; ++i) bytes += slot(i).length;
  return bytes;
}

Result<long> Pipe::resize(uint64_t bytes) {
  uint64_t wanted = 1;
  while (wanted << kPageShift < bytes) wanted *= 2;
  auto* fresh = static_cast<Slot*>(heap_allocate(wanted * sizeof(Slot)));
  if (fresh == nullptr) return Errno::nomem;
  Slot* old = fresh;
  {
    MutexGuard guard(mutex_);
    uint32_t tail = tail_, head = head_;
    if (head - tail <= wanted) {
      for (uint32_t i = tail; i != head; ++i) fresh[i & (wanted - 1)] = slot(i);
      old = slots_ == inline_slots_ ? nullptr : slots_;
      slots_ = fresh;
      capacity_.store(static_cast<uint32_t>(wanted), std::memory_order_relaxed);
    }
  }
  if (old != nullptr) heap_free(old);
  if (old == fresh) return Errno::busy;
  writable.wake(1, kWriteEvents);
  return static_cast<long>(wanted << kPageShift);
}

void Pipe::open_ends(bool reads, bool writes) {
  if (reads) {
    readers_.fetch_add(1);
    reader_generation_.fetch_add(1);
  }
  if (writes) {
    writers_.fetch_add(1);
    writer_generation_.fetch_add(1);
  }
}

bool Pipe::close_ends(bool reads, bool writes) {
  MutexGuard guard(mutex_);
  if (reads && readers_.fetch_sub(1) == 1) writable.wake_all(kPollErr | kWriteEvents);
  if (writes && writers_.fetch_sub(1) == 1) readable.wake_all(kPollHup | kReadEvents);
  return readers() == 0 && writers() == 0;
}

}  // namespace tine::fs
