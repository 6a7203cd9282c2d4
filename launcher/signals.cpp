// SPDX-License-Identifier: MIT
//
// See signals.h.
#include "signals.h"

#include <sys/time.h>

#include <cmath>

namespace tine::launcher {
namespace {

constexpr std::array kSignals = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGWINCH};

volatile sig_atomic_t handler_fd = -1;  // the pipe of the one SignalPipe alive

void pass_on(int signal) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(signal);
  // A full pipe is full of signals that nobody looked at yet: one more says nothing new.
  [[maybe_unused]] const ssize_t written = ::write(handler_fd, &byte, 1);
  errno = saved;
}

}  // namespace

SignalPipe::SignalPipe(double alarm_seconds) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw Failure::from_errno("cannot make a pipe");
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  handler_fd = ends[1];
  for (const int signal : kSignals) {
    struct sigaction old{};
    ::sigaction(signal, nullptr, &old);
    if (old.sa_handler == SIG_IGN && signal != SIGALRM) continue;
    struct sigaction action{};
    action.sa_handler = pass_on;
    ::sigaction(signal, &action, nullptr);
    old_actions_.emplace_back(signal, old);
  }
  if (alarm_seconds <= 0) return;
  double whole = 0;
  const double fraction = std::modf(alarm_seconds, &whole);
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(whole);
  timer.it_value.tv_usec = std::max<suseconds_t>(1, static_cast<suseconds_t>(fraction * 1e6));
  timer.it_interval.tv_usec = 200'000;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

SignalPipe::~SignalPipe() {
  const itimerval off{};
  ::setitimer(ITIMER_REAL, &off, nullptr);
  for (const auto& [signal, old] : old_actions_) ::sigaction(signal, &old, nullptr);
  handler_fd = -1;
}

int SignalPipe::take() {
  unsigned char signal = 0;
  return ::read(read_end_.get(), &signal, 1) == 1 ? signal : 0;
}

}  // namespace tine::launcher
