// SPDX-License-Identifier: MIT
//
// Programs of the hosted home are host code: there is no vDSO to map.
#include "arch/vdso.h"

namespace tine::arch {

void init_vdso() {}
VdsoFrames vdso_frames() { return {}; }
void vdso_set_realtime_offset(Nanoseconds) {}

}  // namespace tine::arch
