// SPDX-License-Identifier: MIT
//
// poll(2), ppoll(2), select(2), pselect6(2): both families ask a list of files, sleep on their wait
// queues while none is ready, and ask again. Fails with EFAULT, EINVAL, ENOMEM, EINTR.
#include <algorithm>
#include <bit>

#include "fs/files_table.h"
#include "fs/poll.h"
#include "sched/timer.h"
#include "syscall/syscalls.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace fs;

// When a wait of `duration` ends; negative: never.
Nanoseconds deadline_after(Nanoseconds duration) {
  Nanoseconds deadline;
  if (duration < 0 || __builtin_add_overflow(time::monotonic_now(), duration, &deadline)) return kNever;
  return deadline;
}

Nanoseconds deadline_of_milliseconds(int timeout_ms) {
  return timeout_ms < 0 ? kNever : deadline_after(Nanoseconds{timeout_ms} * 1'000'000);
}

// Asks again and again until `scan(wait)` counts something ready. The wait is null when there is
// nothing to wait for any more.
template <class Scan>
Result<long> wait_until_ready(Nanoseconds deadline, Scan&& scan) {
  long ready = scan(nullptr);
  if (ready != 0 || deadline == 0) return ready;
  PollWait wait;
  ready = scan(&wait);
  for (;;) {
    if (ready != 0) return ready;
    if (wait.has_failed()) return Errno::nomem;
    if (!TRY(wait.sleep(deadline))) return scan(nullptr);
    ready = scan(nullptr);
  }
}

uint32_t ask(int fd, PollWait* wait) {
  auto file = borrow_file(fd);
  if (!file) return kPollNval;
  if (wait == nullptr) return (*file)->poll(nullptr);
  wait->ask_about(**file);
  return (*file)->poll(wait);
}

Result<long> poll_files(std::span<abi::PollFd> fds, Nanoseconds deadline) {
  return wait_until_ready(deadline, [fds](PollWait* wait) {
    long ready = 0;
    for (abi::PollFd& entry : fds) {
      entry.returned = 0;
      if (entry.fd < 0) continue;
      uint32_t wanted = static_cast<uint16_t>(entry.events) | kPollErr | kPollHup | kPollNval;
      entry.returned = static_cast<int16_t>(ask(entry.fd, wait) & wanted);
      if (entry.returned != 0) ++ready;
    }
    return ready;
  });
}

Result<long> do_poll(UserAddr user, uint32_t count, Nanoseconds deadline) {
  if (count > soft_limit(kLimitNofile)) return Errno::inval;
  constexpr size_t kInline = 16;
  abi::PollFd inline_fds[kInline];
  Buffer<abi::PollFd> heap;
  std::span<abi::PollFd> fds(inline_fds, std::min<size_t>(count, kInline));
  if (count > kInline) {
    heap = TRY(Buffer<abi::PollFd>::make(count));
    fds = heap.span();
  }
  TRY(UserIn<abi::PollFd>(user).read_array(fds));
  long ready = TRY(poll_files(fds, deadline));
  // Only `revents` is ours to write.
  for (size_t i = 0; i < fds.size(); ++i) {
    UserAddr field = user + i * sizeof(abi::PollFd) + offsetof(abi::PollFd, returned);
    TRY(UserOut<int16_t>(field).write(fds[i].returned));
  }
  return ready;
}

// --- select --------------------------------------------------------------------------------------

constexpr uint32_t kSelectRead = kPollIn | kPollRdNorm | kPollRdBand | kPollHup | kPollErr;
constexpr uint32_t kSelectWrite = kPollOut | kPollWrNorm | kPollWrBand | kPollErr;
constexpr uint32_t kSelectException = kPollPri;

// Three bitmaps of descriptors asked about, and three of those that are ready.
class SelectSets {
 public:
  enum Which { reads, writes, exceptions, kinds };

  Result<void> copy_from(int count, const UserAddr (&user)[kinds]) {
    words_ = (static_cast<size_t>(count) + 63) / 64;
    memory_ = TRY(Buffer<uint64_t>::make(2 * kinds * words_));
    for (size_t kind = 0; kind < kinds; ++kind) {
      if (user[kind].value == 0 || words_ == 0) continue;
      TRY(UserIn<uint64_t>(user[kind]).read_array({asked(kind), words_}));
      if (count % 64 != 0) asked(kind)[words_ - 1] &= (1ull << count % 64) - 1;
    }
    return {};
  }

  Result<void> copy_to(const UserAddr (&user)[kinds]) const {
    for (size_t kind = 0; kind < kinds; ++kind) {
      if (user[kind].value == 0 || words_ == 0) continue;
      TRY(UserOut<uint64_t>(user[kind]).write_array({ready(kind), words_}));
    }
    return {};
  }

  // EBADF for a descriptor that is not open.
  Result<void> check_open() const {
    for (size_t word = 0; word < words_; ++word) {
      for (uint64_t bits = asked_word(word); bits != 0; bits &= bits - 1) {
        TRY(borrow_file(static_cast<int>(word * 64) + std::countr_zero(bits)));
      }
    }
    return {};
  }

