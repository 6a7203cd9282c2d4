// SPDX-License-Identifier: MIT
//
// Pipes, fifos, poll, epoll and mounts as a program sees them, on the hosted core.
// What is expected is what Linux does.
#include "fs/testing.h"

namespace tine::fs::testing {
namespace {

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
}  // namespace tine::fs::testing
