// SPDX-License-Identifier: MIT
//
// What is to be done right before the machine ends: drivers that hold output flush it.
#pragma once

namespace tine::arch {

// Called once by machine_power_off() and machine_restart(), interrupts off. One hook.
void set_power_off_hook(void (*hook)());

}  // namespace tine::arch
