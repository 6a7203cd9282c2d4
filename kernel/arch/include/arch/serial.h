// SPDX-License-Identifier: MIT
//
// The machine's first serial line, where it has one: the early console writes to it, and a terminal
// can be put on it.
#pragma once

#include <cstddef>
#include <span>

#include "core/result.h"

namespace tine::arch {

bool serial_exists();
// Waits for the line, a few microseconds a byte. Any context.
void serial_write(std::span<const char> bytes);
// From then on bytes that arrive go to `receive`, from an interrupt handler. NODEV: no line.
using SerialReceiver = void (*)(std::span<const char> bytes);
Result<void> serial_start_receiving(SerialReceiver receive);

}  // namespace tine::arch
