// SPDX-License-Identifier: MIT
//
// Frames that are zero already: each CPU keeps a few, which its idle task clears and which page
// tables that nobody needs add to, so that a fault after a sleep need not clear its page.
//
// They are free memory, and counted as such. A CPU takes them for anything when it has no others,
// and gives them up with its other lists when memory is short (mm/frame.cpp). Nobody is woken to
// clear frames, and an idle CPU clears no more than have been used.
#pragma once

#include "arch/cpu.h"
#include "mm/frame_internal.h"

namespace tine::mm {

Frame* take_kept_zeroed_frame(FrameKind kind);  // null: none is left

// As take_frame(), of zeros. Null: no memory. Where none is kept it costs five instructions more.
[[nodiscard]] inline Frame* take_zeroed_frame(FrameKind kind) {
  if (cpu_frames[arch::this_cpu().id].zeroed.count != 0) [[unlikely]] {
    if (Frame* frame = take_kept_zeroed_frame(kind)) return frame;
  }
  Frame* frame = take_frame(kind);
  if (frame != nullptr) [[likely]]
    arch::clear_page(frame_data(*frame));
  return frame;
}
// For the idle task, with interrupts off, which are on while it clears one frame. False: this CPU
// has enough, or none to spare.
bool clear_frame_for_later();

}  // namespace tine::mm
