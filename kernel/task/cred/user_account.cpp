// SPDX-License-Identifier: MIT
//
// The table of user accounts, by uid. An account leaves it when its last reference goes; a lookup
// that meets one on its way out makes a new one. One spin lock guards the table; allocation happens
// under it, which is allowed because allocating never sleeps.
#include "task/cred/user_account.h"

#include "sync/spin_lock.h"

namespace tine {

class UserAccountTable {
 public:
  constexpr UserAccountTable() { buckets_[0] = &root_; }

  UserAccount& root() { return root_; }

  Result<Ref<UserAccount>> find_or_make(KernelUid uid) EXCLUDES(lock_) {
    IrqGuard guard(lock_);
    for (UserAccount* user = bucket(uid); user != nullptr; user = user->next_in_bucket_) {
      if (user->uid() == uid && user->ref_get_unless_zero()) return Ref<UserAccount>::adopt(user);
    }
    Ref<UserAccount> fresh = TRY(make_ref<UserAccount>(uid));
    fresh->next_in_bucket_ = bucket(uid);
    bucket(uid) = fresh.get();
    return fresh;
  }

  void remove(UserAccount& user) EXCLUDES(lock_) {
    IrqGuard guard(lock_);
    UserAccount** link = &bucket(user.uid());
    while (*link != &user) link = &(*link)->next_in_bucket_;
    *link = user.next_in_bucket_;
  }

 private:
  static constexpr unsigned kBuckets = 64;
  UserAccount*& bucket(KernelUid uid) REQUIRES(lock_) { return buckets_[uid.value % kBuckets]; }
  UserAccount root_{KernelUid(0)};
  IrqSpinLock lock_{LockRank::user_accounts};
  UserAccount* buckets_[kBuckets] GUARDED_BY(lock_) = {};
};

static constinit UserAccountTable accounts;

UserAccount& root_account() { return accounts.root(); }

Result<Ref<UserAccount>> UserAccount::find_or_make(KernelUid uid) {
  return accounts.find_or_make(uid);
}

void UserAccount::last_ref_dropped() {
  accounts.remove(*this);
  delete this;
}

}  // namespace tine
