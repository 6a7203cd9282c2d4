// SPDX-License-Identifier: MIT
//
// Job control and ioctls of a terminal: who is in the foreground, whose session it is, settings.
// POSIX 11.1 "Interface Characteristics", ioctl_tty(2). Signals are sent after lock_ is released.
#include <algorithm>
#include <utility>

#include "fs/tty/terminal.h"
#include "task/pid/process_group.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine::tty {

namespace {

Ref<Pid> session_of(Task& task) {
  IrqGuard guard(task_tree_lock);
  return task.signal->session;
}

Ref<Terminal> own_terminal() {
  IrqGuard guard(task_tree_lock);
  return current().signal->terminal;
}

// The one before, to be dropped without the lock.
[[nodiscard]] Ref<Terminal> replace_own_terminal(Ref<Terminal> fresh) {
  IrqGuard guard(task_tree_lock);
  return std::exchange(current().signal->terminal, std::move(fresh));
}

}  // namespace

// A read or write by a background process of the terminal's session: SIGTTIN, SIGTTOU, or EIO where
// nobody could continue the stopped group.
Result<void> Terminal::check_background(int signal_number) {
  Task& task = current();
  if (own_terminal().get() != this) return {};
  Ref<Pid> group = own_process_group();
  {
    IrqGuard guard(lock_);
    if (!foreground_ || foreground_ == group) return {};
  }
  if (signal::is_ignored_or_blocked(task, signal_number)) {
    if (signal_number == signal::kSigTtin) return Errno::io;
    return {};
  }
  if (is_orphaned_process_group(*group)) return Errno::io;
  signal::send_to_group(*group, signal_number);
  return Errno::restart_sys;
}

Result<void> Terminal::check_background_write() {
  {
    IrqGuard guard(lock_);
    if (!(discipline_.settings.local & kStopBackgroundOutput)) return {};
  }
  return check_background(signal::kSigTtou);
}

void Terminal::hang_up() {
  Ref<Pid> foreground, session;
  {
    IrqGuard guard(lock_);
    hung_up_.store(true);
    device_ = nullptr;
    foreground = foreground_;
    session = session_;
  }
  readable_.wake_all(fs::kPollHup | fs::kPollIn);
  output_resumed_.wake_all(fs::kPollHup | fs::kPollOut);
  if (session) signal_session_leader(*session, signal::kSigHup);
  if (foreground) {
    signal::send_to_group(*foreground, signal::kSigHup);
    signal::send_to_group(*foreground, signal::kSigCont);
  }
}

WindowSize Terminal::window_size() const {
  IrqGuard guard(lock_);
  return window_size_;
}

void Terminal::set_window_size(WindowSize size) {
  Ref<Pid> foreground;
  {
    IrqGuard guard(lock_);
    if (size == window_size_) return;
    window_size_ = size;
    if (device_ != nullptr) device_->window_size_changed(size);
    foreground = foreground_;
  }
  if (foreground) signal::send_to_group(*foreground, signal::kSigWinch);
}

int Terminal::foreground_group_number() const {
  IrqGuard guard(lock_);
  return foreground_ ? foreground_->number() : -1;
}

void Terminal::become_controlling_if_possible() {
  Task& task = current();
  if (!task.signal->is_session_leader || own_terminal()) return;
  (void)set_controlling(false);
}

Result<long> Terminal::set_controlling(bool steal) {
  Task& task = current();
  Ref<Pid> session = session_of(task), group = own_process_group();
  if (own_terminal().get() == this) return 0;
  if (!task.signal->is_session_leader || own_terminal()) return Errno::perm;
  Ref<Pid> robbed;
  {
    IrqGuard guard(lock_);
    if (session_ && !(session_ == session)) {
      if (!steal) return Errno::perm;
      robbed = std::move(session_);
    }
    session_ = session;
    std::swap(foreground_, group);  // the old one's last reference is not to go under the lock
  }
  if (robbed) forget_terminal_of_session(*robbed);
  (void)replace_own_terminal(Ref<Terminal>(*this));
  return 0;
}

void Terminal::session_ended(Ref<Pid> session) {
  Ref<Pid> foreground;
  {
    IrqGuard guard(lock_);
    if (!(session_ == session)) return;
    foreground = std::move(foreground_);
    session_.reset();
    foreground_.reset();
  }
  if (foreground) {
    signal::send_to_group(*foreground, signal::kSigHup);
    signal::send_to_group(*foreground, signal::kSigCont);
  }
  forget_terminal_of_session(*session);
}

void release_controlling_terminal() {
  Task& task = current();
  Ref<Terminal> terminal = own_terminal();
  if (!terminal) return;
  if (task.signal->is_session_leader) terminal->session_ended(session_of(task));
  (void)replace_own_terminal({});
}

Result<long> Terminal::set_foreground(uint64_t argument) {
  Task& task = current();
  if (own_terminal().get() != this) return Errno::notty;
  TRY(check_background(signal::kSigTtou));
  int number = TRY(UserIn<int32_t>(UserAddr(argument)).read());
  if (number < 0) return Errno::inval;
  Ref<Pid> group = find_pid(number);
  if (!group) return Errno::srch;
  Ref<Pid> session = session_of(task);
  if (!is_group_in_session(*group, *session)) return Errno::perm;
  IrqGuard guard(lock_);
  if (!(session_ == session)) return Errno::notty;
  std::swap(foreground_, group);
  return 0;
}

