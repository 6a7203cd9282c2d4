// SPDX-License-Identifier: MIT
//
// ChaCha20's block function (RFC 8439, section 2.3): 64 bytes of key stream from a key and a
// counter. Pure arithmetic.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace tine {

struct ChaCha20Input {
  std::array<uint32_t, 8> key;
  uint32_t counter;
  std::array<uint32_t, 3> nonce;
};

namespace detail {
constexpr void quarter_round(std::array<uint32_t, 16>& s, unsigned a, unsigned b, unsigned c,
                             unsigned d) {
  s[a] += s[b], s[d] = std::rotl(s[d] ^ s[a], 16);
  s[c] += s[d], s[b] = std::rotl(s[b] ^ s[c], 12);
  s[a] += s[b], s[d] = std::rotl(s[d] ^ s[a], 8);
  s[c] += s[d], s[b] = std::rotl(s[b] ^ s[c], 7);
}
}  // namespace detail

constexpr std::array<uint32_t, 16> chacha20_block(const ChaCha20Input& input) {
  std::array<uint32_t, 16> start{0x6170'7865, 0x3320'646e, 0x7962'2d32, 0x6b20'6574};
  for (unsigned i = 0; i < 8; ++i) start[4 + i] = input.key[i];
  start[12] = input.counter;
  for (unsigned i = 0; i < 3; ++i) start[13 + i] = input.nonce[i];
  std::array<uint32_t, 16> state = start;
  for (int i = 0; i < 10; ++i) {
    for (unsigned column = 0; column < 4; ++column) {
      detail::quarter_round(state, column, column + 4, column + 8, column + 12);
    }
    for (unsigned diagonal = 0; diagonal < 4; ++diagonal) {
      detail::quarter_round(state, diagonal, (diagonal + 1) % 4 + 4, (diagonal + 2) % 4 + 8,
                            (diagonal + 3) % 4 + 12);
    }
  }
  for (unsigned i = 0; i < 16; ++i) state[i] += start[i];
  return state;
}

}  // namespace tine
