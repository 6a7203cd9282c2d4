// SPDX-License-Identifier: MIT
//
// UserAccount: what all processes of one uid share (Linux: user_struct; C8): the counts that limits
// are checked against. Found by uid in a hash table; lives while a Creds or a charge refers to it.
#pragma once

#include <atomic>

#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/heap.h"

namespace tine {

class UserAccount final : public RefCounted<UserAccount> {
 public:
  static constexpr const char* kCacheName = "uid_cache";
  constexpr explicit UserAccount(KernelUid uid) : uid_(uid) {}

  // The account of `uid`, made on first use. ENOMEM.
  static Result<Ref<UserAccount>> find_or_make(KernelUid uid);
  void last_ref_dropped();

  constexpr KernelUid uid() const { return uid_; }
  std::atomic<int64_t> processes{0};       // RLIMIT_NPROC
  std::atomic<int64_t> queued_signals{0};  // RLIMIT_SIGPENDING

 private:
  KernelUid uid_;
  UserAccount* next_in_bucket_ = nullptr;
  friend class UserAccountTable;
};

// Root's account exists from the start and is never freed.
UserAccount& root_account();

}  // namespace tine
