// SPDX-License-Identifier: MIT
//
// Start of memory management, called once by boot before anything allocates.
//
// `ram` is sorted, page-aligned and disjoint, and lies in the direct map; `reserved` needs to be
// neither. Metadata of frames is carved out of RAM here and filled in section by section when the
// section is first used, so that the cost of booting does not depend on the size of memory.
#pragma once

#include <span>

#include "core/result.h"
#include "core/types.h"

namespace tine::mm {

// Panics when there is no room for the metadata: the machine is too small to say it otherwise.
void init(std::span<const MemoryRange> ram, std::span<const MemoryRange> reserved);

// What a CPU other than the first needs before it may allocate. ENOMEM.
Result<void> prepare_cpu(CpuId cpu);

// Drops the reference that each whole frame of a reserved range has had since init(). Frames that
// somebody shared in the meantime (file pages of the initrd) live on until he lets go.
void release_reserved(MemoryRange range);

}  // namespace tine::mm
