// SPDX-License-Identifier: MIT
//
// Line editing, echo, special characters and output processing of the line discipline: termios(3).
#include "fs/tty/line_discipline.h"

#include <gtest/gtest.h>

#include <string>

#include "task/signal/signal.h"

namespace tine::tty {
namespace {

class LineDisciplineTest : public ::testing::Test {
 protected:
  InputEffects type(std::string_view text) {
    InputEffects last;
    for (char c : text) {
      last = discipline_.receive(static_cast<uint8_t>(c));
      echo_.append(discipline_.echo().data(), discipline_.echo().size());
      discipline_.echo_done(discipline_.echo().size());
    }
    return last;
  }
  std::string read(size_t size = 100) {
    std::string text(size, '\0');
    bool more;
    text.resize(discipline_.take({text.data(), size}, more));
    return text;
  }
  std::string output(std::string_view text) {
    std::string result;
    for (char c : text) {
      char bytes[LineDiscipline::kMostOutput];
      result.append(bytes, discipline_.process_output(static_cast<uint8_t>(c), bytes));
    }
    return result;
  }
  void raw() {
    Termios old = discipline_.settings;
    discipline_.settings.local &= ~(kCanonical | kEcho | kSignals);
    discipline_.settings_changed(old);
  }

  LineDiscipline discipline_;
  std::string echo_;
};

TEST_F(LineDisciplineTest, LineIsReadableOnlyWhenComplete) {
  EXPECT_FALSE(type("abc").readable);
  EXPECT_FALSE(discipline_.has_input());
  EXPECT_TRUE(type("\r").readable);  // ICRNL
  EXPECT_EQ(read(), "abc\n");
  EXPECT_FALSE(discipline_.has_input());
}

TEST_F(LineDisciplineTest, ReadTakesOneLineAtATimeAndParts) {
  type("one\ntwo\n");
  EXPECT_EQ(read(2), "on");
  EXPECT_EQ(read(), "e\n");
  EXPECT_EQ(read(), "two\n");
}

TEST_F(LineDisciplineTest, EraseWordAndKillEditTheLine) {
  type("ab\x7f" "c\n");
  EXPECT_EQ(read(), "ac\n");
  type("one two\x17" "2\n");
  EXPECT_EQ(read(), "one 2\n");
  type("gone\x15kept\n");
  EXPECT_EQ(read(), "kept\n");
}

TEST_F(LineDisciplineTest, EraseTakesAWholeUtf8Character) {
  discipline_.settings.input |= kUtf8Input;
  type("a\xc3\xa4\x7f\n");
  EXPECT_EQ(read(), "a\n");
}

TEST_F(LineDisciplineTest, EraseDoesNotReachIntoTheFinishedLine) {
  type("done\n\x7f\x7fx\n");
  EXPECT_EQ(read(), "done\n");
  EXPECT_EQ(read(), "x\n");
}

TEST_F(LineDisciplineTest, EndOfFileOnEmptyLineReadsZeroBytes) {
  EXPECT_TRUE(type("\x04").readable);
  EXPECT_TRUE(discipline_.has_input());
  EXPECT_EQ(read(), "");
  EXPECT_FALSE(discipline_.has_input());
}

TEST_F(LineDisciplineTest, EndOfFileAfterTextEndsTheLineWithoutAByte) {
  type("abc\x04");
  EXPECT_EQ(read(3), "abc");
  EXPECT_FALSE(discipline_.has_input());
}

TEST_F(LineDisciplineTest, EchoShowsControlCharactersAndNewline) {
  type("a\x01\t\n");
  EXPECT_EQ(echo_, "a^A\t\r\n");
}

TEST_F(LineDisciplineTest, SignalCharactersSignalAndFlush) {
  type("typed");
  EXPECT_EQ(type("\x03").signal, signal::kSigInt);
  EXPECT_EQ(echo_, "typed^C");
  type("\n");
  EXPECT_EQ(read(), "\n");
  EXPECT_EQ(type("\x1c").signal, signal::kSigQuit);
  EXPECT_EQ(type("\x1a").signal, signal::kSigTstp);
}

TEST_F(LineDisciplineTest, LiteralNextTakesAwayTheMeaning) {
  type("\x16\x03\n");
  EXPECT_EQ(read(), "\x03\n");
}

TEST_F(LineDisciplineTest, RawModeReturnsEachByteAsItIs) {
  raw();
  EXPECT_TRUE(type("\x03").readable);
  type("\x7f\x04");
  EXPECT_EQ(read(), "\x03\x7f\x04");
  EXPECT_EQ(echo_, "");
}

TEST_F(LineDisciplineTest, WhatIsHalfTypedIsReadableAfterTheSwitchToRaw) {
  type("half");
  EXPECT_FALSE(discipline_.has_input());
  raw();
  EXPECT_EQ(read(), "half");
}

TEST_F(LineDisciplineTest, FullBufferKeepsRoomForTheLineEnd) {
  type(std::string(LineDiscipline::kCapacity + 100, 'x'));
  EXPECT_TRUE(type("\n").readable);
  EXPECT_EQ(read(2 * LineDiscipline::kCapacity).size(), LineDiscipline::kCapacity);
}

TEST_F(LineDisciplineTest, FlowControlStopsAndStarts) {
  EXPECT_TRUE(type("\x13").stop_output);
  EXPECT_TRUE(type("\x11").start_output);
  EXPECT_EQ(discipline_.available(), 0u);
}

TEST_F(LineDisciplineTest, OutputMapsNewlinesAndExpandsTabs) {
  EXPECT_EQ(output("a\nb"), "a\r\nb");
  discipline_.settings.output |= kExpandTabs;
  EXPECT_EQ(output("\rab\tc"), "\rab      c");
  discipline_.settings.output = 0;
  EXPECT_EQ(output("a\nb"), "a\nb");
}

}  // namespace
}  // namespace tine::tty
