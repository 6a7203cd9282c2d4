// SPDX-License-Identifier: MIT
//
// Calls that change what a range of mappings is marked as, or ask about it: madvise(2), mlock(2),
// mincore(2), msync(2). All take the Mm's mmap_lock; errors as in the man pages.
#pragma once

#include <span>

#include "core/result.h"
#include "core/types.h"
#include "mm/mm.h"

namespace tine::mm {

Result<void> do_madvise(Mm& mm, UserAddr start, uint64_t length, int advice);
// mlock, munlock (lock = false); `populate` brings the pages in (not with MLOCK_ONFAULT).
Result<void> do_mlock(Mm& mm, UserAddr start, uint64_t length, bool lock, bool populate);
struct MlockAll {
  bool current;
  bool future;
  bool populate;
};
Result<void> do_mlockall(Mm& mm, MlockAll request);  // all false: munlockall
// One byte for each page from `start` on: bit 0 says that touching it causes no input. ENOMEM.
Result<void> do_mincore(Mm& mm, UserAddr start, std::span<uint8_t> out);
Result<void> do_msync(Mm& mm, UserAddr start, uint64_t length, bool invalidate);

}  // namespace tine::mm
