// SPDX-License-Identifier: MIT
//
// What a task has and others look at without asking it: through /proc, by signals, limits, the
// scheduler's calls and wait(2), while it changes, dies or starts another program. With a host
// thread for each CPU, for TSan; who looks does so for as long as the others change things.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>

#include "arch/hosted/storm.h"
#include "task/task.h"

namespace tine {
namespace {

using namespace arch::hosted;

enum : long {
  kRead = 0, kWrite = 1, kOpen = 2, kClose = 3, kMmap = 9, kMprotect = 10, kMunmap = 11,
  kSigaction = 13, kSigprocmask = 14, kPause = 34, kExecve = 59, kKill = 62, kUnlink = 87,
  kSetgid = 106, kSetresuid = 117, kSigqueue = 129, kPersonality = 135, kGetpriority = 140,
  kSetpriority = 141, kGetscheduler = 145, kPrctl = 157, kMount = 165, kUmount = 166,
  kSetaffinity = 203, kGetaffinity = 204, kWaitid = 247, kPrlimit = 302, kSchedSetattr = 314,
  kSchedGetattr = 315,
};

// The system calls of a thread, with what they point to in pages of its own.
class Caller {
 public:
  explicit Caller(int thread) : page_(kUserMemory + 0x20000 + thread * 0x4000) {}
  uint64_t text(const std::string& value, int slot = 0) const {
    const UserAddr place = page_ + slot * 256;
    store(place, value.c_str(), value.size() + 1);
    return place.value;
  }
  uint64_t words(std::initializer_list<uint64_t> values, int slot = 4) const {
    const UserAddr place = page_ + slot * 256;
    int index = 0;
    for (uint64_t value : values) store_value(place + 8 * index++, value);
    return place.value;
  }
  // In memory, whether or not the thread comes to run: what stays is counted.
  void touch() const {
    for (int at = 0; at < 0x4000; at += 4096) store_value(page_ + at, 0);
  }
  uint64_t buffer() const { return (page_ + 0x1000).value; }
  void read(const std::string& path) const {
    const long fd = system_call(kOpen, text(path));
    if (fd < 0) return;  // gone already
    while (system_call(kRead, static_cast<uint64_t>(fd), buffer(), 0x2000) > 0) continue;
    system_call(kClose, static_cast<uint64_t>(fd));
  }

