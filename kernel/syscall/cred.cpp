// SPDX-License-Identifier: MIT
//
// User and group ids and capabilities: setuid(2), setreuid(2), setresuid(2), setfsuid(2) and the
// same for groups, getgroups(2), setgroups(2), capget(2), capset(2).
//
// Ids are the initial user namespace's. Each change makes new Creds; a caller without the privilege
// may only choose among the ids he has.
#include <algorithm>

#include "syscall/syscalls.h"
#include "task/cred/user_account.h"
#include "task/signal_state.h"

namespace tine {

namespace {

constexpr uint32_t kUnchanged = ~0u;     // -1: leave this id as it is
constexpr uint32_t kKeepCaps = 1u << 4;  // SECBIT_KEEP_CAPS
constexpr uint32_t kNoSetuidFixup = 1u << 2;

// capabilities(7), "Effect of user ID changes on capabilities".
void adjust_capabilities(Creds& fresh, const Creds& old) {
  if (fresh.securebits & kNoSetuidFixup) return;
  static constexpr KernelUid kRoot(0);
  auto has_root = [](const Creds& creds) {
    return creds.uid == kRoot || creds.euid == kRoot || creds.suid == kRoot;
  };
  if (has_root(old) && !has_root(fresh)) {
    if (!(fresh.securebits & kKeepCaps)) fresh.permitted = fresh.effective = 0;
    fresh.ambient = 0;
  }
  if (old.euid == kRoot && fresh.euid != kRoot) fresh.effective = 0;
  if (old.euid != kRoot && fresh.euid == kRoot) fresh.effective = fresh.permitted;
}

// The new real uid is charged from now on. It may be over its limit: then the next execve fails
// (setuid(2)), because a program that drops its privileges might not check for failure.
Result<void> change_account(Creds& fresh) {
  fresh.user = TRY(UserAccount::find_or_make(fresh.uid));
  Task& task = current();
  const auto processes = static_cast<uint64_t>(fresh.user->processes.load());
  const bool is_over = processes >= soft_limit(kLimitNproc) && fresh.user.get() != &root_account();
  if (is_over)
    task.flags |= kPfNprocExceeded;
  else
    task.flags &= ~uint32_t{kPfNprocExceeded};
  return {};
}

Result<void> commit_uids(Ref<Creds> fresh) {
  const Creds& old = current().creds();
  if (fresh->uid != old.uid) TRY(change_account(*fresh));
  adjust_capabilities(*fresh, old);
  commit_creds(std::move(fresh));
  return {};
}

// capabilities(7): file capabilities follow the file-system uid between root and others.
constexpr CapabilitySet kFileCapabilities =
    1ull << kCapChown | 1ull << kCapDacOverride | 1ull << kCapDacReadSearch | 1ull << kCapFowner |
    1ull << kCapFsetid | 1ull << kCapMknod | 1ull << kCapLinuxImmutable;

}  // namespace

SyscallResult sys_getuid() { return current().creds().uid.value; }
SyscallResult sys_geteuid() { return current().creds().euid.value; }
SyscallResult sys_getgid() { return current().creds().gid.value; }
SyscallResult sys_getegid() { return current().creds().egid.value; }

SyscallResult sys_setuid(uint32_t uid) {
  if (uid == kUnchanged) return Errno::inval;
  const KernelUid id(uid);
  const Creds& old = current().creds();
  const bool is_privileged = capable(kCapSetuid);
  if (!is_privileged && id != old.uid && id != old.suid) return Errno::perm;
  Ref<Creds> fresh = TRY(prepare_creds());
  if (is_privileged) fresh->uid = fresh->suid = id;
  fresh->euid = fresh->fsuid = id;
  TRY(commit_uids(std::move(fresh)));
  return 0;
}

SyscallResult sys_setreuid(uint32_t ruid, uint32_t euid) {
  const Creds& old = current().creds();
  const bool is_privileged = capable(kCapSetuid);
  const KernelUid real(ruid), effective(euid);
  if (!is_privileged) {
    if (ruid != kUnchanged && real != old.uid && real != old.euid) return Errno::perm;
    if (euid != kUnchanged && effective != old.uid && effective != old.euid &&
        effective != old.suid) {
      return Errno::perm;
    }
  }
  Ref<Creds> fresh = TRY(prepare_creds());
  if (ruid != kUnchanged) fresh->uid = real;
  if (euid != kUnchanged) fresh->euid = effective;
  if (ruid != kUnchanged || (euid != kUnchanged && effective != old.uid)) fresh->suid = fresh->euid;
  fresh->fsuid = fresh->euid;
  TRY(commit_uids(std::move(fresh)));
  return 0;
}

SyscallResult sys_setresuid(uint32_t ruid, uint32_t euid, uint32_t suid) {
  const Creds& old = current().creds();
  auto may_have = [&old](uint32_t id) {
    const KernelUid uid(id);
    return id == kUnchanged || uid == old.uid || uid == old.euid || uid == old.suid;
  };
  if (!(may_have(ruid) && may_have(euid) && may_have(suid)) && !capable(kCapSetuid)) {
    return Errno::perm;
  }
  Ref<Creds> fresh = TRY(prepare_creds());
  if (ruid != kUnchanged) fresh->uid = KernelUid(ruid);
  if (euid != kUnchanged) fresh->euid = KernelUid(euid);
  if (suid != kUnchanged) fresh->suid = KernelUid(suid);
  fresh->fsuid = fresh->euid;
  TRY(commit_uids(std::move(fresh)));
  return 0;
}

SyscallResult sys_getresuid(UserOut<uint32_t> ruid, UserOut<uint32_t> euid,
                            UserOut<uint32_t> suid) {
  const Creds& creds = current().creds();
  TRY(ruid.write(creds.uid.value));
  TRY(euid.write(creds.euid.value));
  TRY(suid.write(creds.suid.value));
  return 0;
}

// Returns the old value whether it worked or not (setfsuid(2)).
SyscallResult sys_setfsuid(uint32_t uid) {
  const Creds& old = current().creds();
  const KernelUid id(uid);
  const long before = old.fsuid.value;
  if (uid == kUnchanged || id == old.fsuid) return before;
  const bool is_own = id == old.uid || id == old.euid || id == old.suid;
  if (!is_own && !capable(kCapSetuid)) return before;
  Result<Ref<Creds>> fresh = prepare_creds();
  if (!fresh) return before;
  (*fresh)->fsuid = id;
  if (before == 0 && uid != 0) (*fresh)->effective &= ~kFileCapabilities;
  if (before != 0 && uid == 0) (*fresh)->effective |= old.permitted & kFileCapabilities;
  commit_creds(std::move(*fresh));
  return before;
}

SyscallResult sys_setgid(uint32_t gid) {
  if (gid == kUnchanged) return Errno::inval;
  const KernelGid id(gid);
  const Creds& old = current().creds();
  const bool is_privileged = capable(kCapSetgid);
  if (!is_privileged && id != old.gid && id != old.sgid) return Errno::perm;
  Ref<Creds> fresh = TRY(prepare_creds());
  if (is_privileged) fresh->gid = fresh->sgid = id;
  fresh->egid = fresh->fsgid = id;
  commit_creds(std::move(fresh));
  return 0;
}

SyscallResult sys_setregid(uint32_t rgid, uint32_t egid) {
  const Creds& old = current().creds();
  const bool is_privileged = capable(kCapSetgid);
  const KernelGid real(rgid), effective(egid);
  if (!is_privileged) {
    if (rgid != kUnchanged && real != old.gid && real != old.egid) return Errno::perm;
    if (egid != kUnchanged && effective != old.gid && effective != old.egid &&
        effective != old.sgid) {
      return Errno::perm;
    }
  }
  Ref<Creds> fresh = TRY(prepare_creds());
  if (rgid != kUnchanged) fresh->gid = real;
  if (egid != kUnchanged) fresh->egid = effective;
  if (rgid != kUnchanged || (egid != kUnchanged && effective != old.gid)) fresh->sgid = fresh->egid;
  fresh->fsgid = fresh->egid;
  commit_creds(std::move(fresh));
  return 0;
}

SyscallResult sys_setresgid(uint32_t rgid, uint32_t egid, uint32_t sgid) {
  const Creds& old = current().creds();
  auto may_have = [&old](uint32_t id) {
    const KernelGid gid(id);
    return id == kUnchanged || gid == old.gid || gid == old.egid || gid == old.sgid;
  };
  if (!(may_have(rgid) && may_have(egid) && may_have(sgid)) && !capable(kCapSetgid)) {
    return Errno::perm;
  }
  Ref<Creds> fresh = TRY(prepare_creds());
  if (rgid != kUnchanged) fresh->gid = KernelGid(rgid);
  if (egid != kUnchanged) fresh->egid = KernelGid(egid);
  if (sgid != kUnchanged) fresh->sgid = KernelGid(sgid);
  fresh->fsgid = fresh->egid;
  commit_creds(std::move(fresh));
  return 0;
}

SyscallResult sys_getresgid(UserOut<uint32_t> rgid, UserOut<uint32_t> egid,
                            UserOut<uint32_t> sgid) {
  const Creds& creds = current().creds();
  TRY(rgid.write(creds.gid.value));
  TRY(egid.write(creds.egid.value));
  TRY(sgid.write(creds.sgid.value));
  return 0;
}

SyscallResult sys_setfsgid(uint32_t gid) {
  const Creds& old = current().creds();
  const KernelGid id(gid);
  const long before = old.fsgid.value;
  if (gid == kUnchanged || id == old.fsgid) return before;
  const bool is_own = id == old.gid || id == old.egid || id == old.sgid;
  if (!is_own && !capable(kCapSetgid)) return before;
  Result<Ref<Creds>> fresh = prepare_creds();
  if (!fresh) return before;
  (*fresh)->fsgid = id;
  commit_creds(std::move(*fresh));
  return before;
}

SyscallResult sys_getgroups(int size, UserOut<uint32_t> list) {
  static_assert(sizeof(KernelGid) == sizeof(uint32_t));
  const Ref<Groups> groups = current().creds().groups;
  const std::span<KernelGid> ids = groups ? groups->list.span() : std::span<KernelGid>();
  if (size < 0) return Errno::inval;
  if (size == 0) return static_cast<long>(ids.size());
  if (ids.size() > static_cast<size_t>(size)) return Errno::inval;
  TRY(UserOut<KernelGid>(list.address()).write_array(ids));
  return static_cast<long>(ids.size());
}

SyscallResult sys_setgroups(int size, UserIn<uint32_t> list) {
  constexpr int kMaxGroups = 65536;  // NGROUPS_MAX
  if (!capable(kCapSetgid)) return Errno::perm;
  if (size < 0 || size > kMaxGroups) return Errno::inval;
  Ref<Groups> groups = TRY(make_ref<Groups>());
  groups->list = TRY(Buffer<KernelGid>::make(static_cast<size_t>(size)));
  TRY(UserIn<KernelGid>(list.address()).read_array(groups->list.span()));
  std::ranges::sort(groups->list.span());
  Ref<Creds> fresh = TRY(prepare_creds());
  fresh->groups = std::move(groups);
  commit_creds(std::move(fresh));
  return 0;
}

namespace {

constexpr uint32_t kVersion1 = 0x19980330, kVersion2 = 0x20071026, kVersion3 = 0x20080522;

// How many CapabilityData the header's version has; EINVAL tells the version we prefer (capget(2)).
Result<size_t> words_of_version(UserAddr address, abi::CapabilityHeader& header) {
  header = TRY(UserIn<abi::CapabilityHeader>(address).read());
  switch (header.version) {
    case kVersion1:
      return size_t{1};
    case kVersion2:
    case kVersion3:
      return size_t{2};
    default:
      break;
  }
  TRY(UserOut<uint32_t>(address).write(kVersion3));
  return Errno::inval;
}

}  // namespace

SyscallResult sys_capget(UserAddr address, UserOut<abi::CapabilityData> data) {
  abi::CapabilityHeader header;
  Result<size_t> words = words_of_version(address, header);
  if (!words) {
    // With no place for data this only asks for the version.
    if (words.error() == Errno::inval && !data) return 0;
    return words.error();
  }
  if (header.pid < 0) return Errno::inval;
  const Ref<Task> task = header.pid == 0 ? Ref<Task>(current()) : find_task(header.pid);
  if (!task) return Errno::srch;
  const Ref<const Creds> creds = creds_of(*task);
  for (size_t i = 0; i < *words; ++i) {
    const unsigned shift = 32 * static_cast<unsigned>(i);
    TRY((data + i).write({.effective = static_cast<uint32_t>(creds->effective >> shift),
                          .permitted = static_cast<uint32_t>(creds->permitted >> shift),
                          .inheritable = static_cast<uint32_t>(creds->inheritable >> shift)}));
  }
  return 0;
}

SyscallResult sys_capset(UserAddr address, UserIn<abi::CapabilityData> data) {
  abi::CapabilityHeader header;
  const size_t words = TRY(words_of_version(address, header));
  if (header.pid != 0 && header.pid != current().tgid()) return Errno::perm;
  CapabilitySet effective = 0, permitted = 0, inheritable = 0;
  for (size_t i = 0; i < words; ++i) {
    const abi::CapabilityData part = TRY((data + i).read());
    const unsigned shift = 32 * static_cast<unsigned>(i);
    effective |= uint64_t{part.effective} << shift;
    permitted |= uint64_t{part.permitted} << shift;
    inheritable |= uint64_t{part.inheritable} << shift;
  }
  const Creds& old = current().creds();
  effective &= kAllCapabilities, permitted &= kAllCapabilities, inheritable &= kAllCapabilities;
  const CapabilitySet may_inherit = old.inheritable | old.permitted;
  if ((inheritable & ~may_inherit) && !capable(kCapSetpcap)) return Errno::perm;
  if (inheritable & ~(old.inheritable | old.bounding)) return Errno::perm;
  if ((permitted & ~old.permitted) || (effective & ~permitted)) return Errno::perm;
  Ref<Creds> fresh = TRY(prepare_creds());
  fresh->effective = effective;
  fresh->permitted = permitted;
  fresh->inheritable = inheritable;
  fresh->ambient &= permitted & inheritable;
  commit_creds(std::move(fresh));
  return 0;
}

}  // namespace tine
