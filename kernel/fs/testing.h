// SPDX-License-Identifier: MIT
//
// Unit tests of files: system calls on paths and descriptors, for programs of the hosted core
// (arch/hosted/harness.h). Strings and buffers lie in the program's memory at fixed places.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "arch/hosted/harness.h"
#include "syscall/file_syscalls.h"

namespace tine::fs::testing {

using namespace arch::hosted;  // NOLINT: tests alone include this

enum : long {
  kRead = 0, kWrite = 1, kOpen = 2, kClose = 3, kStat = 4, kLstat = 6, kPoll = 7, kLseek = 8,
  kPread = 17, kAccess = 21, kPipe = 22, kDup = 32, kDup2 = 33, kFcntl = 72, kTruncate = 76,
  kGetcwd = 79, kChdir = 80, kRename = 82, kMkdir = 83, kRmdir = 84, kLink = 86, kUnlink = 87,
  kSymlink = 88, kReadlink = 89, kChmod = 90, kUmask = 95, kSetuid = 105, kMknod = 133, kChroot = 161,
  kMount = 165, kUmount = 166, kGetdents = 217, kFallocate = 285, kEpollCtl = 233, kEpollWait = 232,
  kEventfd = 290, kEpollCreate = 291, kDup3 = 292, kRenameat2 = 316, kMemfd = 319, kCloseRange = 436,
};
constexpr uint64_t kReadOnly = 0, kWriteOnly = 1, kReadWrite = 2, kCreate = 0100, kExclusive = 0200,
                   kTrunc = 01000, kAppend = 02000, kNonBlock = 04000, kDirectory = 0200000,
                   kNoFollow = 0400000, kCloexec = 02000000;

// Strings of system calls, each in its own stretch of user memory.
inline uint64_t text(const std::string& value, int slot = 0) {
  UserAddr place = kUserMemory + 0x1000 + static_cast<uint64_t>(slot) * 0x1200;
  store(place, value.c_str(), value.size() + 1);
  return place.value;
}
constexpr UserAddr kBuffer = kUserMemory + 0x10000;

inline long open_file(const std::string& path, uint64_t flags, uint64_t mode = 0666) {
  return system_call(kOpen, text(path), flags, mode);
}
inline long call1(long number, const std::string& path, uint64_t a = 0, uint64_t b = 0) {
  return system_call(number, text(path), a, b);
}
inline long call2(long number, const std::string& from, const std::string& to) {
  return system_call(number, text(from), text(to, 1));
}
inline long write_all(long fd, const std::string& data) {
  store(kBuffer, data.data(), data.size());
  return system_call(kWrite, fd, kBuffer.value, data.size());
}
inline std::string read_some(long fd, size_t size = 4096) {
  long count = system_call(kRead, fd, kBuffer.value, size);
  if (count < 0) return "errno " + std::to_string(-count);
  std::string data(static_cast<size_t>(count), '\0');
  load(data.data(), kBuffer, data.size());
  return data;
}
inline void make_file(const std::string& path, const std::string& data = "x") {
  long fd = open_file(path, kCreate | kWriteOnly);
  ASSERT_GE(fd, 0) << path;
  ASSERT_EQ(write_all(fd, data), static_cast<long>(data.size()));
  system_call(kClose, fd);
}
inline std::string contents(const std::string& path) {
  long fd = open_file(path, kReadOnly);
  if (fd < 0) return "errno " + std::to_string(-fd);
  std::string data = read_some(fd);
  system_call(kClose, fd);
  return data;
}
inline abi::Stat stat_of(const std::string& path, long number = kLstat) {
  abi::Stat out{};
  EXPECT_EQ(system_call(number, text(path), kBuffer.value), 0) << path;
  load(&out, kBuffer, sizeof out);
  return out;
}
inline std::string cwd() {
  long length = system_call(kGetcwd, kBuffer.value, 4096);
  if (length < 0) return "errno " + std::to_string(-length);
  std::string path(static_cast<size_t>(length - 1), '\0');
  load(path.data(), kBuffer, path.size());
  return path;
}
inline std::vector<std::string> list(const std::string& path, size_t size = 4096) {
  std::vector<std::string> names;
  long fd = open_file(path, kReadOnly | kDirectory);
  EXPECT_GE(fd, 0);
  for (;;) {
    long count = system_call(kGetdents, fd, kBuffer.value, size);
    if (count <= 0) break;
    std::vector<char> data(static_cast<size_t>(count));
    load(data.data(), kBuffer, data.size());
    for (size_t at = 0; at < data.size();) {
      uint16_t length;
      memcpy(&length, &data[at + 16], 2);
      names.emplace_back(&data[at + 19]);
      at += length;
    }
  }
  system_call(kClose, fd);
  return names;
}

}  // namespace tine::fs::testing
