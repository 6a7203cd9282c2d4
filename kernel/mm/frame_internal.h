// SPDX-License-Identifier: MIT
//
// What mm/frame_init.cpp tells the frame allocator about memory, before anybody allocates.
#pragma once

#include <cstdint>

#include "mm/frame.h"

namespace tine::mm {

// Metadata is initialised, and blocks are merged, within a section: the largest block.
inline constexpr uint32_t kSectionFrames = 1u << kMaxFrameOrder;
inline constexpr unsigned kMaxFreshRanges = 96;

// Hosted tests boot more than once, with new memory each time.
void forget_all_frames();
void forget_all_kernel_stacks();

uint64_t reclaim_kernel_stacks();                       // of this CPU's cache; frames gained
void add_fresh_sections(uint32_t first, uint32_t end);  // whole sections; metadata not yet written
void add_free_frames(uint32_t first, uint32_t end);     // metadata written
void add_used_frames(uint64_t count);                   // reserved ones that may be freed later
void note_metadata_frames(uint64_t count);              // of the reserved ones: the table itself
void note_file_frames(uint64_t count);  // of the reserved ones: contents of files from now on

}  // namespace tine::mm
