// SPDX-License-Identifier: MIT
//
// Counting tasks against RLIMIT_NPROC of their user and against threads-max of the machine. The
// counters are atomics: taking a charge first counts and then looks, so that two racing forks
// cannot both take the last place; whoever finds himself over the limit gives back and fails.
#include "task/process_charge.h"

#include "task/signal_state.h"
#include "task/task.h"
#include "task/task_statistics.h"

namespace tine {

Result<ProcessCharge> ProcessCharge::acquire(const Task& caller, const Creds& creds) {
  if (fail_here()) return Errno::nomem;
  ProcessCharge charge;
  charge.user_ = creds.user;
  const int64_t processes = charge.user_->processes.fetch_add(1, std::memory_order_relaxed) + 1;
  const int64_t threads = statistics.threads.fetch_add(1, std::memory_order_relaxed) + 1;

  const uint64_t limit = resource_limit(caller, kLimitNproc).soft;
  if (static_cast<uint64_t>(processes) > limit) [[unlikely]] {
    const bool is_exempt = creds.user.get() == &root_account() ||
                           has_capability(caller.creds(), kCapSysResource) ||
                           has_capability(caller.creds(), kCapSysAdmin);
    if (!is_exempt) return Errno::again;
  }
  if (threads > statistics.threads_max.load(std::memory_order_relaxed)) [[unlikely]] {
    return Errno::again;
  }
  return charge;
}

ProcessCharge::~ProcessCharge() {
  if (!user_) return;
  user_->processes.fetch_sub(1, std::memory_order_relaxed);
  statistics.threads.fetch_sub(1, std::memory_order_relaxed);
}

void ProcessCharge::transfer(UserAccount& to) {
  if (!user_ || user_.get() == &to) return;
  user_->processes.fetch_sub(1, std::memory_order_relaxed);
  to.processes.fetch_add(1, std::memory_order_relaxed);
  user_ = Ref<UserAccount>(to);
}

}  // namespace tine
