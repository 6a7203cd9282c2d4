// SPDX-License-Identifier: MIT
//
// Data through a terminal: device input to readers, program output to the device.
// See terminal.h for locks; job control and ioctls are in terminal_control.cpp.
#include "fs/tty/terminal.h"

#include <algorithm>

#include "sched/timer.h"
#include "task/signal/signal.h"
#include "task/task.h"

namespace tine::tty {

namespace {
constexpr size_t kChunk = 256;                       // bytes staged on the stack
constexpr Nanoseconds kTenth = kNsPerSecond / 10;    // VTIME's unit
}  // namespace

Terminal::~Terminal() = default;

void Terminal::receive(std::span<const char> bytes) {
  for (char byte : bytes) {
    InputEffects effects;
    Ref<Pid> foreground;
    bool has_echo = false;
    {
      IrqGuard guard(lock_);
      effects = discipline_.receive(static_cast<uint8_t>(byte));
      if (effects.stop_output) output_stopped_ = true;
      if (effects.start_output) output_stopped_ = false;
      if (effects.signal != 0) foreground = foreground_;
      has_echo = !discipline_.echo().empty();
    }
    if (effects.start_output) output_resumed_.wake_all();
    if (has_echo) flush_echo();
    if (foreground) signal::send_to_group(*foreground, effects.signal);
    if (effects.readable) readable_.wake_all(fs::kPollIn | fs::kPollRdNorm);
  }
}

size_t Terminal::receive_room() const {
  IrqGuard guard(lock_);
  return LineDiscipline::kCapacity - discipline_.available();
}

// Writes what echo the device takes now; the rest goes with the next output.
void Terminal::flush_echo() {
  IrqGuard guard(lock_);
  if (device_ != nullptr) discipline_.echo_done(device_->write(discipline_.echo()));
}

// Waits until a read has something to return: a line, VMIN bytes, VTIME's end, or a hang-up
// (termios(3), "Canonical and noncanonical mode"). `wanted` is the size of the read.
Result<void> Terminal::wait_for_input(size_t wanted, bool nonblocking) {
  const Nanoseconds start = time::monotonic_now();
  for (;;) {
    TRY(check_background(signal::kSigTtin));
    size_t present;
    Nanoseconds deadline = kNever;
    {
      IrqGuard guard(lock_);
      if (hung_up_.load()) return {};
      present = discipline_.available();
      if (discipline_.settings.local & kCanonical) {
        if (discipline_.has_input()) return {};
      } else {
        size_t minimum = discipline_.settings.characters[kVmin];
        Nanoseconds timeout = discipline_.settings.characters[kVtime] * kTenth;
        if (present >= std::clamp<size_t>(minimum, 1, wanted)) return {};
        if (minimum == 0 && timeout == 0) return {};
        // The timer runs from the start when VMIN is 0, else anew from each byte.
        if (timeout != 0 && minimum == 0) deadline = start + timeout;
        if (timeout != 0 && minimum != 0 && present != 0) deadline = time::monotonic_now() + timeout;
      }
    }
    if (nonblocking) return Errno::again;
    auto input_changed = [&] {
      IrqGuard guard(lock_);
      return hung_up_.load() || discipline_.available() != present;
    };
    Result<void> waited = wait_event(readable_, WaitKind::interruptible, input_changed, deadline);
    if (!waited && waited.error() == Errno::timedout) return {};
    TRY(std::move(waited));
  }
}

Result<size_t> Terminal::read(IoBuffer& buffer, bool nonblocking) {
  if (buffer.remaining() == 0) return 0;
  MutexGuard reader(read_lock_);
  TRY(wait_for_input(buffer.remaining(), nonblocking));
  size_t total = 0;
  for (bool more = true; more && buffer.remaining() != 0;) {
    char chunk[kChunk];
    std::span<char> room(chunk, std::min(kChunk, buffer.remaining()));
    size_t taken;
    {
      IrqGuard guard(lock_);
      taken = discipline_.take(room, more);
    }
    if (taken == 0) break;
    size_t moved = TRY(buffer.copy_in(chunk, taken));
    total += moved;
    if (moved != taken) return total != 0 ? Result<size_t>(total) : Errno::fault;
  }
  return total;
}

Result<size_t> Terminal::write(IoBuffer& buffer, bool nonblocking) {
  TRY(check_background_write());
  MutexGuard writer(write_lock_);
  size_t total = 0;
  while (buffer.remaining() != 0) {
    if (hung_up_.load()) return Errno::io;
    char chunk[kChunk];
    size_t length = TRY(buffer.copy_out(chunk, std::min(kChunk, buffer.remaining())));
    size_t written = 0;
    Result<void> outcome = write_processed({chunk, length}, nonblocking, written);
    total += written;
    if (!outcome) return total != 0 ? Result<size_t>(total) : outcome.error();
  }
  return total;
}

// Sends `bytes` through output processing; `consumed` says how many of them reached the device.
Result<void> Terminal::write_processed(std::span<const char> bytes, bool nonblocking,
                                       size_t& consumed) {
  while (consumed < bytes.size()) {
    char processed[kChunk];
    size_t length = 0;
    size_t taken = 0;
    {
      IrqGuard guard(lock_);
      while (consumed + taken < bytes.size() && length + LineDiscipline::kMostOutput <= kChunk) {
        uint8_t byte = static_cast<uint8_t>(bytes[consumed + taken++]);
        length += discipline_.process_output(byte, processed + length);
      }
    }
    TRY(write_device({processed, length}, nonblocking));
    consumed += taken;
  }
  return {};
}

Result<void> Terminal::write_device(std::span<const char> bytes, bool nonblocking) {
  while (!bytes.empty()) {
    WaitQueue* room = nullptr;
    bool stopped;
    {
      IrqGuard guard(lock_);
      if (device_ == nullptr) return Errno::io;
      stopped = output_stopped_;
      if (!stopped) bytes = bytes.subspan(device_->write(bytes));
      room = stopped ? &output_resumed_ : device_->writable();
    }
    if (bytes.empty()) break;
    if (nonblocking) return Errno::again;
    auto can_go_on = [&] {
      IrqGuard guard(lock_);
      return device_ == nullptr || (!output_stopped_ && device_->room() != 0);
    };
    if (room != nullptr) TRY(wait_event(*room, WaitKind::interruptible, can_go_on));
  }
  return {};
}

uint32_t Terminal::poll(fs::PollTable* table) {
  WaitQueue* writable = nullptr;
  {
    IrqGuard guard(lock_);
    if (device_ != nullptr) writable = device_->writable();
  }
  if (table != nullptr) {
    table->wait_on(readable_);
    table->wait_on(output_resumed_);
    if (writable != nullptr) table->wait_on(*writable);
  }
  IrqGuard guard(lock_);
  if (hung_up_.load()) {
    return fs::kPollIn | fs::kPollRdNorm | fs::kPollOut | fs::kPollWrNorm | fs::kPollErr |
           fs::kPollHup;
  }
  uint32_t events = 0;
  size_t minimum = discipline_.settings.characters[kVtime] != 0
                       ? 1 : std::max<size_t>(discipline_.settings.characters[kVmin], 1);
  bool canonical = discipline_.settings.local & kCanonical;
  if (canonical ? discipline_.has_input() : discipline_.available() >= minimum) {
    events |= fs::kPollIn | fs::kPollRdNorm;
  }
  if (!output_stopped_ && device_->room() != 0) events |= fs::kPollOut | fs::kPollWrNorm;
  return events;
}

}  // namespace tine::tty
