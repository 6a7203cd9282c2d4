// SPDX-License-Identifier: MIT
//
// Interrupt vectors: who uses which, and the way from the entry code to a handler.
#pragma once

#include <cstdint>

namespace tine::x86 {

inline constexpr unsigned kVectorFirstDevice = 32;
inline constexpr unsigned kLineVectors = 48;     // one for each line of the I/O APICs
inline constexpr unsigned kMessageVectors = 16;  // behind them, for devices that send messages
inline constexpr unsigned kDeviceVectors = kLineVectors + kMessageVectors;
inline constexpr unsigned kVectorTimer = 0xec;
inline constexpr unsigned kVectorReschedule = 0xed;
inline constexpr unsigned kVectorCall = 0xee;
inline constexpr unsigned kVectorSpurious = 0xff;

void dispatch_interrupt(unsigned vector, bool user_mode);

}  // namespace tine::x86
