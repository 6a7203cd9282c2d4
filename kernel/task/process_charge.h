// SPDX-License-Identifier: MIT
//
// ProcessCharge: the token for one more task of a user: RLIMIT_NPROC, threads-max (B49-B51, C6, C7).
// Move-only; giving it back is its destructor's work, so no failure can leak a charge.
#pragma once

#include <utility>

#include "core/ref.h"
#include "core/result.h"

namespace tine {

struct Creds;
struct Task;
class UserAccount;

class ProcessCharge {
 public:
  ProcessCharge() = default;
  ProcessCharge(ProcessCharge&& other) noexcept : user_(std::exchange(other.user_, nullptr)) {}
  ProcessCharge& operator=(ProcessCharge other) noexcept {
    std::swap(user_, other.user_);
    return *this;
  }
  ~ProcessCharge();
  // EAGAIN at a limit.
  static Result<ProcessCharge> acquire(const Task& caller, const Creds& creds);

 private:
  UserAccount* user_ = nullptr;  // owns a reference
};

}  // namespace tine
