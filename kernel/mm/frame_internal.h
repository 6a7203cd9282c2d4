// SPDX-License-Identifier: MIT
//
// What is inside of the frame allocator: a CPU's lists, for mm/frame.cpp and the inline parts of
// mm/zeroed_frames.h, and what mm/frame_init.cpp tells about memory before anybody allocates.
//
// The lists are their CPU's, touched with interrupts off. A FrameStack owns the free frames in it,
// chained by their numbers; others read its count as a hint.
#pragma once

#include <cstdint>

#include "mm/frame.h"
#include "sync/hint.h"

namespace tine::mm {

struct FrameStack {
  uint32_t head = 0;
  Hint<uint32_t> count = 0;
  void push(Frame& frame) {
    frame.next = head;
    head = frame_number(frame);
    ++count;
  }
  Frame* pop() {
    if (head == 0) return nullptr;
    Frame& frame = frame_table[head];
    head = frame.next;
    --count;
    return &frame;
  }
  void take_all(FrameStack& other) {
    while (Frame* frame = other.pop()) {
      frame->kind = FrameKind::free;
      push(*frame);
    }
  }
};

struct alignas(64) CpuFrames {
  FrameStack frames;
  FrameStack zeroed;  // mm/zeroed_frames.h
  FrameStack clean_tables;
  FrameStack top_tables;
  Hint<int64_t> used[kFrameKinds];  // frames given out by this CPU minus those given back
};
extern CpuFrames cpu_frames[kMaxCpus];

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
