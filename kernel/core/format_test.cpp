// SPDX-License-Identifier: MIT
//
// Tests of core/format.h: every conversion, padding, and what happens at the end of the buffer.
#include "core/format.h"

#include <gtest/gtest.h>

#include <string>

namespace tine {
namespace {

template <class... Arguments>
std::string formatted(std::string_view format, const Arguments&... arguments) {
  char buffer[100];
  return {buffer, format_to(buffer, format, arguments...)};
}

TEST(Format, ConvertsEachKindOfArgument) {
  EXPECT_EQ(formatted("{} {} {} {} {}", -7, 42u, "text", 'c', true), "-7 42 text c true");
  EXPECT_EQ(formatted("{:x} {:o}", 255, 8), "ff 10");
  EXPECT_EQ(formatted("{}", INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(formatted("{}", UINT64_MAX), "18446744073709551615");
}

TEST(Format, PadsToWidth) {
  EXPECT_EQ(formatted("[{:5}] [{:<5}] [{:05}]", 42, 42, -42), "[   42] [42   ] [-0042]");
  EXPECT_EQ(formatted("[{:4}] [{:>4}]", "ab", "ab"), "[ab  ] [  ab]");
  EXPECT_EQ(formatted("{:08x}", 0xbeef), "0000beef");
}

TEST(Format, CutsWhatDoesNotFit) {
  char buffer[4];
  EXPECT_EQ(format_to(buffer, "{}", 1234567), 4u);
  EXPECT_EQ(std::string(buffer, 4), "1234");
}

TEST(Format, PrintsBadFormatsLiterally) {
  EXPECT_EQ(formatted("{{}} {q} {"), "{} {q} {");
  EXPECT_EQ(formatted("{} {}", 1), "1 {}");
}

}  // namespace
}  // namespace tine
