// SPDX-License-Identifier: MIT
//
// The generator behind core/random.h. One ChaCha20 key for the kernel; each block's first half
// becomes the next key, so that what was given out cannot be computed from a later state, and the
// second half is output. Hardware randomness is mixed into the key at the start and every
// kReseedInterval blocks. A fork needs no care: programs hold no part of the state.
//
// The state is guarded by a spin lock with interrupts off, taken once per 32 bytes.
#include "core/random.h"

#include <algorithm>
#include <cstring>

#include "arch/cpu.h"
#include "core/chacha20.h"
#include "sync/spin_lock.h"

namespace tine {

namespace {

constexpr uint32_t kReseedInterval = 4096;
constexpr size_t kOutputBytes = 32;

constinit IrqSpinLock lock{LockRank::unranked};
constinit ChaCha20Input state GUARDED_BY(lock){};

void mix_in_hardware() REQUIRES(lock) {
  for (unsigned i = 0; i < 8; i += 2) {
    uint64_t word = 0;
    if (!arch::hardware_random(word)) word = arch::cycle_counter();
    state.key[i] ^= static_cast<uint32_t>(word);
    state.key[i + 1] ^= static_cast<uint32_t>(word >> 32);
  }
}

void next_output(std::byte (&out)[kOutputBytes]) {
  IrqGuard guard(lock);
  if (state.counter % kReseedInterval == 0) mix_in_hardware();
  auto block = chacha20_block(state);
  ++state.counter;
  std::copy_n(block.begin(), 8, state.key.begin());
  memcpy(out, &block[8], kOutputBytes);
}

}  // namespace

void random_bytes(std::span<std::byte> out) {
  while (!out.empty()) {
    std::byte bytes[kOutputBytes];
    next_output(bytes);
    size_t length = std::min(out.size(), sizeof bytes);
    memcpy(out.data(), bytes, length);
    out = out.subspan(length);
  }
}

void mix_entropy(std::span<const std::byte> bytes) {
  IrqGuard guard(lock);
  for (size_t i = 0; i < bytes.size(); ++i) {
    state.key[i / 4 % 8] ^= std::to_integer<uint32_t>(bytes[i]) << (8 * (i % 4));
    if (i % 32 == 31 || i + 1 == bytes.size()) {  // diffuse each full key's worth
      auto block = chacha20_block(state);
      ++state.counter;
      std::copy_n(block.begin(), 8, state.key.begin());
    }
  }
}

}  // namespace tine
