// SPDX-License-Identifier: MIT
//
// eventfd(2): reads take the counter (or one of it), writes add to it; both wait at its ends, 0 and
// 2^64 - 2. The counter is an atomic; whoever loses a race for it waits or tries again.
#include "fs/eventfd.h"

#include "core/format.h"
#include "fs/stat.h"
#include "mm/heap.h"

namespace tine::fs {

namespace {

constexpr uint64_t kMax = ~0ull - 1;
constexpr uint64_t kAnonymousDevice = make_device(0, 0xffffe);

class EventFile final : public File {
 public:
  static constexpr const char* kCacheName = "eventfd";
  EventFile(uint64_t initial, uint32_t open_flags, bool semaphore)
      : File(open_flags), count_(initial), semaphore_(semaphore) {}

  Result<size_t> read(IoBuffer& buffer, uint64_t&) override {
    if (buffer.remaining() < sizeof(uint64_t)) return Errno::inval;
    uint64_t taken = 0;
    while (!take(taken)) {
      if (is_nonblocking()) return Errno::again;
      TRY(wait_event(readable_, WaitKind::interruptible, [this] { return count_ != 0; }, kNever, true));
    }
    writable_.wake(1, kPollOut | kPollWrNorm);
    TRY(buffer.copy_in(&taken, sizeof taken));
    return sizeof taken;
  }

  Result<size_t> write(IoBuffer& buffer, uint64_t&) override {
    if (buffer.remaining() < sizeof(uint64_t)) return Errno::inval;
    uint64_t added = 0;
    if (TRY(buffer.copy_out(&added, sizeof added)) != sizeof added) return Errno::fault;
    if (added == ~0ull) return Errno::inval;
    while (!add(added)) {
      if (is_nonblocking()) return Errno::again;
      TRY(wait_event(writable_, WaitKind::interruptible,
                     [this, added] { return kMax - count_ >= added; }, kNever, true));
    }
    if (added != 0) readable_.wake(1, kPollIn | kPollRdNorm);
    return sizeof added;
  }

  uint32_t poll(PollTable* table) override {
    if (table != nullptr) {
      table->wait_on(readable_);
      table->wait_on(writable_);
    }
    uint64_t count = count_;
    return (count != 0 ? kPollIn | kPollRdNorm : 0) | (count < kMax ? kPollOut | kPollWrNorm : 0);
  }

  Result<void> stat(StatData& out) override {
    out.device = kAnonymousDevice;
    out.mode = 0600;
    return {};
  }
  size_t write_description(std::span<char> out) override {
    return format_to(out, "anon_inode:[eventfd]");
  }

 private:
  bool take(uint64_t& taken) {
    uint64_t seen = count_;
    do {
      if (seen == 0) return false;
      taken = semaphore_ ? 1 : seen;
    } while (!count_.compare_exchange_weak(seen, seen - taken));
    return true;
  }
  bool add(uint64_t added) {
    uint64_t seen = count_;
    do {
      if (kMax - seen < added) return false;
    } while (!count_.compare_exchange_weak(seen, seen + added));
    return true;
  }

  std::atomic<uint64_t> count_;
  const bool semaphore_;
  WaitQueue readable_, writable_;
};

}  // namespace

Result<Ref<File>> make_eventfd(uint32_t initial, uint32_t flags) {
  return Ref<File>(TRY(make_ref<EventFile>(uint64_t{initial}, kReadWrite | (flags & kNonBlock),
                                           (flags & kEventFdSemaphore) != 0)));
}

}  // namespace tine::fs
