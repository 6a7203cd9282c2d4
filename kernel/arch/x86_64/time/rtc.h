// SPDX-License-Identifier: MIT
//
// The battery-backed clock of the PC.
#pragma once

#include <cstdint>

namespace tine::x86 {

// Seconds since 1970 (the RTC runs in UTC); 0 where there is no RTC.
int64_t read_rtc();

}  // namespace tine::x86
