// SPDX-License-Identifier: MIT
//
// Sleepers: processes that have been asleep for a while, and whose page tables are folded until
// they wake (mm/fold.h). A kernel thread looks for them as long as there may be some.
#pragma once

#include "core/result.h"
#include "core/types.h"

namespace tine {

// For mm/task_hooks.h: some process may fall asleep for long. Any context; takes no locks but the
// scheduler's.
void watch_sleepers();
// Once, at boot. What kthread_create() fails with.
Result<void> start_watching_sleepers();

// Memory is short: folds all who have been asleep for a moment. The frames gained. May sleep.
uint64_t fold_all_sleepers();

}  // namespace tine
