// SPDX-License-Identifier: MIT
//
// The kernel's side of the vDSO: its data page, and the frames that exec maps. The code lies in the
// image's read-only data (vdso/image/, linked on its own). Frames are the image's: reserved, never
// counted, never freed.
#include "arch/vdso.h"

#include <atomic>

#include "arch/clock.h"
#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/vdso/data.h"
#include "mm/frame.h"

namespace tine::x86 {

namespace {

constexpr unsigned kMaxCodePages = 2;

constinit VdsoData data __attribute__((section(".bss.pages"))){};
constinit mm::Frame* data_frames[1] = {};
constinit mm::Frame* code_frames[kMaxCodePages] = {};

// Frames of the image are reserved, which is for memory to be given back one day; these never are.
mm::Frame* kernel_frame(const void* page) {
  mm::Frame& frame = mm::frame_at(image_phys(page));
  frame.kind = mm::FrameKind::kernel;
  return &frame;
}

unsigned code_pages() {
  return static_cast<unsigned>((vdso_image_end - vdso_image_start) >> kPageShift);
}

}  // namespace
}  // namespace tine::x86

namespace tine::arch {

void init_vdso() {
  CycleScale scale = cycle_scale();
  x86::data.base_cycles = scale.base_cycles;
  x86::data.base_ns = scale.base_ns;
  x86::data.multiplier = scale.multiplier;
  x86::data.shift = scale.shift;
  x86::data.realtime_offset = boot_wall_clock();
  x86::data_frames[0] = x86::kernel_frame(&x86::data);
  for (unsigned i = 0; i < x86::code_pages() && i < x86::kMaxCodePages; ++i) {
    x86::code_frames[i] = x86::kernel_frame(x86::vdso_image_start + i * kPageSize);
  }
}

VdsoFrames vdso_frames() {
  return {.data = x86::data_frames, .code = {x86::code_frames, x86::code_pages()}};
}

void vdso_set_realtime_offset(Nanoseconds offset) {
  std::atomic_ref sequence(x86::data.sequence);
  sequence.fetch_add(1, std::memory_order_acquire);
  std::atomic_ref(x86::data.realtime_offset).store(offset, std::memory_order_relaxed);
  sequence.fetch_add(1, std::memory_order_release);
}

}  // namespace tine::arch