Result<long> Terminal::get_foreground(uint64_t argument) {
  // The master of a pty may ask too; it is nobody's controlling terminal.
  TRY(UserOut<int32_t>(UserAddr(argument)).write(std::max(foreground_group_number(), 0)));
  return 0;
}

Result<long> Terminal::get_termios(uint32_t command, uint64_t argument) {
  Termios2 settings;
  {
    IrqGuard guard(lock_);
    settings.base = discipline_.settings;
  }
  if (command == kTcgets2)
    TRY(UserOut<Termios2>(UserAddr(argument)).write(settings));
  else
    TRY(UserOut<Termios>(UserAddr(argument)).write(settings.base));
  return 0;
}

Result<long> Terminal::set_termios(uint32_t command, uint64_t argument) {
  TRY(check_background(signal::kSigTtou));
  // Both forms begin alike, and the speeds of the longer one mean nothing to a virtual line.
  Termios settings = TRY(UserIn<Termios>(UserAddr(argument)).read());
  {
    IrqGuard guard(lock_);
    if (command == kTcsetsf || command == kTcsetsf2) discipline_.flush_input();
    Termios old = std::exchange(discipline_.settings, settings);
    discipline_.settings_changed(old);
    if (!(settings.input & kOutputFlow)) output_stopped_ = false;
  }
  output_resumed_.wake_all();
  readable_.wake_all();
  return 0;
}

Result<long> Terminal::ioctl(fs::File& file, uint32_t command, uint64_t argument) {
  if (hung_up_.load()) return Errno::io;
  switch (command) {
    case kTcgets:
    case kTcgets2:
      return get_termios(command, argument);
    case kTcsets:
    case kTcsetsw:
    case kTcsetsf:
    case kTcsets2:
    case kTcsetsw2:
    case kTcsetsf2:
      return set_termios(command, argument);
    case kTiocgwinsz:
      TRY(UserOut<WindowSize>(UserAddr(argument)).write(window_size()));
      return 0;
    case kTiocswinsz:
      set_window_size(TRY(UserIn<WindowSize>(UserAddr(argument)).read()));
      return 0;
    case kTiocgpgrp:
      if (own_terminal().get() != this) return Errno::notty;
      return get_foreground(argument);
    case kTiocspgrp:
      return set_foreground(argument);
    case kTiocgsid:
      return get_session(argument);
    case kTiocsctty:
      return set_controlling(argument == 1 && capable(kCapSysAdmin));
    case kTiocnotty:
      if (own_terminal().get() != this) return Errno::notty;
      release_controlling_terminal();
      return 0;
    case kTcflsh:
      return flush(argument);
    case kTcxonc:
      return flow(argument);
    case kTcsbrk:
    case kTcsbrkp:
      return 0;  // output reaches the device at once, and a virtual line has no break
    case kTiocoutq:
      TRY(UserOut<int32_t>(UserAddr(argument)).write(0));
      return 0;
    case kFionread: {
      size_t present;
      {
        IrqGuard guard(lock_);
        present = discipline_.available();
      }
      TRY(UserOut<int32_t>(UserAddr(argument)).write(static_cast<int32_t>(present)));
      return 0;
    }
    case kTiocsti:
      return insert_input(file, argument);
    default:
      return Errno::notty;
  }
}

Result<long> Terminal::get_session(uint64_t argument) {
  int number;
  {
    IrqGuard guard(lock_);
    if (!session_) return Errno::notty;
    number = session_->number();
  }
  TRY(UserOut<int32_t>(UserAddr(argument)).write(number));
  return 0;
}

Result<long> Terminal::flush(uint64_t queue) {
  constexpr uint64_t kOutput = 1, kBoth = 2;
  if (queue > kBoth) return Errno::inval;
  if (queue == kOutput) return 0;
  IrqGuard guard(lock_);
  discipline_.flush_input();
  return 0;
}

Result<long> Terminal::flow(uint64_t action) {
  constexpr uint64_t kSuspendOutput = 0, kResumeOutput = 1, kSendStop = 2, kSendStart = 3;
  if (action > kSendStart) return Errno::inval;
  {
    IrqGuard guard(lock_);
    if (action == kSuspendOutput) output_stopped_ = true;
    if (action == kResumeOutput) output_stopped_ = false;
    uint8_t byte = discipline_.settings.characters[action == kSendStop ? kVstop : kVstart];
    char character = static_cast<char>(byte);
    if (action >= kSendStop && device_ != nullptr) device_->write({&character, 1});
  }
  if (action == kResumeOutput) output_resumed_.wake_all();
  return 0;
}

// TIOCSTI: a byte as if it had been typed; only on one's own terminal, or by the administrator.
Result<long> Terminal::insert_input(const fs::File& file, uint64_t argument) {
  if (!file.is_readable()) return Errno::perm;
  if (own_terminal().get() != this && !capable(kCapSysAdmin)) return Errno::perm;
  char byte = TRY(UserIn<char>(UserAddr(argument)).read());
  receive({&byte, 1});
  return 0;
}

}  // namespace tine::tty
