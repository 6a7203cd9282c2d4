// SPDX-License-Identifier: MIT
//
// ProcessCharge: the token for one more task of a user: RLIMIT_NPROC, threads-max (B49-B51, C6,
// C7). Move-only; giving it back is its destructor's work, so no failure can leak a charge.
#pragma once

#include "core/ref.h"
#include "core/result.h"
#include "task/cred/user_account.h"

namespace tine {

struct Creds;
struct Task;

class ProcessCharge {
 public:
  ProcessCharge() = default;
  ProcessCharge(ProcessCharge&& other) noexcept = default;
  ProcessCharge& operator=(ProcessCharge other) noexcept {
    std::swap(user_, other.user_);
    return *this;
  }
  ~ProcessCharge();
  // Charges the user of `creds` by the limits of `caller`. EAGAIN at a limit.
  static Result<ProcessCharge> acquire(const Task& caller, const Creds& creds);
  // set*uid: the task now counts against another user; never fails, the limit is checked by exec.
  void transfer(UserAccount& to);

 private:
  Ref<UserAccount> user_;
};

}  // namespace tine
