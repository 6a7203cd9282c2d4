// SPDX-License-Identifier: MIT
//
// The start of the serial line, before anything can be said; see arch/serial.h for its use.
#pragma once

namespace tine::x86 {

void init_serial();

}  // namespace tine::x86
