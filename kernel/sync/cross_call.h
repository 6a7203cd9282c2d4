// SPDX-License-Identifier: MIT
//
// Calling a function on other CPUs: the translation caches' shoot-down and whatever else must
// happen on a CPU and cannot be done from afar.
//
// The function runs on each CPU from an interrupt, interrupts off: it must be short and may take
// irq-safe locks only. The caller waits for all of them with interrupts on, so that it answers calls
// itself: two CPUs that call each other never wait in vain. For the same reason nobody may call with
// interrupts off, or hold a lock that another CPU takes with interrupts off. Nothing here fails.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine {

using CrossCallFunction = void (*)(void* argument);

// Runs function(argument) on the CPUs of the set, without the running one, and waits for them.
// The CPUs must be online.
void call_on_cpus(uint64_t cpus, CrossCallFunction function, void* argument);

// The CPUs that take calls. A CPU is added once, by itself, when it can.
uint64_t online_cpus();
void set_online(CpuId cpu);

// From the architecture: another CPU has sent arch::send_call_interrupt(). Interrupts off.
void cross_call_interrupt();

}  // namespace tine
