// SPDX-License-Identifier: MIT
//
// See relay.h. Order at the end of a run: the guest's init sends "exit N" only after the program's
// output is in our sockets, then the machine powers off, QEMU ends, every socket reports its end,
// and the loop is over when all of it is written to the host.
#include "relay.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "terminal.h"

namespace tine::launcher {
namespace {

using namespace std::chrono_literals;

constexpr auto kPowerOffGrace = 2s;  // from "exit N" to the end of QEMU
constexpr auto kPanicGrace = 500ms;  // for the rest of a backtrace to arrive
constexpr auto kFlushGrace = 1s;     // for the host to take output of a VM that was stopped
constexpr char kEscapeKey = 0x1d;    // Ctrl-]
constexpr size_t kEscapePresses = 3;
constexpr auto kEscapeTime = 1s;
constexpr size_t kControlLineLimit = 256;
constexpr size_t kMessagesLimit = 16 * 1024;

}  // namespace

Relay::Relay(VmChannels channels, const RelayOptions& options, VmProcess& vm, SignalPipe& signals)
    : channels_(std::move(channels)), options_(options), vm_(vm), signals_(signals) {
  watch(channels_.log.get(), [this](std::string_view bytes) { take_log(bytes); });
  watch(channels_.control.get(), [this](std::string_view bytes) { take_control(bytes); });
  watch(channels_.messages.get(), [this](std::string_view bytes) {
    if (outcome_.qemu_messages.size() < kMessagesLimit) outcome_.qemu_messages += bytes;
  });
  if (channels_.terminal) add_terminal();
  for (int stream = 0; stream < 3; ++stream) {
    if (channels_.streams[static_cast<size_t>(stream)]) add_stream(stream);
  }
}

void Relay::watch(int fd, std::function<void(std::string_view)> take) {
  watched_.push_back({fd, std::move(take)});
}

void Relay::add_terminal() {
  const int vm = channels_.terminal.get();
  // The terminal's output goes where the user sees it, even if only stdin is a terminal.
  int screen = STDIN_FILENO;
  if (options_.terminal[2]) screen = STDERR_FILENO;
  if (options_.terminal[1]) screen = STDOUT_FILENO;
  outputs_.emplace_back(Pump::Ends{vm, screen, nullptr, nullptr, nullptr});
  if (options_.terminal[0]) {
    inputs_.emplace_back(Pump::Ends{STDIN_FILENO, vm, nullptr, nullptr,
                                    [this](std::string_view bytes) { take_keys(bytes); }});
  }
}

void Relay::add_stream(int stream) {
  const int vm = channels_.streams[static_cast<size_t>(stream)].get();
  if (stream == STDIN_FILENO) {
    // Only this direction is shut down: a closed socket would make QEMU drop what it has not read.
    inputs_.emplace_back(
        Pump::Ends{STDIN_FILENO, vm, [vm] { ::shutdown(vm, SHUT_WR); }, nullptr, nullptr});
  } else {
    // A reader that went away: the guest sees its port disconnected, as a writer sees EPIPE.
    const auto stop = [this, vm, stream](int error) {
      ::shutdown(vm, SHUT_RDWR);
      if (error == EPIPE || !outcome_.host_error.empty()) return;
      outcome_.host_error =
          fmt::format("cannot write {}: {}", stream == STDOUT_FILENO ? "stdout" : "stderr",
                      std::strerror(error));
    };
    outputs_.emplace_back(Pump::Ends{vm, stream, nullptr, stop, nullptr});
  }
}

VmOutcome Relay::run() {
  while (poll_once()) {
  }
  outcome_.panicked = log_.panicked();
  if (!options_.verbose) outcome_.log_tail = log_.tail();  // else it is on the screen already
  outcome_.timeout_seconds = options_.timeout_seconds;
  return std::move(outcome_);
}

bool Relay::outputs_done() const {
  return std::ranges::all_of(outputs_, &Pump::done) &&
         std::ranges::all_of(watched_, [](const Watched& each) { return each.fd < 0; });
}

int Relay::poll_timeout() const {
  std::optional<Clock::time_point> next = kill_at_;
  if (give_up_at_ && (!next || *give_up_at_ < *next)) next = give_up_at_;
  if (!next) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now());
  return static_cast<int>(std::max<long>(0, left.count()));
}

