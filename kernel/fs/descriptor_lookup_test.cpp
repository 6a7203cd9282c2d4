// SPDX-License-Identifier: MIT
//
// Trees of descriptors that threads look up without a lock while others change them and a child has
// a copy: what is found never dies under the reader, is what the tree has or has had, and of what
// ends only the memory stays. On simulated CPUs for ASan, with a host thread for each for TSan.
#include <gtest/gtest.h>

#include <memory>

#include "arch/hosted/kernel_threads.h"
#include "fs/descriptor_tree.h"
#include "sched/sched.h"
#include "sync/spin_lock.h"

namespace tine::fs {
namespace {

using arch::hosted::MachineOptions;
using arch::hosted::ThreadMachine;

constexpr int kRounds = 200;
constexpr uint32_t kNumbers[] = {0, 1, 63, 64, 5000};

class NumberedFile final : public File {
 public:
  static constexpr const char* kCacheName = "numbered_file";
  explicit NumberedFile(uint32_t number) : File(number) { ++alive; }  // its flags tell
  ~NumberedFile() override { --alive; }
  Result<void> stat(StatData&) override { return Errno::inval; }
  size_t write_description(std::span<char>) override { return 0; }
  static inline std::atomic<int> alive{0};
};

// What threads share: as FilesTable does it.
struct Table {
  SpinLock lock{LockRank::files};
  DescriptorTree tree = std::move(*DescriptorTree::make());
  std::atomic<int> changing{2};
};

void put(Table& table, uint32_t fd, Readers readers) {
  Ref<File> file = *make_ref<NumberedFile>(fd);
  File* old;
  {
    DroppedNodes dropped(readers);
    SpinGuard guard(table.lock);
    old = *table.tree.put(fd, file, false, dropped);
  }
  if (old != nullptr) old->ref_put();
}

void take(Table& table, uint32_t fd, Readers readers) {
  Ref<File> file;
  DroppedNodes dropped(readers);
  SpinGuard guard(table.lock);
  if (table.tree.find(fd) != nullptr) file = *table.tree.take(fd, dropped);
}

void look_up(const Table& table, uint32_t fd) {
  Ref<File> held;
  {
    LookupGuard lookup;
    File* found = table.tree.find(fd);
    arch::poll_relax();  // another CPU goes on: here it can die
    if (found != nullptr && found->ref_get_unless_zero()) held = Ref<File>::adopt(found);
  }
  if (held) EXPECT_EQ(held->flags(), fd);
}

// A process with a copy of the tree, which nobody else looks up. Its files have other numbers, so
// that a reader of the table who sees one notices.
void live_as_child(Table& table, int round) {
  Table child;
  {
    SpinGuard guard(table.lock);
    child.tree = std::move(*table.tree.copy());
  }
  for (uint32_t fd : kNumbers) {
    if ((fd + static_cast<uint32_t>(round)) % 3 == 0) continue;
    DroppedNodes dropped;
    Ref<File> file = *make_ref<NumberedFile>(fd + 1'000'000);
    if (File* old = *child.tree.put(fd, file, false, dropped)) old->ref_put();
    arch::poll_relax();
  }
}

void storm(const MachineOptions& options) {
  ThreadMachine machine(options);
  {
    auto table = std::make_unique<Table>();
    for (int reader = 0; reader < 2; ++reader) {
      machine.start([&] {
        for (size_t i = 0; table->changing != 0; ++i) {
          look_up(*table, kNumbers[i / 8 % std::size(kNumbers)]);
          if (i % 8 == 0) sched::yield();
        }
      });
    }
    for (int changer = 0; changer < 2; ++changer) {
      machine.start([&, changer] {
        for (int i = 0; i < kRounds; ++i) {
          const uint32_t fd = kNumbers[static_cast<size_t>(i * 3 + changer) % std::size(kNumbers)];
          put(*table, fd, Readers::others);
          if (i % 2 == 0) take(*table, fd, Readers::others);
          if (i % 16 == 0) live_as_child(*table, i);
          if (i % 50 == 0) reclaim_all();
        }
        --table->changing;
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished());
  }
  EXPECT_EQ(NumberedFile::alive, 0);
  machine.start([] { reclaim_all(); });
  machine.run();
}

TEST(ParallelDescriptors, LookupsMeetChangesAtRandom) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    storm({.memory_bytes = 0, .cpus = 4, .seed = seed, .preempt_one_in = 20});
  }
}

TEST(ParallelDescriptors, LookupsMeetChangesOnHostThreads) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    storm({.memory_bytes = 0, .cpus = 4, .seed = seed, .preempt_one_in = 20, .host_threads = true});
  }
}

}  // namespace
}  // namespace tine::fs
