// SPDX-License-Identifier: MIT
//
// Giving the page tables of those who sleep back until they are needed. Which those are is task/'s
// to find out (task/sleepers.h); how it is done is mm/fold.cpp's. Folding never fails for whoever
// is folded: at worst it is not done.
#pragma once

#include <atomic>

#include "core/result.h"
#include "mm/mm.h"
#include "mm/task_hooks.h"

namespace tine::mm {

// Folds the tables, which somebody may need again at once. The number of frames gained; 0: it does
// not pay, or the memory is locked and must not wait for a fault. EBUSY: its mmap_lock is held.
Result<uint64_t> fold_tables(Mm& mm);

// Somebody looks, or soon will, who has gone to sleep.
inline std::atomic<bool> sleepers_are_watched{false};
// A process begins to run, which will want to be folded one day.
inline void expect_sleeper() {
  if (!sleepers_are_watched.load(std::memory_order_relaxed)) [[unlikely]]
    task_hooks.watch_sleepers();
}

}  // namespace tine::mm
