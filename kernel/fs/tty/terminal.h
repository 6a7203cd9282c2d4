// SPDX-License-Identifier: MIT
//
// Terminal: a tty: the line discipline between a device and the programs that use it, its window
// size, its session and foreground process group (job control; POSIX chapter 11, tty_ioctl(4)).
//
// Input comes from interrupt handlers, so `lock_` is an IrqSpinLock under which only buffers change;
// echo, signals and wake-ups happen after it is released. `write_lock_` keeps the output of two
// writers from mixing and `read_lock_` keeps a line in one reader's hands.
// A terminal is shared by its open files, its session and its device.
#pragma once

#include <atomic>

#include "core/ref.h"
#include "core/result.h"
#include "fs/file.h"
#include "fs/tty/line_discipline.h"
#include "mm/heap.h"
#include "sync/mutex.h"
#include "task/pid/pid.h"

namespace tine::tty {

// Where a terminal's output goes. Outlives the Terminal or is cut off by hang_up().
class TerminalDevice {
 public:
  // Takes as many bytes as there is room for, at once; any context.
  virtual size_t write(std::span<const char> bytes) = 0;
  virtual size_t room() = 0;
  // Woken when room appears; null: there is always room.
  virtual WaitQueue* writable() { return nullptr; }
  virtual void window_size_changed(WindowSize) {}

 protected:
  ~TerminalDevice() = default;
};

class Terminal final : public RefCounted<Terminal> {
 public:
  static constexpr const char* kCacheName = "tty_struct";
  Terminal(TerminalDevice& device, uint64_t device_number)
      : device_(&device), device_number_(device_number) {}
  ~Terminal();

  // From the device, any context.
  void receive(std::span<const char> bytes);
  size_t receive_room() const;
  // The line is gone: readers see the end of file, writers EIO, the session SIGHUP and SIGCONT.
  void hang_up();

  // For programs; errors as read(2), write(2), ioctl_tty(2).
  Result<size_t> read(IoBuffer& buffer, bool nonblocking);
  Result<size_t> write(IoBuffer& buffer, bool nonblocking);
  Result<long> ioctl(fs::File& file, uint32_t command, uint64_t argument);
  uint32_t poll(fs::PollTable* table);

  WindowSize window_size() const;
  void set_window_size(WindowSize size);
  uint64_t device_number() const { return device_number_; }
  int foreground_group_number() const;   // -1: none; for /proc/PID/stat
  // open(2) of a terminal without O_NOCTTY by a session leader that has none.
  void become_controlling_if_possible();
  // The session's leader has exited or called TIOCNOTTY.
  void session_ended(Ref<Pid> session);

 private:
  Result<void> check_background(int signal_number);
  Result<void> check_background_write();
  Result<void> wait_for_input(size_t wanted, bool nonblocking);
  Result<void> write_processed(std::span<const char> bytes, bool nonblocking, size_t& consumed);
  Result<void> write_device(std::span<const char> bytes, bool nonblocking);
  void flush_echo();
  Result<long> set_termios(uint32_t command, uint64_t argument);
  Result<long> get_termios(uint32_t command, uint64_t argument);
  Result<long> set_controlling(bool steal);
  Result<long> set_foreground(uint64_t argument);
  Result<long> get_foreground(uint64_t argument);
  Result<long> get_session(uint64_t argument);
  Result<long> flush(uint64_t queue);
  Result<long> flow(uint64_t action);
  Result<long> insert_input(const fs::File& file, uint64_t argument);

  mutable IrqSpinLock lock_{LockRank::terminal};
  LineDiscipline discipline_ GUARDED_BY(lock_);
  TerminalDevice* device_ GUARDED_BY(lock_);
  WindowSize window_size_ GUARDED_BY(lock_);
  Ref<Pid> foreground_ GUARDED_BY(lock_);
  Ref<Pid> session_ GUARDED_BY(lock_);
  bool output_stopped_ GUARDED_BY(lock_) = false;
  std::atomic<bool> hung_up_{false};
  const uint64_t device_number_;
  Mutex read_lock_{LockRank::tty};
  Mutex write_lock_{LockRank::tty};
  WaitQueue readable_;
  WaitQueue output_resumed_;
};

// The running task's session loses its controlling terminal: exit of the leader, setsid.
void release_controlling_terminal();

}  // namespace tine::tty
