// SPDX-License-Identifier: MIT
//
// Random bytes for getrandom(2), /dev/urandom, AT_RANDOM and hash seeds: ChaCha20 keyed from the
// hardware (sync/random.cpp). Never fails, never sleeps; any context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tine {

void random_bytes(std::span<std::byte> out);
// What a program wrote to /dev/urandom: mixed in, never relied upon.
void mix_entropy(std::span<const std::byte> bytes);
inline uint64_t random_u64() {
  uint64_t value;
  random_bytes({reinterpret_cast<std::byte*>(&value), sizeof value});
  return value;
}

}  // namespace tine
