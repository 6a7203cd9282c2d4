// SPDX-License-Identifier: MIT
//
// Between a running VM and the host: one poll loop that moves the program's streams, follows the
// kernel's log, speaks with the guest's init, passes window sizes on, and ends the VM when the
// program has ended, the time is over or a signal says so. It reports what happened as a VmOutcome;
// it judges nothing and prints nothing but streams (and the log with `verbose`).
#pragma once

#include <array>
#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "exit_status.h"
#include "kernel_log.h"
#include "pump.h"
#include "run_config.h"
#include "signals.h"
#include "unique_fd.h"
#include "vm_process.h"

namespace tine::launcher {

// The launcher's ends of the guest's devices. Streams that are on the terminal have none.
struct VmChannels {
  UniqueFd log;
  UniqueFd terminal;
  UniqueFd control;
  std::array<UniqueFd, 3> streams;
  UniqueFd messages;  // QEMU's stdout and stderr
};

struct RelayOptions {
  bool terminal[3] = {false, false, false};
  bool raw_output = false;  // the host's terminal shows "\n" as it is
  bool verbose = false;
  double timeout_seconds = 0;
};

class Relay {
 public:
  Relay(VmChannels channels, const RelayOptions& options, VmProcess& vm, SignalPipe& signals);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  VmOutcome run();

 private:
  using Clock = std::chrono::steady_clock;

  void add_terminal();
  void add_stream(int stream);
  void watch(int fd, std::function<void(std::string_view)> take);
  bool outputs_done() const;
  bool poll_once();
  int poll_timeout() const;
  void take_log(std::string_view bytes);
  void take_control(std::string_view bytes);
  void take_keys(std::string_view bytes);
  void take_signal(int signal);
  void send_window_size();
  void stop_vm();

  VmChannels channels_;
  RelayOptions options_;
  VmProcess& vm_;
  SignalPipe& signals_;
  VmOutcome outcome_;
  KernelLog log_;
  std::list<Pump> inputs_;   // host to guest
  std::list<Pump> outputs_;  // guest to host
  struct Watched {
    int fd;
    std::function<void(std::string_view)> take;
  };
  std::vector<Watched> watched_;
  std::string control_line_;
  bool vm_ended_ = false;
  std::optional<Clock::time_point> kill_at_;     // for a VM that does not end by itself
  std::optional<Clock::time_point> give_up_at_;  // for a host that does not take the output
  std::vector<Clock::time_point> escape_presses_;
};

}  // namespace tine::launcher
