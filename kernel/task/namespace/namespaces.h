// SPDX-License-Identifier: MIT
//
// Namespaces: the set of namespaces a task lives in (Linux: nsproxy), shared by reference at fork
// unless CLONE_NEW* asks otherwise. Only the initial ones exist yet: asking for a new one fails
// with EINVAL, as on a kernel built without them. What is namespaced already lives behind this
// object, so that adding a kind touches nobody else.
#pragma once

#include "core/ref.h"
#include "mm/heap.h"
#include "sync/spin_lock.h"
#include "task/pid/pid_namespace.h"

namespace tine {

struct UtsNames {  // uname(2)
  SpinLock lock{LockRank::unranked};
  char node[65] GUARDED_BY(lock) = "tine";
  char domain[65] GUARDED_BY(lock) = "(none)";
};

class Namespaces final : public RefCounted<Namespaces> {
 public:
  static constexpr const char* kCacheName = "nsproxy";
  constexpr Namespaces(PidNamespace& pids, UtsNames& uts) : pid_for_children(&pids), uts(&uts) {}
  PidNamespace* const pid_for_children;
  UtsNames* const uts;
};

extern Namespaces initial_namespaces;

}  // namespace tine
