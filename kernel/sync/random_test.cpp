// SPDX-License-Identifier: MIT
//
// The generator's contract: nothing is given out twice or before it is made, whatever the lengths
// asked for. Whether the blocks are good is chacha20_test.cpp's business.
#include "core/random.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace tine {
namespace {

TEST(Random, NoStretchIsGivenOutTwice) {  // D25
  std::set<uint64_t> seen;
  for (size_t length = 1; length <= 600; ++length) {
    std::vector<std::byte> bytes(length);
    random_bytes(bytes);
    for (size_t at = 0; at + 8 <= length; at += 8) {
      uint64_t word;
      std::memcpy(&word, &bytes[at], sizeof word);
      EXPECT_NE(word, 0u);
      EXPECT_TRUE(seen.insert(word).second) << "length " << length << " at " << at;
    }
  }
}

TEST(Random, BytesAreEvenlySpread) {
  std::vector<std::byte> bytes(1 << 16);
  random_bytes(bytes);
  std::vector<int> count(256);
  for (std::byte byte : bytes) ++count[std::to_integer<size_t>(byte)];
  for (int times : count) {
    EXPECT_GT(times, 128);  // 256 on average; 8 standard deviations
    EXPECT_LT(times, 384);
  }
}

}  // namespace
}  // namespace tine
