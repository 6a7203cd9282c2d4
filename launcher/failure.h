// SPDX-License-Identifier: MIT
//
// How the launcher gives up. Whatever finds out that the run cannot go on (a program that is not
// there, no QEMU, too little memory) throws one Failure with the message for the user and the exit
// status of exit_status.h; only main() catches it. Everything else that is held (terminal mode, VM
// process, descriptors) gives itself back in its destructor on the way.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "exit_status.h"

namespace tine::launcher {

class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message, int status = kStatusTine)
      : std::runtime_error(message), status_(status) {}

  // For a failed system call: appends errno's text.
  static Failure from_errno(const std::string& what, int status = kStatusTine) {
    return Failure(what + ": " + std::strerror(errno), status);
  }

  int status() const { return status_; }

 private:
  int status_;
};

}  // namespace tine::launcher