// False when the run is over.
bool Relay::poll_once() {
  if (vm_ended_ && outputs_done()) return false;
  if (give_up_at_ && Clock::now() >= *give_up_at_) return false;
  if (kill_at_ && Clock::now() >= *kill_at_) stop_vm();
  std::vector<pollfd> polled = {{signals_.fd(), POLLIN, 0},
                                {vm_ended_ ? -1 : vm_.ended_fd(), POLLIN, 0}};
  for (const Watched& each : watched_) polled.push_back({each.fd, POLLIN, 0});
  for (const Pump& pump : outputs_) polled.push_back(pump.wanted());
  const bool input_wanted = !vm_ended_ && !outcome_.program_status;
  for (const Pump& pump : inputs_) {
    polled.push_back(input_wanted ? pump.wanted() : pollfd{-1, 0, 0});
  }
  if (::poll(polled.data(), polled.size(), poll_timeout()) < 0) return errno == EINTR;
  auto at = polled.begin();
  if ((at++)->revents != 0) {
    while (const int signal = signals_.take()) take_signal(signal);
  }
  if ((at++)->revents != 0) {
    vm_ended_ = true;
    kill_at_.reset();
  }
  for (Watched& each : watched_) {
    if ((at++)->revents == 0) continue;
    char bytes[16 * 1024];
    const ssize_t got = ::read(each.fd, bytes, sizeof bytes);
    if (got > 0) {
      each.take({bytes, static_cast<size_t>(got)});
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
      each.fd = -1;
    }
  }
  for (Pump& pump : outputs_) {
    if ((at++)->revents != 0) pump.step();
  }
  for (Pump& pump : inputs_) {
    if ((at++)->revents != 0) pump.step();
  }
  return true;
}

void Relay::stop_vm() {
  kill_at_.reset();
  if (vm_ended_) return;
  vm_.kill();
  vm_ended_ = true;
  give_up_at_ = Clock::now() + kFlushGrace;
}

void Relay::take_log(std::string_view bytes) {
  const bool panicked_before = log_.panicked();
  log_.append(bytes);
  if (log_.panicked() && !panicked_before) kill_at_ = Clock::now() + kPanicGrace;
  if (!options_.verbose) return;
  std::string shown;
  for (const char byte : bytes) {
    if (byte == '\r') continue;
    if (byte == '\n' && options_.raw_output) shown += '\r';
    shown += byte;
  }
  // A log that cannot be shown must not end the run.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, shown.data(), shown.size());
}

void Relay::take_control(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte != '\n') {
      if (control_line_.size() < kControlLineLimit) control_line_ += byte;
      continue;
    }
    if (const std::optional<int> status = parse_exit_line(control_line_);
        status && !outcome_.program_status) {
      outcome_.program_status = status;
      kill_at_ = Clock::now() + kPowerOffGrace;
    }
    control_line_.clear();
  }
}

void Relay::take_keys(std::string_view bytes) {
  const Clock::time_point now = Clock::now();
  for (const char byte : bytes) {
    if (byte != kEscapeKey) {
      escape_presses_.clear();
      continue;
    }
    escape_presses_.push_back(now);
    std::erase_if(escape_presses_, [now](auto press) { return now - press > kEscapeTime; });
    if (escape_presses_.size() < kEscapePresses) continue;
    outcome_.left_by_escape = true;
    stop_vm();
    return;
  }
}

void Relay::take_signal(int signal) {
  if (signal == SIGWINCH) {
    send_window_size();
    return;
  }
  if (vm_ended_) {  // only the host's own slowness is left to wait for
    give_up_at_ = Clock::now();
    return;
  }
  if (signal == SIGALRM) {
    outcome_.timed_out = true;
  } else {
    outcome_.launcher_signal = signal;
  }
  stop_vm();
}

void Relay::send_window_size() {
  for (int stream = 0; stream < 3; ++stream) {
    if (!options_.terminal[stream]) continue;
    const WindowSize size = window_size_of(stream);
    const std::string line = fmt::format("winsize {} {}\n", size.rows, size.columns);
    // A guest that does not listen loses sizes, never the run.
    [[maybe_unused]] const ssize_t sent =
        ::send(channels_.control.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return;
  }
}

}  // namespace tine::launcher
