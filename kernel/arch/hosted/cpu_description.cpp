// SPDX-License-Identifier: MIT
//
// Simulated CPUs have a number and nothing else to tell.
#include "arch/cpu.h"
#include "core/format.h"

namespace tine::arch {

size_t write_cpu_description(CpuId cpu, std::span<char> out) {
  return format_to(out, "processor\t: {}\nmodel name\t: simulated\n", cpu);
}

}  // namespace tine::arch
