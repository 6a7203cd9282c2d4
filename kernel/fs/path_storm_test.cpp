// SPDX-License-Identifier: MIT
//
// The path walk, which looks at names without a lock, while other threads rename, remove, mount and
// move about: what is always there is always found, what comes and goes is there or is not, and a
// place that is found stays whole. With a host thread for each CPU, under ASan and TSan.
//
// What each storm is there for was seen by taking steps of the walk out by hand. It fails without:
//   ANameThat...     the change of the sequence in a rename, asking it in end_looking(), taking a
//                    dentry's reference only while there are some, keeping a name's memory
//   Directories...   that too; Nobody..., MountsCome...: likewise the mount's reference and memory, the
//                    change of the sequence in detach_one() and detach_unused()
//   LinksAre...      asking the sequence in lock_here(), reading links under the lock, and only if alive
//   StartsThat...    asking for the dentry's count, and for the root, in lock_here()
// and every one without the guard, nearly every one if dentries are freed at once. Growth of the table
// and drop_tree(): FileCalls.WhatMovesChangesTheTreesSequence. Not seen to fail, for the moments are a few
// instructions long: the mount's count in lock_here(), references taken after the sequence
// was asked, the lock on the way out of a mount, an entry that loses its link when it leaves its chain.
#include "arch/hosted/storm.h"
#include "fs/inode.h"
#include "fs/path_walk.h"
#include "fs/testing.h"
#include "sync/link.h"

namespace tine::fs::testing {
namespace {

// System calls on paths, whose strings each thread has in a page of its own.
class Paths {
 public:
  explicit Paths(int thread) : page_(kUserMemory + 0x20000 + thread * 4096) {}
  long call(long number, const char* path, uint64_t a = 0, uint64_t b = 0) const {
    return system_call(number, place(path, 0), a, b);
  }
  long call2(long number, const char* first, const char* second) const {
    return system_call(number, place(first, 0), place(second, 256));
  }
  long exchange(const char* one, const char* other) const {
    constexpr uint64_t kHere = static_cast<uint64_t>(kAtFdCwd), kRenameExchange = 2;
    return system_call(kRenameat2, kHere, place(one, 0), kHere, place(other, 256), kRenameExchange);
  }
  long mount_tmpfs(const char* where) const {
    return system_call(kMount, place("none", 0), place(where, 256), place("tmpfs", 512), 0, 0);
  }
  void make(const char* path) const {
    const long fd = call(kOpen, path, kCreate | kWriteOnly, 0600);
    EXPECT_GE(fd, 0) << path;
    system_call(kClose, static_cast<uint64_t>(fd));
  }

 private:
  uint64_t place(const char* value, int at) const {
    store(page_ + at, value, strlen(value) + 1);
    return (page_ + at).value;
  }
  UserAddr page_;
};

// Threads of which the first ones look for as long as the others change things.
class Storm {
 public:
  using Part = std::function<void(const Paths& its)>;
  Storm& looks(Part part) { return looks_.push_back(std::move(part)), *this; }
  Storm& changes(int rounds, Part part) {
    changes_.push_back([rounds, part = std::move(part)](const Paths& its) {
      for (int i = 0; i < rounds; ++i) part(its);
    });
    return *this;
  }
  void run() const {
    static std::atomic<size_t> changing;
    changing = changes_.size();
    run_threads(static_cast<int>(looks_.size() + changes_.size()), [this](int number) {
      const Paths its(number);
      const auto index = static_cast<size_t>(number);
      if (index >= looks_.size()) {
        changes_[index - looks_.size()](its);
        --changing;
      } else {
        do {
          looks_[index](its);
          system_call(kSysYield);  // a walk alone lets no tick in here, nor who waits behind
        } while (changing != 0);
      }
    });
  }

