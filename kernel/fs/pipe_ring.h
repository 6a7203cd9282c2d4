// SPDX-License-Identifier: MIT
//
// Pipe: the ring behind the ends of a pipe; pipe.cpp has the ends as files. See pipe.h.
//
// head_ and tail_ count slots ever filled and emptied; the slots between them hold data. They and
// the counts of ends change under mutex_ and are atomics so that waiters may test them without it.
// One emptied page is kept, so that a conversation in small messages allocates nothing.
#pragma once

#include <atomic>

#include "core/ref.h"
#include "core/result.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/user_memory.h"
#include "sync/mutex.h"
#include "sync/wait_queue.h"

namespace tine::fs {

class Pipe : public RefCounted<Pipe> {
 public:
  static constexpr const char* kCacheName = "pipe";
  static constexpr uint32_t kDefaultSlots = 16;        // 64 KiB
  static constexpr uint32_t kMaxSlots = 256;           // 1 MiB, fs.pipe-max-size
  ~Pipe();

  // Wait unless `nonblocking`. Read: 0 when nobody writes any more. Write: EPIPE, without the signal.
  Result<size_t> read(IoBuffer& buffer, bool nonblocking);
  Result<size_t> write(IoBuffer& buffer, bool nonblocking, bool packets);
  size_t bytes_available();
  uint32_t capacity_bytes() const { return capacity_.load(std::memory_order_relaxed) * kPageSize; }
  Result<long> resize(uint64_t bytes);                 // EBUSY, ENOMEM

  void open_ends(bool reads, bool writes);
  // True: that was the last end.
  bool close_ends(bool reads, bool writes);

  bool is_empty() const { return head_.load() == tail_.load(); }
  bool is_full() const { return head_.load() - tail_.load() >= capacity_.load(); }
  uint32_t readers() const { return readers_.load(); }
  uint32_t writers() const { return writers_.load(); }
  uint32_t reader_generation() const { return reader_generation_.load(); }
  uint32_t writer_generation() const { return writer_generation_.load(); }

  WaitQueue readable;   // readers wait here, and pollers of the read end
  WaitQueue writable;
  WaitQueue opened;     // openers of a fifo wait for the other side

 private:
  struct Slot {
    mm::Frame* page;
    uint16_t offset;
    uint16_t length;
    bool is_packet;
    std::byte* data() const { return mm::frame_data<std::byte>(*page) + offset; }
  };
  Slot& slot(uint32_t index) REQUIRES(mutex_) { return slots_[index & (capacity_.load(std::memory_order_relaxed) - 1)]; }
  Result<size_t> take(IoBuffer& buffer) REQUIRES(mutex_);
  Result<size_t> merge(IoBuffer& buffer) REQUIRES(mutex_);
  Result<size_t> put(IoBuffer& buffer, bool is_packet) REQUIRES(mutex_);
  void recycle(mm::Frame* page) REQUIRES(mutex_);

  Mutex mutex_{LockRank::pipe};
  std::atomic<uint32_t> head_{0}, tail_{0};
  std::atomic<uint32_t> capacity_{kDefaultSlots};      // a power of two
  std::atomic<uint32_t> readers_{0}, writers_{0};
  std::atomic<uint32_t> reader_generation_{0}, writer_generation_{0};
  mm::Frame* spare_ GUARDED_BY(mutex_) = nullptr;
  Slot* slots_ GUARDED_BY(mutex_) = inline_slots_;
  Slot inline_slots_[kDefaultSlots];
};

}  // namespace tine::fs
