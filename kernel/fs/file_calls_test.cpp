// SPDX-License-Identifier: MIT
//
// Files, paths, descriptors and pipes as a program sees them: system calls on the hosted core.
// What is expected is what Linux does.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "arch/hosted/harness.h"
#include "syscall/file_syscalls.h"

namespace tine::arch::hosted {
namespace {

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
uint64_t text(const std::string& value, int slot = 0) {
  UserAddr place = kUserMemory + 0x1000 + static_cast<uint64_t>(slot) * 0x1200;
  store(place, value.c_str(), value.size() + 1);
  return place.value;
}
constexpr UserAddr kBuffer = kUserMemory + 0x10000;

long open_file(const std::string& path, uint64_t flags, uint64_t mode = 0666) {
  return system_call(kOpen, text(path), flags, mode);
}
long call1(long number, const std::string& path, uint64_t a = 0, uint64_t b = 0) {
  return system_call(number, text(path), a, b);
}
long call2(long number, const std::string& from, const std::string& to) {
  return system_call(number, text(from), text(to, 1));
}
long write_all(long fd, const std::string& data) {
  store(kBuffer, data.data(), data.size());
  return system_call(kWrite, fd, kBuffer.value, data.size());
}
std::string read_some(long fd, size_t size = 4096) {
  long count = system_call(kRead, fd, kBuffer.value, size);
  if (count < 0) return "errno " + std::to_string(-count);
  std::string data(static_cast<size_t>(count), '\0');
  load(data.data(), kBuffer, data.size());
  return data;
}
void make_file(const std::string& path, const std::string& data = "x") {
  long fd = open_file(path, kCreate | kWriteOnly);
  ASSERT_GE(fd, 0) << path;
  ASSERT_EQ(write_all(fd, data), static_cast<long>(data.size()));
  system_call(kClose, fd);
}
std::string contents(const std::string& path) {
  long fd = open_file(path, kReadOnly);
  if (fd < 0) return "errno " + std::to_string(-fd);
  std::string data = read_some(fd);
  system_call(kClose, fd);
  return data;
}
abi::Stat stat_of(const std::string& path, long number = kLstat) {
  abi::Stat out{};
  EXPECT_EQ(system_call(number, text(path), kBuffer.value), 0) << path;
  load(&out, kBuffer, sizeof out);
  return out;
}
std::string cwd() {
  long length = system_call(kGetcwd, kBuffer.value, 4096);
  if (length < 0) return "errno " + std::to_string(-length);
  std::string path(static_cast<size_t>(length - 1), '\0');
  load(path.data(), kBuffer, path.size());
  return path;
}
std::vector<std::string> list(const std::string& path, size_t size = 4096) {
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

TEST(FileCalls, CreateWriteReadUnlink) {
  run_core([] {
    expect_nothing_leaked([] {
      long fd = open_file("/a", kCreate | kReadWrite | kExclusive);
      EXPECT_EQ(write_all(fd, "hello"), 5);
      EXPECT_EQ(read_some(fd), "");
      EXPECT_EQ(system_call(kLseek, fd, 1, 0), 1);
      EXPECT_EQ(read_some(fd), "ello");
      EXPECT_EQ(open_file("/a", kCreate | kExclusive), -EEXIST);
      EXPECT_EQ(call1(kUnlink, "/a"), 0);
      EXPECT_EQ(open_file("/a", kReadOnly), -ENOENT);
      EXPECT_EQ(system_call(kLseek, fd, 0, 0), 0);
      EXPECT_EQ(read_some(fd), "hello");  // lives until it is closed
      EXPECT_EQ(system_call(kClose, fd), 0);
      EXPECT_EQ(system_call(kClose, fd), -EBADF);
    });
  });
}

TEST(FileCalls, PathErrors) {
  run_core([] {
    make_file("/f");
    EXPECT_EQ(open_file("", kReadOnly), -ENOENT);
    EXPECT_EQ(open_file("/f/", kReadOnly), -ENOTDIR);
    EXPECT_EQ(open_file("/f/x", kReadOnly), -ENOTDIR);
    EXPECT_EQ(open_file("/none/x", kReadOnly), -ENOENT);
    EXPECT_EQ(open_file("/" + std::string(255, 'n'), kReadOnly), -ENOENT);
    EXPECT_EQ(open_file("/" + std::string(256, 'n'), kReadOnly), -ENAMETOOLONG);
    EXPECT_EQ(open_file(std::string(4096, '/'), kReadOnly), -ENAMETOOLONG);
    EXPECT_GE(open_file(std::string(4095, '/'), kReadOnly), 0);
    EXPECT_EQ(open_file("/", kReadWrite), -EISDIR);
    EXPECT_EQ(open_file("/new/", kCreate | kWriteOnly), -EISDIR);
    EXPECT_EQ(open_file("/f", kReadOnly | kDirectory), -ENOTDIR);
    EXPECT_EQ(system_call(kOpen, 8, 0, 0), -EFAULT);
    EXPECT_EQ(call1(kMkdir, "/d/"), 0);
    EXPECT_EQ(call1(kMkdir, "/d"), -EEXIST);
    EXPECT_EQ(call1(kMkdir, "/"), -EEXIST);
    EXPECT_EQ(call1(kRmdir, "/d/."), -EINVAL);
    EXPECT_EQ(call1(kRmdir, "/d/.."), -ENOTEMPTY);
    EXPECT_EQ(call1(kRmdir, "/f"), -ENOTDIR);
    EXPECT_EQ(call1(kUnlink, "/d"), -EISDIR);
    make_file("/d/x");
    EXPECT_EQ(call1(kRmdir, "/d"), -ENOTEMPTY);
    EXPECT_EQ(contents("/d/../d/./x"), "x");
    EXPECT_EQ(contents("/../../d/x"), "x");
    EXPECT_EQ(contents("d//x"), "x");
  });
}

TEST(FileCalls, SymbolicLinks) {
  run_core([] {
    make_file("/target", "t");
    EXPECT_EQ(call2(kSymlink, "target", "/l1"), 0);
    EXPECT_EQ(call2(kSymlink, "/l1", "/l2"), 0);
    EXPECT_EQ(contents("/l2"), "t");
    EXPECT_EQ(open_file("/l2", kReadOnly | kNoFollow), -ELOOP);
    EXPECT_EQ(call2(kSymlink, "loop", "/loop"), 0);
    EXPECT_EQ(open_file("/loop", kReadOnly), -ELOOP);
    EXPECT_EQ(open_file("/loop", kCreate | kWriteOnly), -ELOOP);
    std::string name = "/target";
    for (int i = 0; i < 40; ++i) {
      std::string link = "/chain" + std::to_string(i);
      EXPECT_EQ(call2(kSymlink, name, link), 0);
      name = link;
    }
    EXPECT_EQ(contents(name), "t");  // 40 links
    EXPECT_EQ(call2(kSymlink, name, "/chain40"), 0);
    EXPECT_EQ(open_file("/chain40", kReadOnly), -ELOOP);
    EXPECT_EQ(call2(kSymlink, "/made", "/dangling"), 0);
    EXPECT_EQ(open_file("/dangling", kCreate | kExclusive), -EEXIST);
    make_file("/dangling", "m");  // creates what it points to
    EXPECT_EQ(contents("/made"), "m");
    EXPECT_EQ(call1(kMkdir, "/dir"), 0);
    make_file("/dir/in", "i");
    EXPECT_EQ(call2(kSymlink, "dir", "/ld"), 0);
    EXPECT_EQ(contents("/ld/in"), "i");
    EXPECT_EQ(contents("/ld/../ld/in"), "i");
    EXPECT_EQ(stat_of("/ld").mode & 0170000, 0120000u);
    EXPECT_EQ(stat_of("/ld/").mode & 0170000, 0040000u);
    EXPECT_EQ(call1(kUnlink, "/ld/"), -ENOTDIR);
    EXPECT_EQ(system_call(kReadlink, text("/l2"), kBuffer.value, 2), 2);
    EXPECT_EQ(system_call(kReadlink, text("/target"), kBuffer.value, 2), -EINVAL);
    EXPECT_EQ(call1(kUnlink, "/l1"), 0);
    EXPECT_EQ(contents("/l2"), "errno 2");
  });
}

TEST(FileCalls, RenameAndLink) {
  run_core([] {
    make_file("/a", "a");
    make_file("/b", "b");
    EXPECT_EQ(call2(kLink, "/a", "/a2"), 0);
    EXPECT_EQ(stat_of("/a").link_count, 2u);
    EXPECT_EQ(call2(kRename, "/a", "/a2"), 0);  // two names of one file: nothing happens
    EXPECT_EQ(contents("/a"), "a");
    EXPECT_EQ(call2(kRename, "/a", "/b"), 0);
    EXPECT_EQ(contents("/b"), "a");
    EXPECT_EQ(contents("/a"), "errno 2");
    EXPECT_EQ(call1(kMkdir, "/d1"), 0);
    EXPECT_EQ(call1(kMkdir, "/d1/d2"), 0);
    EXPECT_EQ(stat_of("/d1").link_count, 3u);
    EXPECT_EQ(call2(kRename, "/d1", "/d1/d2/x"), -EINVAL);
    EXPECT_EQ(call2(kRename, "/d1/d2", "/d1"), -ENOTEMPTY);
    EXPECT_EQ(call2(kRename, "/b", "/d1"), -EISDIR);
    EXPECT_EQ(call2(kRename, "/d1", "/b"), -ENOTDIR);
    EXPECT_EQ(call2(kRename, "/d1/d2", "/moved"), 0);
    EXPECT_EQ(stat_of("/d1").link_count, 2u);
    EXPECT_EQ(call2(kLink, "/d1", "/d3"), -EPERM);
    EXPECT_EQ(system_call(kRenameat2, -100, text("/b"), -100, text("/a2", 1), 1), -EEXIST);
    make_file("/moved/in", "in");
    EXPECT_EQ(system_call(kRenameat2, -100, text("/b"), -100, text("/moved", 1), 2), 0);
    EXPECT_EQ(contents("/moved"), "a");
    EXPECT_EQ(contents("/b/in"), "in");
  });
}

TEST(FileCalls, DirectoriesListEverythingOnce) {
  run_core([] {
    EXPECT_EQ(call1(kMkdir, "/dir"), 0);
    std::vector<std::string> expected = {".", ".."};
    for (int i = 0; i < 100; ++i) {
      expected.push_back("name" + std::to_string(i));
      make_file("/dir/" + expected.back());
    }
    EXPECT_EQ(list("/dir"), expected);
    EXPECT_EQ(list("/dir", 64), expected);
    long fd = open_file("/dir", kReadOnly);
    EXPECT_EQ(system_call(kGetdents, fd, kBuffer.value, 10), -EINVAL);
    EXPECT_EQ(read_some(fd), "errno 21");
  });
}

TEST(FileCalls, WorkingDirectoryAndRoot) {
  run_core([] {
    EXPECT_EQ(cwd(), "/");
    EXPECT_EQ(call1(kMkdir, "/d"), 0);
    EXPECT_EQ(call1(kMkdir, "/d/e"), 0);
    EXPECT_EQ(call1(kChdir, "/d/e"), 0);
    EXPECT_EQ(cwd(), "/d/e");
    EXPECT_EQ(call2(kRename, "/d", "/renamed"), 0);
    EXPECT_EQ(cwd(), "/renamed/e");
    long pid = fork([] {  // B36
      EXPECT_EQ(call1(kChdir, ".."), 0);
      system_call(kUmask, 077);
    });
    wait_for(pid);
    EXPECT_EQ(cwd(), "/renamed/e");
    EXPECT_EQ(system_call(kUmask, 022), 022);
    EXPECT_EQ(call1(kRmdir, "/renamed/e"), 0);
    EXPECT_EQ(cwd(), "errno 2");
    EXPECT_EQ(open_file("x", kCreate | kWriteOnly), -ENOENT);
    EXPECT_EQ(call1(kChdir, ".."), 0);
    EXPECT_EQ(cwd(), "/renamed");
    make_file("/outside");
    EXPECT_EQ(call1(kChroot, "/renamed"), 0);
    EXPECT_EQ(cwd(), "/");
    EXPECT_EQ(contents("/../outside"), "errno 2");
  });
}

TEST(FileCalls, PermissionsOfOthers) {
  run_core([] {
    make_file("/secret");
    EXPECT_EQ(call1(kChmod, "/secret", 0600), 0);
    EXPECT_EQ(call1(kMkdir, "/closed", 0700), 0);
    EXPECT_EQ(call1(kMkdir, "/sticky"), 0);
    EXPECT_EQ(call1(kChmod, "/sticky", 01777), 0);
    make_file("/sticky/roots");
    EXPECT_EQ(call1(kAccess, "/secret", 1), -EACCES);  // root cannot run what nobody can
    long pid = fork([] {
      EXPECT_EQ(system_call(kSetuid, 1000), 0);
      EXPECT_EQ(open_file("/secret", kReadOnly), -EACCES);
      EXPECT_EQ(open_file("/closed/x", kReadOnly), -EACCES);
      EXPECT_EQ(open_file("/x", kCreate | kWriteOnly), -EACCES);
      EXPECT_EQ(call1(kUnlink, "/secret"), -EACCES);
      EXPECT_EQ(call1(kUnlink, "/sticky/roots"), -EPERM);
      EXPECT_EQ(call1(kChmod, "/secret", 0666), -EPERM);
      make_file("/sticky/mine", "m");
      EXPECT_EQ(stat_of("/sticky/mine").uid, 1000u);
      EXPECT_EQ(call1(kUnlink, "/sticky/mine"), 0);
      EXPECT_EQ(call1(kChroot, "/"), -EPERM);
      EXPECT_EQ(system_call(kMknod, text("/sticky/n"), 0020666, 0x103), -EPERM);
    });
    EXPECT_EQ(wait_for(pid), 0);
  });
}

TEST(FileCalls, DescriptorsAreTheLowestFree) {
  run_core([] {
    expect_nothing_leaked([] {
      make_file("/f", "0123456789");
      long base = open_file("/f", kReadOnly);
      std::vector<long> fds;
      for (int i = 0; i < 200; ++i) fds.push_back(system_call(kDup, base));  // grows the table
      for (size_t i = 0; i < fds.size(); ++i) EXPECT_EQ(fds[i], base + 1 + static_cast<long>(i));
      system_call(kClose, fds[70]);
      system_call(kClose, fds[3]);
      EXPECT_EQ(system_call(kDup, base), fds[3]);
      EXPECT_EQ(system_call(kFcntl, base, 0, 100), base + 71 < 100 ? fds[199] + 1 : fds[70]);
      EXPECT_EQ(system_call(kDup3, base, base, 0), -EINVAL);
      EXPECT_EQ(system_call(kDup2, base, base), base);
      EXPECT_EQ(system_call(kDup2, 500, base), -EBADF);
      EXPECT_EQ(system_call(kDup2, base, 2000), -EBADF);  // RLIMIT_NOFILE
      EXPECT_EQ(read_some(base, 3), "012");
      EXPECT_EQ(read_some(fds[0], 3), "345");  // one offset for all
      long pid = fork([base] { read_some(base, 2); });
      wait_for(pid);
      EXPECT_EQ(read_some(base, 1), "8");  // A21
      EXPECT_EQ(system_call(kCloseRange, base, ~0u, 0), 0);
      EXPECT_EQ(system_call(kDup, base), -EBADF);
      call1(kUnlink, "/f");
    });
  });
}

// A tmpfs file against a string, with everything that changes its contents.
TEST(FileCalls, FileAgreesWithAString) {
  run_core([] {
    std::mt19937 random(7);
    std::string model;
    long fd = open_file("/file", kCreate | kReadWrite);
    for (int step = 0; step < 400; ++step) {
      uint64_t offset = random() % 30000, length = random() % 9000;
      switch (random() % 5) {
        case 0:
          EXPECT_EQ(system_call(kTruncate, text("/file"), offset), 0);
          model.resize(offset);
          break;
        case 1:
          EXPECT_EQ(system_call(kFallocate, fd, 3, offset, length + 1), 0);
          for (uint64_t i = offset; i < std::min<uint64_t>(offset + length + 1, model.size()); ++i) {
            model[i] = '\0';
          }
          break;
        case 2: {
          long count = system_call(kPread, fd, kBuffer.value, length, offset);
          std::string got(static_cast<size_t>(count), '\0');
          load(got.data(), kBuffer, got.size());
          EXPECT_EQ(got, offset < model.size() ? model.substr(offset, length) : "");
          break;
        }
        default: {
          std::string data(length, static_cast<char>('a' + random() % 26));
          EXPECT_EQ(system_call(kLseek, fd, offset, 0), static_cast<long>(offset));
          EXPECT_EQ(write_all(fd, data), static_cast<long>(length));
          if (length != 0 && model.size() < offset + length) model.resize(offset + length);
          model.replace(offset, length, data);
        }
      }
      EXPECT_EQ(stat_of("/file").size, static_cast<int64_t>(model.size()));
    }
  });
}

TEST(Pipes, CarryBytesAndEnd) {
  run_core([] {
    auto body = [] {
      EXPECT_EQ(system_call(kPipe, kBuffer.value), 0);
      int fds[2];
      load(fds, kBuffer, sizeof fds);
      long pid = fork([fds] {
        system_call(kClose, fds[0]);
        for (int i = 0; i < 100; ++i) write_all(fds[1], std::string(3000, static_cast<char>('a' + i % 26)));
      });
      system_call(kClose, fds[1]);
      std::string all, part;
      while (!(part = read_some(fds[0], 5000)).empty()) all += part;
      EXPECT_EQ(all.size(), 300000u);
      for (size_t i = 0; i < all.size(); ++i) {
        if (all[i] != static_cast<char>('a' + i / 3000 % 26)) {
          ADD_FAILURE() << "byte " << i;
          break;
        }
      }
      wait_for(pid);
      system_call(kClose, fds[0]);
    };
    body();
    settled_counts();  // the first settling itself keeps a page for the next
    expect_nothing_leaked(body);
  });
}

TEST(Pipes, NonBlockingAndBroken) {
  run_core([] {
    EXPECT_EQ(system_call(293, kBuffer.value, kNonBlock), 0);
    int fds[2];
    load(fds, kBuffer, sizeof fds);
    EXPECT_EQ(read_some(fds[0]), "errno 11");
    long total = 0, count;
    while ((count = system_call(kWrite, fds[1], kBuffer.value, 4096)) > 0) total += count;
    EXPECT_EQ(count, -EAGAIN);
    EXPECT_EQ(total, 65536);
    EXPECT_EQ(system_call(kWrite, fds[1], kBuffer.value, 1), -EAGAIN);
    EXPECT_EQ(read_some(fds[0], 4095).size(), 4095u);
    EXPECT_EQ(system_call(kWrite, fds[1], kBuffer.value, 4096), -EAGAIN);  // all of it or nothing
    EXPECT_EQ(read_some(fds[0], 1).size(), 1u);
    EXPECT_EQ(system_call(kWrite, fds[1], kBuffer.value, 4096), 4096);
    long pid = fork([fds] {
      system_call(kClose, fds[0]);
      write_all(fds[1], "x");
    });
    system_call(kClose, fds[0]);
    EXPECT_EQ(wait_for(pid), 13);  // SIGPIPE
  });
}

TEST(Pipes, FifoOpensWhenBothSidesAreThere) {
  run_core([] {
    expect_nothing_leaked([] {
      EXPECT_EQ(system_call(kMknod, text("/fifo"), 0010666, 0), 0);
      EXPECT_EQ(open_file("/fifo", kWriteOnly | kNonBlock), -ENXIO);
      for (bool reader_is_parent : {true, false}) {
        auto reads = [] { EXPECT_EQ(contents("/fifo"), "through"); };
        auto writes = [] { make_file("/fifo", "through"); };
        long pid = reader_is_parent ? fork(writes) : fork(reads);
        reader_is_parent ? reads() : writes();
        EXPECT_EQ(wait_for(pid), 0);
      }
      EXPECT_EQ(call1(kUnlink, "/fifo"), 0);
    });
  });
}

TEST(Poll, SeesPipesAndTimesOut) {
  run_core([] {
    EXPECT_EQ(system_call(kPipe, kBuffer.value), 0);
    int fds[2];
    load(fds, kBuffer, sizeof fds);
    auto ask = [&](long timeout) {
      abi::PollFd set[2] = {{fds[0], 1, 0}, {fds[1], 4, 0}};
      store(kBuffer, set, sizeof set);
      long ready = system_call(kPoll, kBuffer.value, 2, static_cast<uint64_t>(timeout));
      load(set, kBuffer, sizeof set);
      return std::to_string(ready) + ":" + std::to_string(set[0].returned) + ":" +
             std::to_string(set[1].returned);
    };
    EXPECT_EQ(ask(0), "1:0:4");
    write_all(fds[1], "x");
    EXPECT_EQ(ask(-1), "2:1:4");
    read_some(fds[0]);
    abi::PollFd only{fds[0], 1, 0};
    store(kBuffer, &only, sizeof only);
    EXPECT_EQ(system_call(kPoll, kBuffer.value, 1, 50), 0);  // simulated milliseconds
    long pid = fork([fds] {
      system_call(kClose, fds[0]);
      write_all(fds[1], "y");
    });
    store(kBuffer, &only, sizeof only);
    EXPECT_EQ(system_call(kPoll, kBuffer.value, 1, ~0ull), 1);
    wait_for(pid);
    read_some(fds[0]);
    system_call(kClose, fds[1]);
    store(kBuffer, &only, sizeof only);
    EXPECT_EQ(system_call(kPoll, kBuffer.value, 1, ~0ull), 1);
    load(&only, kBuffer, sizeof only);
    EXPECT_EQ(only.returned, 16);  // POLLHUP
  });
}

TEST(Epoll, LevelEdgeAndOneShot) {
  run_core([] {
    expect_nothing_leaked([] {
      long epoll = system_call(kEpollCreate, 0);
      long event_fd = system_call(kEventfd, 0, kNonBlock);
      auto control = [&](long operation, uint32_t events) {
        fs::EpollEvent event{events, 42};
        store(kBuffer, &event, sizeof event);
        return system_call(kEpollCtl, epoll, operation, event_fd, kBuffer.value);
      };
      auto wait = [&] { return system_call(kEpollWait, epoll, kBuffer.value, 4, 0); };
      auto signal = [&] {
        store_value<uint64_t>(kBuffer, 1);
        EXPECT_EQ(system_call(kWrite, event_fd, kBuffer.value, 8), 8);
      };
      EXPECT_EQ(control(1, 1), 0);
      EXPECT_EQ(control(1, 1), -EEXIST);
      EXPECT_EQ(wait(), 0);
      signal();
      EXPECT_EQ(wait(), 1);
      EXPECT_EQ(wait(), 1);
      EXPECT_EQ(control(3, 1u | 1u << 31), 0);  // edge-triggered
      EXPECT_EQ(wait(), 1);
      EXPECT_EQ(wait(), 0);
      signal();
      EXPECT_EQ(wait(), 1);
      EXPECT_EQ(control(3, 1u | 1u << 30), 0);  // one shot
      EXPECT_EQ(wait(), 1);
      EXPECT_EQ(wait(), 0);
      EXPECT_EQ(control(3, 1), 0);
      EXPECT_EQ(wait(), 1);
      system_call(kClose, event_fd);  // leaves the set
      EXPECT_EQ(wait(), 0);
      system_call(kClose, epoll);
    });
  });
}

TEST(Mounts, HideAndShowAgain) {
  run_core([] {
    expect_nothing_leaked([] {
      EXPECT_EQ(call1(kMkdir, "/mnt"), 0);
      make_file("/mnt/below", "b");
      auto mount = [](uint64_t flags, const std::string& from = "none") {
        return system_call(kMount, text(from), text("/mnt", 1), text("tmpfs", 2), flags, 0);
      };
      EXPECT_EQ(mount(0), 0);
      EXPECT_EQ(contents("/mnt/below"), "errno 2");
      make_file("/mnt/above", "a");
      EXPECT_EQ(call1(kChdir, "/mnt"), 0);
      EXPECT_EQ(cwd(), "/mnt");
      EXPECT_EQ(call1(kUmount, "/mnt"), -EBUSY);
      EXPECT_EQ(call1(kChdir, ".."), 0);
      EXPECT_EQ(cwd(), "/");
      EXPECT_EQ(call2(kRename, "/mnt/above", "/x"), -EXDEV);
      EXPECT_EQ(call1(kRmdir, "/mnt"), -EBUSY);
      EXPECT_EQ(mount(32 | 1), 0);  // read-only now
      EXPECT_EQ(open_file("/mnt/new", kCreate | kWriteOnly), -EROFS);
      EXPECT_EQ(call1(kUmount, "/mnt"), 0);
      EXPECT_EQ(contents("/mnt/below"), "b");
      EXPECT_EQ(call1(kUmount, "/mnt"), -EINVAL);
      EXPECT_EQ(call1(kMkdir, "/from"), 0);
      make_file("/from/f", "bound");
      EXPECT_EQ(mount(4096, "/from"), 0);
      EXPECT_EQ(contents("/mnt/f"), "bound");
      EXPECT_EQ(call1(kUmount, "/mnt"), 0);
      for (const char* path : {"/mnt/below", "/from/f"}) EXPECT_EQ(call1(kUnlink, path), 0);
      for (const char* path : {"/mnt", "/from"}) EXPECT_EQ(call1(kRmdir, path), 0);
    });
  });
}

}  // namespace
}  // namespace tine::arch::hosted