 private:
  UserAddr page_;
};

void mount_proc() {
  const Caller its(0);
  EXPECT_EQ(system_call(kMount, its.text("none", 1), its.text("/proc"), its.text("proc", 2)), 0);
}
void unmount_proc() {
  EXPECT_EQ(system_call(kUmount, Caller(0).text("/proc")), 0);
}

using Part = std::function<void(const Caller&, int round)>;
constexpr uint64_t kQueued = 34;  // a real-time signal
std::atomic<int> changing;  // threads that still change things

// A process whose threads do the same again and again, then end; its number.
long start_changing(int threads, int rounds, const Part& change) {
  changing = threads;
  return fork([=] {
    for (int number = 0; number < threads; ++number) {
      EXPECT_GT(start_thread([=] {
                  for (int i = 0; i < rounds; ++i) change(Caller(number), i + number);
                  --changing;
                }),
                0);
    }
    while (changing != 0) system_call(kSysYield);
    exit_process(0);
  });
}

// Threads that look for as long as that; all children are gone in the end.
void look_and_wait(int threads, const Part& look) {
  for (int number = 0; number < threads; ++number) Caller(4 + number).touch();
  run_threads(threads, [&](int number) {
    for (int i = number; changing != 0; ++i) look(Caller(4 + number), i);
  });
  while (wait_for(-1) >= 0) continue;
}

TEST(ParallelCore, TasksAreLookedAtThroughProcWhileTheyChange) {
  in_parallel([] {
    mount_proc();
    const long pid = start_changing(3, 25, [](const Caller& its, int i) {
      const auto value = static_cast<uint64_t>(i);
      system_call(kPrctl, 15, its.text("name " + std::to_string(i)));
      system_call(kPrctl, 4, value % 2);  // PR_SET_DUMPABLE
      system_call(kPersonality, value % 2 * 0x40000);
      system_call(kSigaction, 10, its.words({value % 2, value % 3 << 26, 0, 0}), 0, 8);
      system_call(kSigprocmask, value % 3, its.words({1 << 11}), 0, 8);
      system_call(kPrlimit, 0, 7, its.words({900 + value, 1024}));
      system_call(kSetpriority, 0, 0, value % 5);
      const long place = system_call(kMmap, 0, 16384, 3, 0x22, ~0ull);
      store_value(UserAddr(static_cast<uint64_t>(place)), i);
      system_call(kMprotect, static_cast<uint64_t>(place), 8192, 1);
      system_call(kMunmap, static_cast<uint64_t>(place), 16384);
      if (i % 3 == 0) start_thread([] {});
    });
    look_and_wait(2, [pid](const Caller& its, int i) {
      static constexpr const char* kFiles[] = {"stat",   "status", "sched", "limits", "io",
                                               "statm",  "smaps",  "maps",  "comm",   "pagemap",
                                               "schedstat", "task", "personality"};
      its.read("/proc/" + std::to_string(pid) + '/' +
               kFiles[static_cast<size_t>(i) % std::size(kFiles)]);
      its.read("/proc/" + std::to_string(pid + 1 + i % 8) + "/stat");
    });
    unmount_proc();
  });
}

TEST(ParallelCore, OthersChangeHowATaskIsScheduled) {
  in_parallel([] {
    const long pid = start_changing(2, 300, [](const Caller&, int) { system_call(kSysYield); });
    look_and_wait(3, [pid](const Caller& its, int i) {
      const auto task = static_cast<uint64_t>(pid + i % 3), value = static_cast<uint64_t>(i);
      static constexpr uint64_t kPolicies[] = {0, 3, 5, 6};
      const uint64_t policy = kPolicies[i % 4];
      const uint64_t wanted = its.words(
          {48 | policy << 32, value / 4 % 2, 0, 200'000, 20'000'000, 20'000'000});
      system_call(kSchedSetattr, task, wanted);
      system_call(kSchedGetattr, task, its.buffer(), 48);
      system_call(kGetscheduler, task);
      system_call(kSetpriority, 0, task, value % 7);
      system_call(kGetpriority, 0, task);
      system_call(kSetaffinity, task, 8, its.words({1 + value % 15}));
      system_call(kGetaffinity, task, 8, its.buffer());
    });
  });
}

TEST(ParallelCore, CredentialsChangeUnderWhoAsksForThem) {
  in_parallel([] {
    system_call(kSigprocmask, 0, Caller(0).words({1ull << (kQueued - 1)}), 0, 8);  // inherited
    const long pid = start_changing(2, 40, [](const Caller&, int i) {
      system_call(kSetresuid, ~0ull, ~0ull, static_cast<uint64_t>(i % 3));
      system_call(kSetgid, static_cast<uint64_t>(i % 3));
    });
    look_and_wait(2, [pid](const Caller& its, int i) {
      const auto task = static_cast<uint64_t>(pid + i % 3);
      system_call(kGetpriority, 2, 0);
      system_call(kSetpriority, 2, 0, 1);
      system_call(kKill, task, i % 2 == 0 ? 0 : 17);
      system_call(kPrlimit, task, 7, 0, its.buffer());
      system_call(kWaitid, 1, task, its.buffer(), 1 | 2 | 8 | 0x01000000);  // WNOHANG, WNOWAIT
      const uint64_t info = its.words({kQueued, ~0u});
      system_call(kSigqueue, static_cast<uint64_t>(pid), kQueued, info);
    });
  });
}

// --- exec, which takes over the number and the place of the first thread.

constexpr uint64_t kEntry = kUserMemory.value + 0x80;

void write_program(const Caller& its) {
  // One segment, writable, where the harness has its memory.
  unsigned char image[120] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  const auto put = [&image](int at, uint64_t value, size_t size) {
    memcpy(image + at, &value, size);
  };
  put(16, 2, 2), put(18, 62, 2), put(20, 1, 4), put(24, kEntry, 8), put(32, 64, 8);
  put(52, 64, 2), put(54, 56, 2), put(56, 1, 2);
  put(64, 1, 4), put(68, 7, 4), put(80, kUserMemory.value, 8), put(88, kUserMemory.value, 8);
  put(96, sizeof image, 8), put(104, kUserMemoryBytes, 8), put(112, 4096, 8);
  store(UserAddr(its.buffer()), image, sizeof image);
  const auto fd = static_cast<uint64_t>(system_call(kOpen, its.text("/program"), 0102, 0755));
  EXPECT_EQ(system_call(kWrite, fd, its.buffer(), sizeof image), long{sizeof image});
  system_call(kClose, fd);
}

[[noreturn]] void exec_among_threads() {
  for (int number = 0; number < 3; ++number) {
    start_thread([number] {
      const Caller its(number);
      if (number != 1) system_call(kPause);
      system_call(kExecve, its.text("/program"), its.words({its.text("name", 1), 0}), 0);
    });
  }
  system_call(kSysExit);
  __builtin_unreachable();
}

TEST(ParallelCore, ProgramsAreStartedWhileOthersLook) {  // G10
  in_parallel([] {
    mount_proc();
    write_program(Caller(0));
    register_entry(UserAddr(kEntry), [] { exit_process(0); });
    static std::atomic<long> latest;
    latest = 0;
    changing = 1;
    const long pid = fork([] {
      for (int i = 0; i < 12; ++i) {
        latest = fork(exec_among_threads);
        if (i % 2 != 0) EXPECT_GE(wait_for(-1), 0);
      }
      while (wait_for(-1) >= 0) continue;
      changing = 0;
      exit_process(0);
    });
    EXPECT_GT(pid, 0);
    look_and_wait(2, [](const Caller& its, int i) {
      if (latest == 0) return;
      const long task = latest + i % 4;
      static constexpr const char* kFiles[] = {"stat", "status", "maps", "cmdline", "comm", "task"};
      its.read("/proc/" + std::to_string(task) + '/' + kFiles[i % 6]);
      system_call(kKill, static_cast<uint64_t>(task), i % 16 == 0 ? 9 : i % 2 == 0 ? 18 : 0);
    });
    EXPECT_EQ(system_call(kUnlink, Caller(0).text("/program")), 0);
    unmount_proc();
  });
}

}  // namespace
}  // namespace tine
