// SPDX-License-Identifier: MIT
//
// Long changes of an address space or an object give way in their midst: a real-time task that
// wakes up meanwhile runs before they are done, although they hold a spin lock nearly all of the
// time.
//
// The task is woken with preemption off, just before the change, and sees for itself how far that
// has come. scripts/longest-sections measures in the VM how long the stretches are.
#include <gtest/gtest.h>

#include <functional>

#include "arch/hosted/kernel_threads.h"
#include "mm/init.h"
#include "mm/shmem.h"
#include "mm/testing.h"
#include "mm/unmap.h"
#include "sched/sched.h"

namespace tine::mm {
namespace {

using namespace arch::hosted;

constexpr uint64_t kBytes = 32ull << 20;
constexpr uint64_t kPages = 3 * arch::kTableEntries;

// Runs `prepare`, then `change` with a real-time task woken, which has to find it half done.
struct LongChange {
  std::function<void()> prepare, change;
  std::function<bool()> is_half_done;
};

void expect_giving_way(const LongChange& long_change) {
  ThreadMachine machine({.memory_bytes = kBytes});
  MemoryRange ram[] = {{PhysAddr(0), kBytes}};
  init(ram, {});
  bool was_half_done = false;
  KernelThread& realtime = machine.create([&] { was_half_done = long_change.is_half_done(); });
  ASSERT_TRUE(sched::set_parameters(realtime.task, {sched::kPolicyFifo, 10, 0, false}));
  machine.start([&] {
    long_change.prepare();
    preempt_disable();
    sched::wake_up_new_task(realtime.task);
    preempt_enable_no_resched();
    long_change.change();
  });
  machine.run();
  EXPECT_TRUE(machine.all_finished());
  EXPECT_TRUE(was_half_done);
}

TEST(LongChanges, TruncationGivesWay) {
  Ref<ShmemObject> object;
  expect_giving_way(
      {.prepare =
           [&] {
             object = *make_file_pages();
             for (uint64_t page = 0; page < kPages; ++page) {
               std::byte data[] = {std::byte{1}};
               EXPECT_EQ(*object->write_kernel(data, page * kPageSize), 1u);
             }
           },
       .change =
           [&] {
             EXPECT_TRUE(object->resize(kPageSize));
             EXPECT_EQ(object->pages_in_use(), 1u);
             object = nullptr;
           },
       .is_half_done =
           [&] { return object->pages_in_use() > 1 && object->pages_in_use() < kPages; }});
}

// An address space with a mapping of kPages pages that are there and may be written.
struct Touched {
  MmUser mm;
  UserAddr at, last;

  void make() {
    mm = make_mm();
    at = *do_mmap(*mm, {.address = UserAddr(kLeafBytes),
                        .length = kPages * kPageSize,
                        .flags = kDataFlags,
                        .fixed = true,
                        .populate = true});
    last = at + (kPages - 1) * kPageSize;
    EXPECT_TRUE(is_writable(at) && is_writable(last));
  }
  bool is_writable(UserAddr page) { return mm->tables().effective_entry(page).is_writable(); }
};

TEST(LongChanges, ProtectionGivesWay) {
  Touched touched;
  expect_giving_way(
      {.prepare = [&] { touched.make(); },
       .change =
           [&] {
             protect_pages(*touched.mm, touched.at, touched.last + kPageSize, kVmRead);
             EXPECT_FALSE(touched.is_writable(touched.last));
             touched.mm = MmUser();
           },
       .is_half_done =
           [&] { return !touched.is_writable(touched.at) && touched.is_writable(touched.last); }});
}

TEST(LongChanges, MovingGivesWay) {
  for (uint64_t distance : {32 * kLeafBytes, 32 * kLeafBytes + 7 * kPageSize}) {
    Touched touched;
    expect_giving_way({.prepare = [&] { touched.make(); },
                       .change =
                           [&] {
                             EXPECT_TRUE(move_pages(*touched.mm, touched.at, touched.at + distance,
                                                    kPages * kPageSize));
                             EXPECT_FALSE(touched.is_writable(touched.last));
                             EXPECT_TRUE(touched.is_writable(touched.last + distance));
                             touched.mm = MmUser();
                           },
                       // The first step makes the tables that the pages will need.
                       .is_half_done = [&] { return touched.is_writable(touched.last); }});
  }
}

}  // namespace
}  // namespace tine::mm
