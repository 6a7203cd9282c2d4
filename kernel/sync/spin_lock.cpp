// SPDX-License-Identifier: MIT
//
// Waiting for a spin lock, out of line: see spin_lock.h. Nothing can fail.
#include "sync/spin_lock.h"

namespace tine {

namespace {

// A CPU that runs sees that its turn has come within a few looks; some microseconds are plenty.
constexpr unsigned kPatience = 100;

}  // namespace

void RawSpinLock::wait() {
  wait(kPatience, [] { arch::cpu_relax(); });
}

}  // namespace tine
