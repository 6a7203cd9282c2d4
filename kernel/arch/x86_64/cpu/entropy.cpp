// SPDX-License-Identifier: MIT
//
// Hardware randomness: RDRAND, else the jitter of the cycle counter against port reads, of which
// each leaves the processor for the hypervisor and returns after a time nobody can predict exactly.
// core/random.cpp stretches it.
#include "arch/cpu.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/instructions.h"

namespace tine::arch {

namespace {

bool read_rdrand(uint64_t& out) {
  bool valid = false;
  for (int tries = 0; tries < 10 && !valid; ++tries) {
    asm volatile("rdrand %0" : "=r"(out), "=@ccc"(valid));
  }
  return valid;
}

uint64_t collect_jitter() {
  uint64_t pool = cycle_counter();
  for (int i = 0; i < 64; ++i) {
    x86::in8(0x80);
    pool = (pool << 7 | pool >> 57) ^ cycle_counter() * 0x9e37'79b9'7f4a'7c15;
  }
  return pool;
}

}  // namespace

bool hardware_random(uint64_t& out) {
  if (x86::features.rdrand && read_rdrand(out)) return true;
  out = collect_jitter();
  return true;
}

}  // namespace tine::arch
