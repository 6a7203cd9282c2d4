// SPDX-License-Identifier: MIT
//
// The vDSO: kernel code that programs call without entering the kernel (vdso(7)). exec maps the
// data frames read-only and, directly behind them, the code frames readable and executable
// (mm::map_special), and passes the address of the code in AT_SYSINFO_EHDR.
#pragma once

#include <span>

#include "core/types.h"

namespace tine::mm {
struct Frame;
}

namespace tine::arch {

void init_vdso();  // once, after mm::init

struct VdsoFrames {
  std::span<mm::Frame* const> data;
  std::span<mm::Frame* const> code;  // empty: this architecture has no vDSO
};
VdsoFrames vdso_frames();

// Where the wall clock stands to the monotonic one, for clock_gettime in user mode. Callers take
// turns.
void vdso_set_realtime_offset(Nanoseconds offset);

}  // namespace tine::arch