 private:
  std::vector<Part> looks_, changes_;
};

// The walk itself, without the system call around it.
Result<Path> find(std::string_view path, uint32_t flags = 0) {
  return resolve(kAtFdCwd, path, flags);
}
void expect_there(std::string_view path) {
  const auto found = find(path);
  EXPECT_TRUE(found.has_value()) << path << ' '
                                 << static_cast<int>(found ? Errno{} : found.error());
}
void expect_there_or_not(std::string_view path) {
  const auto found = find(path);
  EXPECT_TRUE(found || found.error() == Errno::noent)
      << path << ' ' << static_cast<int>(found.error());
}

void make_directories(std::initializer_list<const char*> names) {
  for (const char* name : names) EXPECT_EQ(call1(kMkdir, name, 0755), 0) << name;
}
void make_files(std::initializer_list<const char*> names) {
  for (const char* name : names) Paths(0).make(name);
}
void remove_all(std::initializer_list<const char*> directories,
                std::initializer_list<const char*> files) {
  for (const char* name : files) EXPECT_EQ(call1(kUnlink, name), 0) << name;
  for (const char* name : directories) EXPECT_EQ(call1(kRmdir, name), 0) << name;
}

constexpr const char* kLongName = "/w/another name, long enough for memory of its own";

TEST(ParallelPaths, ANameThatIsReplacedIsNeverAbsent) {
  in_parallel([] {
    make_directories({"/w", "/w/a", "/w/b"});
    make_files({"/w/x", "/w/a/in", "/w/b/in", kLongName});
    const auto look = [](const Paths&) {
      expect_there("/w/x");
      expect_there("/w/a/in");
      expect_there("/w/a/../b/./in");
      expect_there(kLongName);
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(100,
                 [](const Paths& its) {
                   its.make("/w/y");
                   EXPECT_EQ(its.call2(kRename, "/w/y", "/w/x"), 0);
                   EXPECT_EQ(its.exchange("/w/x", kLongName), 0);
                   EXPECT_EQ(its.exchange("/w/a", "/w/b"), 0);
                 })
        .run();
    remove_all({"/w/a", "/w/b", "/w"}, {"/w/x", "/w/a/in", "/w/b/in", kLongName});
  });
}

// They share the chains of the table with names that stay.
TEST(ParallelPaths, NamesThatComeAndGoHideNoOthers) {
  in_parallel([] {
    static constexpr int kStaying = 100, kComing = 40;
    static const auto name_of = [](char kind, int number) {
      return "/w/" + std::string(1, kind) + std::to_string(number);
    };
    make_directories({"/w"});
    for (int i = 0; i < kStaying; ++i) make_files({name_of('s', i).c_str()});
    const auto look = [](const Paths&) {
      for (int i = 0; i < kStaying; ++i) expect_there(name_of('s', i));
      for (int i = 0; i < kComing; ++i) expect_there_or_not(name_of('c', i));
    };
    const auto change = [](const Paths& its, char kind) {
      for (int i = 0; i < kComing; ++i) its.make(name_of(kind, i).c_str());
      for (int i = 0; i < kComing; ++i) EXPECT_EQ(its.call(kUnlink, name_of(kind, i).c_str()), 0);
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(5, [&](const Paths& its) { change(its, 'c'); })
        .changes(5, [&](const Paths& its) { change(its, 'd'); })
        .run();
    for (int i = 0; i < kStaying; ++i) EXPECT_EQ(call1(kUnlink, name_of('s', i)), 0);
    remove_all({"/w"}, {});
  });
}

TEST(ParallelPaths, DirectoriesAreRemovedUnderWalks) {
  in_parallel([] {
    make_directories({"/w", "/w/p"});
    make_files({"/w/s"});
    const auto look = [](const Paths&) {
      for (const char* path :
           {"/w/p/d/e/f", "/w/p/d/e/../../../s", "/w/p/d/../../s", "e/f", "e/../e", ".."}) {
        expect_there_or_not(path);
      }
      expect_there("/w/p/../s");
      expect_there(".");
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(80,
                 [](const Paths& its) {
                   for (const char* name : {"/w/p/d", "/w/p/d/e"})
                     EXPECT_EQ(its.call(kMkdir, name, 0755), 0);
                   EXPECT_EQ(its.call(kChdir, "/w/p/d"), 0);
                   its.make("/w/p/d/e/f");
                   EXPECT_EQ(its.call(kUnlink, "/w/p/d/e/f"), 0);
                   for (const char* name : {"/w/p/d/e", "/w/p/d"})
                     EXPECT_EQ(its.call(kRmdir, name), 0);
                   EXPECT_EQ(its.call(kChdir, "/w"), 0);
                 })
        .run();
    EXPECT_EQ(call1(kChdir, "/"), 0);
    remove_all({"/w/p", "/w"}, {"/w/s"});
  });
}

// Who has found a place in a mount has a reference on it: it is not taken off but by MNT_DETACH.
TEST(ParallelPaths, NobodyIsLeftInWhatIsUnmounted) {
  in_parallel([] {
    make_directories({"/w", "/w/m"});
    const auto look = [](const Paths&) {
      {
        const auto found = find("/w/m");
        ASSERT_TRUE(found.has_value());
        const Mount* mount = found->mount.get();
        EXPECT_TRUE(load_link(mount->parent) != nullptr || mount == &root_mount());
      }
      for (int i = 0; i < 3; ++i) system_call(kSysYield);
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(400,
                 [](const Paths& its) {
                   EXPECT_EQ(its.mount_tmpfs("/w/m"), 0);
                   long result;
                   while ((result = its.call(kUmount, "/w/m")) == -EBUSY) {
                   }
                   EXPECT_EQ(result, 0);
                 })
        .run();
    remove_all({"/w/m", "/w"}, {});
  });
}

TEST(ParallelPaths, MountsComeAndGoWithWhatIsInThem) {
  in_parallel([] {
    make_directories({"/w", "/w/m", "/w/n"});
    make_files({"/w/s"});
    const auto look = [](const Paths&) {
      for (const char* path : {"/w/m/d/in", "/w/m/d/../d/in", "/w/n/d/in", "d/in", "../s"}) {
        expect_there_or_not(path);
      }
      for (const char* path : {"/w/m/../s", "/w/n/../s", "/w/m", "."}) expect_there(path);
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(50,
                 [](const Paths& its) {
                   constexpr uint64_t kMove = 8192, kDetach = 2;
                   EXPECT_EQ(its.mount_tmpfs("/w/m"), 0);
                   EXPECT_EQ(its.call(kMkdir, "/w/m/d", 0755), 0);
                   its.make("/w/m/d/in");
                   EXPECT_EQ(its.call(kChdir, "/w/m"), 0);
                   EXPECT_EQ(system_call(kMount, text("/w/m", 2), text("/w/n", 3), 0, kMove, 0), 0);
                   EXPECT_EQ(its.call(kUmount, "/w/n", kDetach), 0);
                   EXPECT_EQ(its.call(kChdir, "/w"), 0);
                 })
        .run();
    EXPECT_EQ(call1(kChdir, "/"), 0);
    remove_all({"/w/m", "/w/n", "/w"}, {"/w/s"});
  });
}

// A cwd or root is always a dentry together with the mount that it is in.
TEST(ParallelPaths, CwdAndRootChangeUnderWalks) {
  in_parallel([] {
    make_directories({"/w", "/w/m", "/w/r", "/w/r/w"});
    EXPECT_EQ(Paths(0).mount_tmpfs("/w/m"), 0);
    make_directories({"/w/m/d"});
    const long outside = open_file("/", kDirectory);
    const auto look = [](const Paths&) {
      for (const char* path : {".", "/", "..", "/..", "../../..", "/w", "/d/..", "/w/m/d/.."}) {
        const auto found = find(path);
        EXPECT_TRUE(found.has_value() || path[1] == 'w' || path[1] == 'd') << path;
        if (!found) continue;
        EXPECT_EQ(&found->inode().superblock(), found->mount->superblock.get()) << path;
      }
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(60,
                 [outside](const Paths& its) {
                   constexpr long kFchdir = 81;
                   EXPECT_EQ(its.call(kChdir, "/w/m/d"), 0);
                   EXPECT_EQ(its.call(kChdir, "/w"), 0);
                   EXPECT_EQ(its.call(kChroot, "/w/r"), 0);
                   EXPECT_EQ(system_call(kFchdir, outside), 0);
                   EXPECT_EQ(its.call(kChdir, "w/m"), 0);
                   EXPECT_EQ(its.call(kChroot, "."), 0);
                   EXPECT_EQ(system_call(kFchdir, outside), 0);
                   EXPECT_EQ(its.call(kChroot, "."), 0);
                 })
        .run();
    EXPECT_EQ(call1(kUmount, "/w/m"), 0);
    system_call(kClose, static_cast<uint64_t>(outside));
    remove_all({"/w/r/w", "/w/r", "/w/m", "/w"}, {});
  });
}

TEST(ParallelPaths, LinksAreFollowedWhileTheyAndTheirTargetsMove) {
  in_parallel([] {
    make_directories({"/w", "/w/a", "/w/b"});
    make_files({"/w/a/in", "/w/b/in"});
    EXPECT_EQ(call2(kSymlink, "a/in", "/w/l"), 0);
    EXPECT_EQ(call2(kSymlink, "../b/in", "/w/a/l"), 0);
    EXPECT_EQ(call2(kSymlink, "../a/in", "/w/b/l"), 0);
    const auto look = [](const Paths&) {
      expect_there("/w/l");
      expect_there("/w/a/l");
      expect_there("/w/../w/b/l");
      expect_there_or_not("/w/c/l");
      expect_there_or_not("/w/g");
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(150,
                 [](const Paths& its) {
                   EXPECT_EQ(its.call2(kSymlink, "b/in", "/w/k"), 0);
                   EXPECT_EQ(its.call2(kRename, "/w/k", "/w/l"), 0);
                   EXPECT_EQ(its.exchange("/w/a", "/w/b"), 0);
                   EXPECT_EQ(its.call2(kSymlink, "l", "/w/g"), 0);
                   EXPECT_EQ(its.call(kUnlink, "/w/g"), 0);
                   EXPECT_EQ(its.call(kMkdir, "/w/c", 0755), 0);
                   EXPECT_EQ(its.call2(kSymlink, "../a/in", "/w/c/l"), 0);
                   EXPECT_EQ(its.call(kUnlink, "/w/c/l"), 0);
                   EXPECT_EQ(its.call(kRmdir, "/w/c"), 0);
                 })
        .run();
    remove_all({"/w/a", "/w/b", "/w"}, {"/w/l", "/w/a/l", "/w/b/l", "/w/a/in", "/w/b/in"});
  });
}

// Entries of /proc end with those who use them, and a file system that has been detached with the
// last cwd or root in it; the walk that began there goes on from the next cwd or root.
TEST(ParallelPaths, StartsThatEndAreNotWalkedFrom) {
  in_parallel([] {
    make_directories({"/w", "/w/p"});
    make_files({"/stat"});
    EXPECT_EQ(call2(kSymlink, "/stat", "/l"), 0);
    const long outside = open_file("/", kDirectory);
    const auto look = [outside](const Paths&) {
      expect_there("stat");
      expect_there("/stat");
      EXPECT_TRUE(resolve(static_cast<int>(outside), "l", 0).has_value());
    };
    Storm()
        .looks(look)
        .looks(look)
        .changes(50,
                 [outside](const Paths& its) {
                   constexpr long kFchdir = 81;
                   constexpr uint64_t kDetach = 2;
                   EXPECT_EQ(
                       system_call(kMount, text("proc", 2), text("w/p", 3), text("proc", 4), 0, 0),
                       0);
                   EXPECT_EQ(its.call(kChdir, "w/p/1"), 0);
                   EXPECT_EQ(its.call(kChdir, ".."), 0);
                   EXPECT_EQ(its.call(kChroot, "."), 0);
                   EXPECT_EQ(system_call(kFchdir, outside), 0);
                   EXPECT_EQ(its.call(kUmount, "w/p", kDetach), 0);
                   EXPECT_EQ(its.call(kChroot, "."), 0);
                 })
        .run();
    system_call(kClose, static_cast<uint64_t>(outside));
    remove_all({"/w/p", "/w"}, {"/stat", "/l"});
  });
}

}  // namespace
}  // namespace tine::fs::testing
