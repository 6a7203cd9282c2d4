// SPDX-License-Identifier: MIT
//
// Interrupt lines of devices. Handlers run with interrupts off on the CPU that got the interrupt
// and must not sleep; they are connected once and stay.
#pragma once

#include "core/result.h"

namespace tine::arch {

using InterruptHandler = void (*)(void* context);
enum class Trigger : bool { edge, level };

// `line` is a global system interrupt (ACPI) or the architecture's like. NODEV: no interrupt
// controller has this line; BUSY: the line is taken.
Result<void> connect_interrupt(unsigned line, Trigger trigger, InterruptHandler handler,
                               void* context);

}  // namespace tine::arch
