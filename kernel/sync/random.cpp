// SPDX-License-Identifier: MIT
//
// The generator behind core/random.h. One ChaCha20 key for the kernel, which makes a batch of four
// blocks; the first 32 bytes become the next key, the others wait to be given out and are erased
// when they are, so that what was given out cannot be computed from a later state. Hardware
// randomness is mixed into the key at the start and every kBatchesPerReseed batches. A fork needs
// no care: programs hold no part of the state.
//
// The state is guarded by a spin lock with interrupts off, taken once per batch.
#include "core/random.h"

#include <algorithm>
#include <cstring>

#include "arch/cpu.h"
#include "core/chacha20.h"
#include "sync/spin_lock.h"

namespace tine {

namespace {

constexpr uint32_t kBatchesPerReseed = 1024;
constexpr unsigned kBatchBlocks = 4;
constexpr size_t kBlockBytes = 64, kKeyBytes = 32;

// What the last batch gave and nobody has taken yet: the last `left` bytes. Taken bytes are erased.
struct Batch {
  std::byte bytes[kBatchBlocks * kBlockBytes];
  size_t left = 0;
  uint32_t count = 0;
};

constinit IrqSpinLock lock{LockRank::unranked};
constinit ChaCha20Input state GUARDED_BY(lock){};
constinit Batch batch GUARDED_BY(lock){};

void mix_in_hardware() REQUIRES(lock) {
  for (unsigned i = 0; i < 8; i += 2) {
    uint64_t word = 0;
    if (!arch::hardware_random(word)) word = arch::cycle_counter();
    state.key[i] ^= static_cast<uint32_t>(word);
    state.key[i + 1] ^= static_cast<uint32_t>(word >> 32);
  }
}

void make_batch() REQUIRES(lock) {
  if (batch.count++ % kBatchesPerReseed == 0) mix_in_hardware();
  for (unsigned i = 0; i < kBatchBlocks; ++i) {
    auto block = chacha20_block(state);
    ++state.counter;
    memcpy(batch.bytes + i * kBlockBytes, block.data(), kBlockBytes);
  }
  memcpy(state.key.data(), batch.bytes, kKeyBytes);
  memset(batch.bytes, 0, kKeyBytes);
  batch.left = sizeof batch.bytes - kKeyBytes;
}

}  // namespace

void random_bytes(std::span<std::byte> out) {
  while (!out.empty()) {
    IrqGuard guard(lock);
    if (batch.left == 0) make_batch();
    std::byte* from = batch.bytes + sizeof batch.bytes - batch.left;
    const size_t length = std::min(out.size(), batch.left);
    memcpy(out.data(), from, length);
    memset(from, 0, length);
    batch.left -= length;
    out = out.subspan(length);
  }
}

void mix_entropy(std::span<const std::byte> bytes) {
  IrqGuard guard(lock);
  batch.left = 0;  // what is given out from now on depends on these bytes
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
