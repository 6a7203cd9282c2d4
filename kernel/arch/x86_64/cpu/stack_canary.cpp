// SPDX-License-Identifier: MIT
//
// Canaries are made once a fork, so they are not taken from the generator of core/random.h, of
// which eight bytes cost as much as a twentieth of a fork. They are a product, folded, of the time
// and the place of the new task, each hidden by half of a key that the generator gave at boot. One
// canary does not give away the key, nor another one. That is not as strong as a cipher, and need
// not be: who can collect what stands on kernel stacks has better ways in.
#include "arch/x86_64/cpu/stack_canary.h"

#include "arch/cpu.h"
#include "core/random.h"

namespace tine::x86 {
namespace {

constinit uint64_t key[2] = {};  // written once at boot

}  // namespace

void init_stack_canaries() {
  for (uint64_t& word : key) word = random_u64();
}

uint64_t make_stack_canary(const void* task) {
  const auto place = reinterpret_cast<uint64_t>(task);
  const auto product =
      static_cast<unsigned __int128>(key[0] ^ arch::cycle_counter()) * (key[1] ^ place);
  return (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) & kCanaryMask;
}

}  // namespace tine::x86
