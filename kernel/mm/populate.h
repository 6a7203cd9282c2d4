// SPDX-License-Identifier: MIT
//
// Bringing in many pages at once, as if a program had touched each: MAP_POPULATE, mlock(2),
// MADV_POPULATE_READ and _WRITE. See mm/populate.cpp.
#pragma once

#include "core/result.h"
#include "core/types.h"
#include "mm/mm.h"

namespace tine::mm {

// As mapped: for writing where a write would make a private page, else for reading; holes are
// passed over, as mmap and mlock want it who have looked for them before.
enum class PopulateFor : uint8_t { read, write, as_mapped };

// Takes and releases the mmap_lock, several times for a long range. NOMEM: memory ran out, or (not
// as_mapped) a hole; ACCES: a mapping does not allow it; FAULT: an object has no such page. What
// was brought in until then stays.
Result<void> populate_pages(Mm& mm, UserAddr start, UserAddr end,
                            PopulateFor access = PopulateFor::as_mapped);

}  // namespace tine::mm
