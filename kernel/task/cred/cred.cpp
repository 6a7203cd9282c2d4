// SPDX-License-Identifier: MIT
//
// Questions about credentials, and the one way to change the running task's: copy, edit, commit.
// A Creds that somebody can see never changes, so no question needs a lock.
#include "task/cred/cred.h"

#include <algorithm>

#include "task/cred/user_account.h"
#include "task/task.h"

namespace tine {

bool has_capability(const Creds& creds, Capability capability) {
  return creds.effective & (1ull << capability);
}

bool capable(Capability capability) {
  Task& task = current();
  if (!has_capability(task.creds(), capability)) return false;
  task.flags |= kPfSuperPrivileges;
  return true;
}

bool in_group(const Creds& creds, KernelGid gid) {
  if (creds.fsgid == gid) return true;
  if (!creds.groups) return false;
  return std::ranges::binary_search(creds.groups->list.span(), gid);
}

Result<Ref<Creds>> prepare_creds() {
  const Creds& old = current().creds();
  Ref<Creds> fresh = TRY(make_ref<Creds>());
  fresh->copy_from(old);
  return fresh;
}

void Creds::copy_from(const Creds& other) {
  uid = other.uid, euid = other.euid, suid = other.suid, fsuid = other.fsuid;
  gid = other.gid, egid = other.egid, sgid = other.sgid, fsgid = other.fsgid;
  groups = other.groups;
  effective = other.effective, permitted = other.permitted;
  inheritable = other.inheritable, ambient = other.ambient, bounding = other.bounding;
  securebits = other.securebits;
  no_new_privileges = other.no_new_privileges;
  user = other.user;
}

void commit_creds(Ref<Creds> fresh) {
  Task& task = current();
  const Creds& old = task.creds();
  // Who gains another identity must not be dumped or traced by the old one (prctl(2),
  // PR_SET_DUMPABLE), nor keep the death signal that the old one asked for.
  const bool changes_identity = old.euid != fresh->euid || old.egid != fresh->egid ||
                                old.fsuid != fresh->fsuid || old.fsgid != fresh->fsgid ||
                                (fresh->permitted & ~old.permitted) != 0;
  if (changes_identity) {
    task.parent_death_signal = 0;
    if (task.mm) task.mm->dumpable = 0;
  }
  task.charge.transfer(*fresh->user);
  (void)replace_creds(std::move(fresh));
}

Ref<const Creds> replace_creds(Ref<const Creds> fresh) {
  Task& task = current();
  IrqGuard guard(task.alloc_lock);
  return std::exchange(task.real_creds, std::move(fresh));
}

Ref<const Creds> creds_of(const Task& task) {
  IrqGuard guard(task.alloc_lock);
  return task.real_creds;
}

}  // namespace tine
