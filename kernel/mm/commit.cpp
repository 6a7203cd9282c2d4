// SPDX-License-Identifier: MIT
//
// Accounting of promised memory. See commit.h.
//
// In mode 2 a charge is added first, compared with what is allowed, and taken back if it is too
// much. What is allowed leaves out, as in Linux, a reserve for the administrator's own shell and,
// for each process, a part of its size, so that one process cannot take the last page from its
// user's others (proc_sys_vm(5): admin_reserve_kbytes, user_reserve_kbytes).
#include "mm/commit.h"

#include <algorithm>

#include "core/types.h"
#include "mm/frame.h"
#include "mm/task_hooks.h"

namespace tine::mm {

namespace {

constexpr unsigned kPagesShiftFromKib = kPageShift - 10;
constexpr uint64_t kMostAdminReserveKib = 8 << 10, kMostUserReserveKib = 128 << 10;

}  // namespace

constinit OvercommitSettings overcommit;
constinit std::atomic<int64_t> CommitCharge::committed_{0};

void init_overcommit() {
  uint64_t share_kib = (memory_statistics().free_frames << kPagesShiftFromKib) / 32;
  overcommit.mode.store(Overcommit::guess);
  overcommit.admin_reserve_kib.store(std::min(share_kib, kMostAdminReserveKib));
  overcommit.user_reserve_kib.store(std::min(share_kib, kMostUserReserveKib));
}

uint64_t commit_limit_pages() {
  uint64_t kib = overcommit.limit_kib.load(std::memory_order_relaxed);
  if (kib != 0) return kib >> kPagesShiftFromKib;
  return total_frame_count() * overcommit.ratio.load(std::memory_order_relaxed) / 100;
}

uint64_t committed_pages() {
  return static_cast<uint64_t>(
      std::max<int64_t>(CommitCharge::committed_.load(std::memory_order_relaxed), 0));
}

bool CommitCharge::is_allowed(int64_t total, const Request& request) {
  if (request.pages <= request.soon_released) return true;
  auto allowed = static_cast<int64_t>(commit_limit_pages() + request.soon_released);
  auto pages_of = [](const std::atomic<uint64_t>& kib) {
    return kib.load(std::memory_order_relaxed) >> kPagesShiftFromKib;
  };
  if (!may_use_admin_reserve()) {
    allowed -= static_cast<int64_t>(pages_of(overcommit.admin_reserve_kib));
  }
  allowed -= static_cast<int64_t>(
      std::min(request.size_of_caller / 32, pages_of(overcommit.user_reserve_kib)));
  return total < allowed;
}

Result<CommitCharge> CommitCharge::take(const Request& request) {
  if (request.pages > total_frame_count() &&
      overcommit.mode.load(std::memory_order_relaxed) == Overcommit::guess) [[unlikely]] {
    return Errno::nomem;
  }
  CommitCharge charge;
  TRY(charge.grow(request));
  return charge;
}

void CommitCharge::release(uint64_t pages) {
  if (pages == 0) return;
  pages_ -= pages;
  committed_.fetch_sub(static_cast<int64_t>(pages), std::memory_order_relaxed);
}

}  // namespace tine::mm
