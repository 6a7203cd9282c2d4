// SPDX-License-Identifier: MIT
//
// Credentials across exec. Most programs get exactly their caller's: then nothing is allocated.
#include "task/exec/exec_creds.h"

#include "fs/mount.h"
#include "fs/stat.h"
#include "task/task.h"

namespace tine::exec {

namespace {

constexpr uint32_t kNoRoot = 1u << 0;  // SECBIT_NOROOT
constexpr uint32_t kKeepCaps = 1u << 4;

bool may_raise(fs::File& file, const Creds& creds) {
  if (creds.no_new_privileges) return false;
  const fs::Path* path = file.path();
  return path == nullptr || !(path->mount->flags & fs::kMountNoSuid);
}

struct Identity {
  KernelUid euid;
  KernelGid egid;
  CapabilitySet effective, permitted, ambient;
};

Identity identity_for(fs::File& file, const fs::StatData& data, const Creds& old) {
  Identity fresh{.euid = old.euid, .egid = old.egid, .ambient = old.ambient};
  if ((data.mode & (fs::kSetUid | fs::kSetGid)) && may_raise(file, old)) {
    constexpr uint32_t kGroupExecute = 010;
    if (data.mode & fs::kSetUid) fresh.euid = data.uid;
    // Without group execute permission the bit means mandatory locking, not set-group-ID.
    if ((data.mode & fs::kSetGid) && (data.mode & kGroupExecute)) fresh.egid = data.gid;
  }
  if (fresh.euid != old.euid || fresh.egid != old.egid) fresh.ambient = 0;
  const bool root_is_special = !(old.securebits & kNoRoot);
  const bool is_root = fresh.euid == KernelUid(0), was_root = old.uid == KernelUid(0);
  if (root_is_special && (is_root || was_root)) {
    fresh.permitted = old.inheritable | old.bounding;
    fresh.effective = is_root ? fresh.permitted : fresh.ambient;
  } else {
    fresh.permitted = fresh.effective = fresh.ambient;
  }
  return fresh;
}

}  // namespace

Result<ExecCreds> creds_for(fs::File& file) {
  const Task& task = current();
  const Creds& old = task.creds();
  fs::StatData data;
  TRY(file.stat(data));
  const Identity identity = identity_for(file, data, old);
  ExecCreds result{.creds = task.real_creds};
  result.is_secure = identity.euid != old.uid || identity.egid != old.gid ||
                     (identity.effective & ~old.ambient & ~(old.uid == KernelUid(0) ? ~0ull : 0));
  result.gains_identity = identity.euid != old.euid || identity.egid != old.egid;
  const bool changes = result.gains_identity || old.suid != identity.euid ||
                       old.fsuid != identity.euid || old.sgid != identity.egid ||
                       old.fsgid != identity.egid || old.permitted != identity.permitted ||
                       old.effective != identity.effective || old.ambient != identity.ambient ||
                       (old.securebits & kKeepCaps);
  if (!changes) return result;

  Ref<Creds> fresh = TRY(prepare_creds());
  fresh->euid = fresh->suid = fresh->fsuid = identity.euid;
  fresh->egid = fresh->sgid = fresh->fsgid = identity.egid;
  fresh->permitted = identity.permitted;
  fresh->effective = identity.effective;
  fresh->ambient = identity.ambient;
  fresh->securebits &= ~kKeepCaps;
  result.creds = std::move(fresh);
  return result;
}

}  // namespace tine::exec