  long scan(PollWait* wait) {
    constexpr uint32_t kMasks[kinds] = {kSelectRead, kSelectWrite, kSelectException};
    long count = 0;
    for (size_t word = 0; word < words_; ++word) {
      for (size_t kind = 0; kind < kinds; ++kind) ready(kind)[word] = 0;
      for (uint64_t bits = asked_word(word); bits != 0; bits &= bits - 1) {
        int bit = std::countr_zero(bits);
        uint32_t events = ask(static_cast<int>(word * 64) + bit, wait);
        if (events & kPollNval) events = kSelectRead | kSelectWrite;  // closed meanwhile
        for (size_t kind = 0; kind < kinds; ++kind) {
          if (!(asked(kind)[word] >> bit & 1) || !(events & kMasks[kind])) continue;
          ready(kind)[word] |= 1ull << bit;
          ++count;
        }
      }
    }
    return count;
  }

 private:
  uint64_t* asked(size_t kind) const { return memory_.data() + kind * words_; }
  uint64_t* ready(size_t kind) const { return memory_.data() + (kinds + kind) * words_; }
  uint64_t asked_word(size_t word) const {
    return asked(reads)[word] | asked(writes)[word] | asked(exceptions)[word];
  }
  size_t words_ = 0;
  Buffer<uint64_t> memory_;
};

Result<long> do_select(int count, UserAddr reads, UserAddr writes, UserAddr exceptions,
                       Nanoseconds deadline) {
  if (count < 0) return Errno::inval;
  // No descriptor is beyond the table, so bits beyond it are not looked at, as in Linux.
  count = static_cast<int>(std::min<uint32_t>(static_cast<uint32_t>(count),
                                              fd_table_size(*current().files)));
  const UserAddr user[SelectSets::kinds] = {reads, writes, exceptions};
  SelectSets sets;
  TRY(sets.copy_from(count, user));
  TRY(sets.check_open());
  long ready = TRY(wait_until_ready(deadline, [&sets](PollWait* wait) { return sets.scan(wait); }));
  TRY(sets.copy_to(user));
  return ready;
}

// The time that is left goes back to the caller; a failure to write it changes nothing.
template <class Time>
void write_remaining(UserAddr user, Nanoseconds deadline) {
  if (user.value == 0 || deadline == kNever) return;
  Nanoseconds left = std::max<Nanoseconds>(deadline - time::monotonic_now(), 0);
  (void)UserOut<Time>(user).write(Time::from(left));
}

template <class Time>
Result<Nanoseconds> read_deadline(UserAddr user) {
  if (user.value == 0) return kNever;
  Time timeout = TRY(UserIn<Time>(user).read());
  if (!timeout.is_valid()) return Errno::inval;
  Nanoseconds duration = timeout.to_nanoseconds();
  return duration == 0 ? Nanoseconds{0} : deadline_after(duration);
}

Result<void> apply_mask(UserIn<signal::SigSet> mask, uint64_t size) {
  if (!mask) return {};
  if (size != sizeof(signal::SigSet)) return Errno::inval;
  signal::set_temporary_mask(TRY(mask.read()));
  return {};
}

// A signal keeps the temporary mask until it is delivered; otherwise the old one returns at once.
SyscallResult leave_mask(bool applied, Result<long> outcome) {
  if (applied && (outcome || outcome.error() != Errno::restart_nohand)) signal::restore_saved_mask();
  return outcome;
}

}  // namespace

SyscallResult sys_poll(UserAddr fds, uint32_t count, int timeout_ms) {
  return do_poll(fds, count, timeout_ms == 0 ? 0 : deadline_of_milliseconds(timeout_ms));
}

SyscallResult sys_ppoll(UserAddr fds, uint32_t count, UserAddr timeout,
                        UserIn<signal::SigSet> mask, uint64_t mask_size) {
  Nanoseconds deadline = TRY(read_deadline<abi::Timespec>(timeout));
  TRY(apply_mask(mask, mask_size));
  Result<long> ready = do_poll(fds, count, deadline);
  write_remaining<abi::Timespec>(timeout, deadline);
  return leave_mask(static_cast<bool>(mask), ready);
}

SyscallResult sys_select(int count, UserAddr reads, UserAddr writes, UserAddr exceptions,
                         UserAddr timeout) {
  Nanoseconds deadline = kNever;
  if (timeout.value != 0) {
    auto time = TRY(UserIn<abi::Timeval>(timeout).read());
    // select(2) takes any number of microseconds that is not negative.
    if (time.seconds < 0 || time.microseconds < 0) return Errno::inval;
    Nanoseconds duration = abi::Timespec{time.seconds + time.microseconds / 1'000'000,
                                         time.microseconds % 1'000'000 * 1000}.to_nanoseconds();
    deadline = duration == 0 ? Nanoseconds{0} : deadline_after(duration);
  }
  Result<long> ready = do_select(count, reads, writes, exceptions, deadline);
  write_remaining<abi::Timeval>(timeout, deadline);
  return ready;
}

SyscallResult sys_pselect6(int count, UserAddr reads, UserAddr writes, UserAddr exceptions,
                           UserAddr timeout, UserIn<abi::SignalMaskArgument> argument) {
  abi::SignalMaskArgument mask{};
  if (argument) mask = TRY(argument.read());
  Nanoseconds deadline = TRY(read_deadline<abi::Timespec>(timeout));
  TRY(apply_mask(UserIn<signal::SigSet>(UserAddr(mask.mask)), mask.size));
  Result<long> ready = do_select(count, reads, writes, exceptions, deadline);
  write_remaining<abi::Timespec>(timeout, deadline);
  return leave_mask(mask.mask != 0, ready);
}

}  // namespace tine
