// SPDX-License-Identifier: MIT
//
// Access to other processes. See tracing.h. Takes the target's credentials by reference; no locks.
#include "task/tracing.h"

namespace tine {

bool may_trace(Task& target, const mm::Mm& memory, KernelUid uid, KernelGid gid) {
  if (target.signal.get() == current().signal.get() || capable(kCapSysPtrace)) return true;
  const Ref<const Creds> theirs = creds_of(target);
  return memory.dumpable == 1 && uid == theirs->euid && uid == theirs->suid && uid == theirs->uid &&
         gid == theirs->egid && gid == theirs->sgid && gid == theirs->gid;
}

}  // namespace tine
