// SPDX-License-Identifier: MIT
//
// ACPI's list of processors (Multiple APIC Description Table).
#pragma once

#include <cstdint>
#include <span>

#include "core/types.h"

namespace tine::x86 {

// Writes the APIC ids of the processors that can be started, the running one's too, as many as fit;
// how many. Those above `highest_id`, which interrupts cannot reach, are left out. 0: there are no
// tables, or none that make sense.
unsigned read_processor_list(PhysAddr rsdp, uint32_t highest_id, std::span<uint32_t> apic_ids);

}  // namespace tine::x86
