// SPDX-License-Identifier: MIT
//
// Files, paths and descriptors as a program sees them: system calls on the hosted core.
// What is expected is what Linux does.
#include <random>

#include "fs/dentry.h"
#include "fs/testing.h"

namespace tine::fs::testing {
namespace {

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

// What makes walks without locks look again, and what does not.
TEST(FileCalls, WhatMovesChangesTheTreesSequence) {
  run_core([] {
    uint32_t since = tree_sequence.begin_read();
    const auto has_changed = [&since] {
      return !tree_sequence.is_unchanged(std::exchange(since, tree_sequence.begin_read()));
    };
    make_file("/f", "f");
    EXPECT_EQ(call1(kMkdir, "/d"), 0);
    EXPECT_EQ(contents("/d/../f"), "f");
    EXPECT_EQ(call2(kLink, "/f", "/g"), 0);
    EXPECT_EQ(call1(kUnlink, "/g"), 0);
    EXPECT_FALSE(has_changed());
    EXPECT_EQ(call2(kRename, "/f", "/d/a name that does not fit into its entry"), 0);
    EXPECT_TRUE(has_changed());
    EXPECT_EQ(contents("/d/a name that does not fit into its entry"), "f");
    EXPECT_EQ(call2(kRename, "/d/a name that does not fit into its entry", "/f"), 0);
    EXPECT_EQ(contents("/f"), "f");
    EXPECT_TRUE(has_changed());
    EXPECT_EQ(system_call(kMount, text("none"), text("/d", 1), text("tmpfs", 2), 0, 0), 0);
    EXPECT_TRUE(has_changed());
    EXPECT_EQ(open_file("/d/in", kReadOnly), -ENOENT);
    EXPECT_FALSE(has_changed());
    EXPECT_EQ(call1(kUmount, "/d"), 0);
    EXPECT_TRUE(has_changed());
    // A file system that has been detached ends with the last one in it.
    EXPECT_EQ(system_call(kMount, text("none"), text("/d", 1), text("tmpfs", 2), 0, 0), 0);
    make_file("/d/in", "in");
    EXPECT_EQ(call1(kChdir, "/d"), 0);
    EXPECT_EQ(call1(kUmount, "/d", 2), 0);  // MNT_DETACH
    EXPECT_TRUE(has_changed());
    EXPECT_EQ(call1(kChdir, "/"), 0);
    EXPECT_TRUE(has_changed());
    // The table of names grows when it is full.
    for (int i = 0; i < 300; ++i) make_file("/d/" + std::to_string(i), "");
    EXPECT_TRUE(has_changed());
    EXPECT_EQ(contents("/d/0"), "");
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

}  // namespace
}  // namespace tine::fs::testing
