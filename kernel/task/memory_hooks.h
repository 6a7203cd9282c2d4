// SPDX-License-Identifier: MIT
//
// The answers that mm/ gets about the running task: limits, privilege, whom to kill when memory has
// run out. Installed once at boot, before the first program runs.
#pragma once

namespace tine {

void install_memory_hooks();

}  // namespace tine
