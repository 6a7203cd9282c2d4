// SPDX-License-Identifier: MIT
//
// What is mapped at each page of an address space, as /proc/PID/pagemap shows it, and the
// forgetting of accesses (/proc/PID/clear_refs). Both are for readers of /proc alone: slow, and
// paid by nobody else. Soft-dirty bits are not kept, as in a Linux without CONFIG_MEM_SOFT_DIRTY: a
// table that processes share since a fork has no place for more than one answer.
#pragma once

#include <cstdint>
#include <span>

#include "core/result.h"
#include "mm/mm.h"
#include "mm/page_sharing.h"

namespace tine::mm {

// Bits of a word of pagemap (proc_pid_pagemap(5)); the lowest 55 are the frame's number.
inline constexpr uint64_t kPageMapExclusive = uint64_t{1} << 56;  // nobody else maps it
inline constexpr uint64_t kPageMapFile = uint64_t{1} << 61;       // of a file or of shared memory
inline constexpr uint64_t kPageMapPresent = uint64_t{1} << 63;

struct PageMapStretch {
  uint64_t pages;
  bool is_empty;  // nothing is mapped in any of them, which may be more than there is room for
};
// The pages from `start` on, which are described alike or by the words in `words`, as many as are
// easily told at once but no further than `end`. `shows_frames`: with their numbers. `leaf` is
// scratch. Takes the mmap_lock, shared.
PageMapStretch describe_pages(Mm& mm, UserAddr start, UserAddr end, std::span<uint64_t> words,
                              bool shows_frames, LeafSharing& leaf);

// Makes pages of these mappings look as if nobody had used them. ENOMEM: some of them still do,
// because a table that is shared since a fork could not be copied.
enum class MappingsOf : uint8_t { all, anonymous, objects };
Result<void> forget_accesses(Mm& mm, MappingsOf which);

}  // namespace tine::mm
