// SPDX-License-Identifier: MIT
//
// The rule that turns what happened into a status, the kernel log's tail, the configuration record,
// sizes, and QEMU's command line: everything of the launcher that is a pure function.
#include "exit_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel_log.h"
#include "machine.h"
#include "options.h"
#include "run_config.h"

namespace tine::launcher {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(ExitLineTest, OnlyTheExactForm) {
  EXPECT_EQ(parse_exit_line("exit 0"), 0);
  EXPECT_EQ(parse_exit_line("exit 007"), 7);
  EXPECT_EQ(parse_exit_line("exit 255"), 255);
  for (const char* line : {"exit", "exit ", "exit 256", "exit -1", "exit 1 ", "exit x", " exit 1",
                           "exit 99999999999999999999"}) {
    EXPECT_EQ(parse_exit_line(line), std::nullopt) << line;
  }
}

TEST(JudgeTest, TheProgramsStatusWinsOverEverythingAfterIt) {
  VmOutcome outcome;
  outcome.program_status = 3;
  outcome.timed_out = true;
  outcome.panicked = true;
  outcome.launcher_signal = 15;
  EXPECT_EQ(judge(outcome).status, 3);
  EXPECT_EQ(judge(outcome).message, "");
}

TEST(JudgeTest, LostOutputIsNoSuccess) {
  VmOutcome outcome;
  outcome.program_status = 0;
  outcome.host_error = "cannot write stdout";
  EXPECT_EQ(judge(outcome).status, 125);
  EXPECT_EQ(judge(outcome).message, "cannot write stdout");
  outcome.program_status = 1;
  EXPECT_EQ(judge(outcome).status, 1);
}

TEST(JudgeTest, EachFailureHasItsStatusAndMessage) {
  VmOutcome outcome;
  outcome.timed_out = true;
  outcome.timeout_seconds = 2.5;
  EXPECT_EQ(judge(outcome).status, 124);
  EXPECT_THAT(judge(outcome).message, HasSubstr("2.5 s"));

  outcome = {};
  outcome.launcher_signal = 15;
  EXPECT_EQ(judge(outcome).status, 143);

  outcome = {};
  outcome.panicked = true;
  outcome.log_tail = "PANIC: out of cheese";
  EXPECT_EQ(judge(outcome).status, 125);
  EXPECT_THAT(judge(outcome).message, HasSubstr("out of cheese"));

  outcome = {};
  outcome.qemu_messages = "qemu: no";
  outcome.log_tail = "last words";
  EXPECT_EQ(judge(outcome).status, 125);
  EXPECT_THAT(judge(outcome).message, HasSubstr("qemu: no"));
  EXPECT_THAT(judge(outcome).message, HasSubstr("last words"));
}

TEST(KernelLogTest, FindsAPanicAtTheStartOfALineOnly) {
  KernelLog log;
  log.append("a line about PANIC: nothing\r\nPAN");
  EXPECT_FALSE(log.panicked());
  log.append("IC: it broke\r\nbacktrace\n");
  EXPECT_TRUE(log.panicked());
  EXPECT_EQ(log.tail(), "PANIC: it broke\nbacktrace\n");
}

TEST(KernelLogTest, StaysBoundedAndKeepsTheLastLines) {
  KernelLog log;
  for (int i = 0; i < 100'000; ++i) log.append("line " + std::to_string(i) + "\n");
  EXPECT_THAT(log.tail(), HasSubstr("line 99999\n"));
  EXPECT_LT(log.tail().size(), 1000U);
  log.append("PANIC: late\n");
  EXPECT_TRUE(log.panicked());
  EXPECT_EQ(log.tail(), "PANIC: late\n");
}

TEST(KernelLogTest, TerminalControlsAreTakenOut) {
  KernelLog log;
  log.append("\x1b[31mred\x07\n");
  EXPECT_EQ(log.tail(), "[31mred\n");
}

TEST(RunConfigTest, RecordsAreSeparatedByNuls) {
  RunConfig config;
  config.working_directory = "/root";
  config.executable = "/bin/true";
  config.environment = {"A=1"};
  config.arguments = {"true", ""};
  using namespace std::string_literals;
  EXPECT_EQ(serialise(config),
            "tine=1\0cwd=/root\0stdio=ppp\0exec=/bin/true\0env=A=1\0arg=true\0arg=\0"s);
  config.terminal[0] = true;
  config.window = {24, 80};
  EXPECT_THAT(serialise(config), HasSubstr("stdio=tpp\0winsize=24 80\0"s));
  config.shared_output = true;
  EXPECT_THAT(serialise(config), HasSubstr("stdio=tps\0"s));
}

TEST(RunConfigTest, LaterVariablesWin) {
  const auto environment = make_environment({"PATH=/x", "A=1", "A=2"}, "xterm");
  EXPECT_EQ(environment_value(environment, "PATH"), "/x");
  EXPECT_EQ(environment_value(environment, "A"), "2");
  EXPECT_EQ(environment_value(environment, "TERM"), "xterm");
  EXPECT_EQ(environment_value(environment, "B"), "");
}

TEST(ParseSizeTest, UnitsAndNonsense) {
  EXPECT_EQ(parse_size("64"), 64ULL << 20);
  EXPECT_EQ(parse_size("64M"), 64ULL << 20);
  EXPECT_EQ(parse_size("1GiB"), 1ULL << 30);
  EXPECT_EQ(parse_size("16384K"), 16ULL << 20);
  for (const char* text :
       {"", "M", "-1M", "1T", "1.5G", "99999999999999999999G", "18446744073709551615G"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(MachineTest, NothingOfTheHostButWhatIsListed) {
  Machine machine;
  machine.memory_bytes = 64ULL << 20;
  machine.kernel = "/kernel";
  machine.initrd_fd = 9;
  machine.ports = {{MachinePort::Kind::kStream, "tine.control", 7}};
  const auto arguments = qemu_arguments(machine);
  EXPECT_THAT(arguments, Contains("-nodefaults"));
  EXPECT_THAT(arguments, Contains("-sandbox"));
  EXPECT_THAT(arguments, Contains("65536K"));
  EXPECT_THAT(arguments, Contains("/proc/self/fd/9"));
  EXPECT_THAT(arguments, Contains(HasSubstr("name=tine.control")));
  EXPECT_THAT(arguments, testing::Not(Contains(HasSubstr("netdev"))));
}

}  // namespace
}  // namespace tine::launcher
