// SPDX-License-Identifier: MIT
//
// Is KVM worth using here? On some nested hosts /dev/kvm opens, but guest ring 0 is emulated an
// instruction at a time, some thousand times slower than hardware; TCG beats that by far. So ring 0
// is measured once a boot: a short loop in a virtual machine of one page. Every error means "no",
// and a timer ends a guest that does not come back; nothing throws, nothing hangs.
#pragma once

namespace tine::launcher {

// Remembered in the user's cache directory, per boot of this machine.
bool kvm_runs_on_hardware();

}  // namespace tine::launcher
