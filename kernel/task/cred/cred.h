// SPDX-License-Identifier: MIT
//
// Creds: who a task is: ids, groups, capabilities (credentials(7)). Immutable once visible: a
// change makes a new Creds and replaces the reference, so readers need no lock and fork shares it
// (E16).
#pragma once

#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/heap.h"
#include "task/cred/user_account.h"

namespace tine {

struct Groups : RefCounted<Groups> {
  static constexpr const char* kCacheName = "group_info";
  Buffer<KernelGid> list;  // sorted
};

using CapabilitySet = uint64_t;
enum Capability : unsigned {
  kCapChown = 0,
  kCapDacOverride = 1,
  kCapDacReadSearch = 2,
  kCapFowner = 3,
  kCapFsetid = 4,
  kCapKill = 5,
  kCapSetgid = 6,
  kCapSetuid = 7,
  kCapSetpcap = 8,
  kCapLinuxImmutable = 9,
  kCapNetBindService = 10,
  kCapIpcLock = 14,
  kCapSysModule = 16,
  kCapSysChroot = 18,
  kCapSysPtrace = 19,
  kCapSysAdmin = 21,
  kCapSysBoot = 22,
  kCapSysNice = 23,
  kCapSysResource = 24,
  kCapSysTime = 25,
  kCapSysTtyConfig = 26,
  kCapMknod = 27,
  kCapCheckpointRestore = 40,
  kCapLast = 40,
};
inline constexpr CapabilitySet kAllCapabilities = (1ull << (kCapLast + 1)) - 1;

struct Creds : RefCounted<Creds> {
  static constexpr const char* kCacheName = "cred";
  KernelUid uid{}, euid{}, suid{}, fsuid{};
  KernelGid gid{}, egid{}, sgid{}, fsgid{};
  Ref<Groups> groups;  // null: none
  CapabilitySet effective = 0, permitted = 0, inheritable = 0, ambient = 0;
  CapabilitySet bounding = kAllCapabilities;
  uint32_t securebits = 0;
  bool no_new_privileges = false;
  Ref<UserAccount> user;  // of the real uid

  Creds() = default;
  void copy_from(const Creds& other);  // shares groups and account by reference
};

// Changing the running task's: prepare a private copy, edit it, commit it. ENOMEM.
Result<Ref<Creds>> prepare_creds();
void commit_creds(Ref<Creds> fresh);
// No more than that; those before. Others may be looking at them (creds_of() in task/task.h).
[[nodiscard]] Ref<const Creds> replace_creds(Ref<const Creds> fresh);

// The running task has the capability (in the initial user namespace).
bool capable(Capability capability);
bool has_capability(const Creds& creds, Capability capability);
bool in_group(const Creds& creds, KernelGid gid);  // fsgid or supplementary

}  // namespace tine
