// SPDX-License-Identifier: MIT
//
// Address spaces: demand paging, copy-on-write with re-use by the last owner (A33), fork in all its
// shapes of mapping (B15-B18, G7), failure at every step of a fork, stack growth.
#include "mm/mm.h"

#include <gtest/gtest.h>

#include "mm/advice.h"
#include "mm/fault.h"
#include "mm/report.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

TEST(Mm, MemoryIsZeroThenKeepsWhatIsWritten) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  UserAddr at = map_data(*mm, 4);
  EXPECT_EQ(peek(at), 0u);
  EXPECT_EQ(mm->rss_pages(), 0);  // reads show the zero page
  EXPECT_TRUE(poke(at, 7));
  EXPECT_TRUE(poke(at + 3 * kPageSize, 8));
  EXPECT_EQ(peek(at), 7u);
  EXPECT_EQ(mm->rss_pages(), 2);
  EXPECT_FALSE(poke(at + 4 * kPageSize, 1));
  EXPECT_TRUE(do_munmap(*mm, at, 4 * kPageSize));
  EXPECT_EQ(mm->rss_pages(), 0);
  EXPECT_EQ(mm_status(*mm).page_tables, 0u);
  EXPECT_FALSE(poke(at, 1));
}

TEST(Mm, ForkSharesUntilSomebodyWrites) {
  MemoryMachine machine;
  MmUser parent = make_mm();
  machine.run_in(parent.get());
  UserAddr at = map_data(*parent, 3);
  poke(at, 1);
  poke(at + kPageSize, 2);
  uint64_t before = memory_statistics().anonymous_frames;
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  EXPECT_EQ(memory_statistics().anonymous_frames, before);
  EXPECT_EQ(child->rss_pages(), 2);
  EXPECT_TRUE(poke(at, 11));  // the parent writes
  EXPECT_EQ(memory_statistics().anonymous_frames, before + 1);
  machine.run_in(child.get());
  EXPECT_EQ(peek(at), 1u);
  EXPECT_TRUE(poke(at, 21));  // the child is the last owner of the old page
  EXPECT_EQ(memory_statistics().anonymous_frames, before + 1);
  EXPECT_TRUE(poke(at + kPageSize, 22));
  machine.run_in(parent.get());
  EXPECT_EQ(peek(at), 11u);
  EXPECT_EQ(peek(at + kPageSize), 2u);
}

TEST(Mm, LastOwnerWritesWithoutACopy) {  // A33
  MemoryMachine machine;
  MmUser parent = make_mm();
  machine.run_in(parent.get());
  UserAddr at = map_data(*parent, 2);
  poke(at, 1);
  poke(at + kPageSize, 2);
  {
    MmUser child = MmUser::adopt(*dup_mm(*parent));
  }
  uint64_t before = memory_statistics().anonymous_frames;
  EXPECT_TRUE(poke(at, 3));
  EXPECT_TRUE(poke(at + kPageSize, 4));
  EXPECT_EQ(memory_statistics().anonymous_frames, before);
  EXPECT_EQ(peek(at), 3u);
}

TEST(Mm, ParentIsFlushedAfterFork) {  // A31, B23
  MemoryMachine machine;
  MmUser parent = make_mm();
  machine.run_in(parent.get());
  poke(map_data(*parent, 1), 1);
  uint64_t before = arch::hosted::tlb_counts().loads;
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  EXPECT_EQ(arch::hosted::tlb_counts().loads, before + 1);
}

TEST(Mm, OnlyPagesThatWereThereAreFlushed) {
  constexpr int kDontNeed = 4;
  MemoryMachine machine;
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  const UserAddr at = map_data(*mm, 512);
  EXPECT_TRUE(poke(at + 100 * kPageSize, 7));
  EXPECT_TRUE(poke(at + 400 * kPageSize, 8));
  const uint64_t flushes = mm->flushes;
  EXPECT_TRUE(do_madvise(*mm, at + 101 * kPageSize, 299 * kPageSize, kDontNeed));
  EXPECT_EQ(mm->flushes, flushes);
  EXPECT_TRUE(do_madvise(*mm, at + 99 * kPageSize, 300 * kPageSize, kDontNeed));
  EXPECT_EQ(mm->flushes, flushes + 1);
  EXPECT_EQ(peek(at + 100 * kPageSize), 0u);
  EXPECT_EQ(peek(at + 400 * kPageSize), 8u);
  EXPECT_TRUE(do_madvise(*mm, at, 512 * kPageSize, kDontNeed));
  EXPECT_EQ(peek(at + 400 * kPageSize), 0u);
  EXPECT_EQ(mm->rss_pages(), 0);
}

TEST(Mm, ForkObeysTheMarksOfMappings) {  // B16, B17, G7
  MemoryMachine machine;
  MmUser parent = make_mm();
  machine.run_in(parent.get());
  UserAddr dont = map_data(*parent, 1, 0x1000'0000), wipe = map_data(*parent, 1, 0x2000'0000);
  UserAddr locked = map_data(*parent, 1, 0x3000'0000);
  for (UserAddr at : {dont, wipe, locked}) poke(at, 5);
  EXPECT_TRUE(do_madvise(*parent, dont, kPageSize, 10));
  EXPECT_TRUE(do_madvise(*parent, wipe, kPageSize, 18));
  EXPECT_TRUE(do_mlock(*parent, locked, kPageSize, true, true));
  EXPECT_EQ(mm_status(*parent).vm_locked, 1u);
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  machine.run_in(child.get());
  EXPECT_FALSE(poke(dont, 1));
  EXPECT_EQ(peek(wipe), 0u);
  EXPECT_EQ(peek(locked), 5u);
  EXPECT_EQ(mm_status(*child).vm_locked, 0u);
  EXPECT_EQ(mm_status(*child).vm_size, 2u);
  EXPECT_EQ(mm_status(*child).vm_peak, 2u);  // D18
  machine.run_in(parent.get());
  EXPECT_EQ(peek(wipe), 5u);
}

TEST(Mm, SharedMemoryStaysShared) {
  MemoryMachine machine;
  MmUser parent = make_mm();
  machine.run_in(parent.get());
  auto at = do_mmap(*parent, {.length = 2 * kPageSize,
                              .flags = kDataFlags | kVmShared,
                              .object = *make_shmem(2 * kPageSize, true)});
  ASSERT_TRUE(at);
  poke(*at, 1);
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  poke(*at, 2);
  machine.run_in(child.get());
  EXPECT_EQ(peek(*at), 2u);
  poke(*at + kPageSize, 3);
  machine.run_in(parent.get());
  EXPECT_EQ(peek(*at + kPageSize), 3u);
  EXPECT_EQ(mm_status(*parent).rss_shmem, 2u);
}

TEST(Mm, TruncationReachesEveryMapping) {  // B20
  MemoryMachine machine;
  MmUser parent = make_mm();
  machine.run_in(parent.get());
  auto file = *make_file_pages();
  ASSERT_TRUE(file->resize(3 * kPageSize));
  auto shared = do_mmap(*parent, {.length = 3 * kPageSize,
                                  .flags = kDataFlags | kVmShared,
                                  .object = Ref<MemoryObject>(*file)});
  auto copied = do_mmap(
      *parent, {.length = 3 * kPageSize, .flags = kDataFlags, .object = Ref<MemoryObject>(*file)});
  for (uint64_t i = 0; i < 3; ++i) poke(*shared + i * kPageSize, i + 1);
  poke(*copied + 2 * kPageSize, 33);
  EXPECT_EQ(peek(*copied), 1u);
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  ASSERT_TRUE(file->resize(kPageSize + 8));
  for (MmUser* mm : {&parent, &child}) {
    machine.run_in(mm->get());
    EXPECT_EQ(peek(*shared + kPageSize), 2u);
    EXPECT_FALSE(poke(*shared + 2 * kPageSize, 1));
    EXPECT_FALSE(poke(*copied + 2 * kPageSize, 1));
    FaultResult result = handle_page_fault(**mm, *shared + 2 * kPageSize, {});
    EXPECT_EQ(result.outcome, FaultOutcome::signal);
    EXPECT_EQ(result.signal.signal_number, 7);
  }
  ASSERT_TRUE(file->resize(3 * kPageSize));
  EXPECT_EQ(peek(*shared + 2 * kPageSize), 0u);
}

TEST(Mm, CachedPagesAreMappedInOneGo) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  constexpr uint64_t kPages = 200;
  auto file = *make_file_pages();
  ASSERT_TRUE(file->resize(kPages * kPageSize));
  for (uint64_t page = 0; page < kPages; page += 2) {  // every other one is in memory
    ASSERT_TRUE(file->write_kernel(std::as_bytes(std::span(&page, 1)), page * kPageSize));
  }
  // The mapping lies in two tables.
  constexpr UserAddr kStart(0x4000'0000 - 100 * kPageSize), kEnd = kStart + kPages * kPageSize;
  ASSERT_TRUE(do_mmap(*mm, {.address = kStart,
                            .length = kEnd - kStart,
                            .flags = kVmRead | kVmMayAll,
                            .object = Ref<MemoryObject>(*file),
                            .fixed = true}));
  map_cached_pages(*mm, kStart, kEnd + kLeafBytes);
  EXPECT_EQ(mm->rss_of(RssKind::file), 100);
  EXPECT_EQ(mm_status(*mm).page_tables, 5u);
  const uint64_t faults = arch::current_schedulable()->minor_faults;
  for (uint64_t page = 0; page < kPages; page += 2)
    EXPECT_EQ(peek(kStart + page * kPageSize), page);
  EXPECT_EQ(arch::current_schedulable()->minor_faults, faults);
  EXPECT_FALSE(poke(kStart, 1));
  map_cached_pages(*mm, kStart, kEnd);  // what is there already stays
  EXPECT_EQ(mm->rss_of(RssKind::file), 100);
  ASSERT_TRUE(file->resize(kPageSize));
  EXPECT_EQ(mm->rss_of(RssKind::file), 1);
  map_cached_pages(*mm, kStart + kPageSize, kEnd);  // there is nothing, and so no table either
  EXPECT_EQ(mm_status(*mm).page_tables, 3u);
  ASSERT_TRUE(do_mprotect(*mm, kStart, kEnd - kStart, 0));
  map_cached_pages(*mm, kStart, kEnd);
  EXPECT_EQ(arch::copy_to_user(kStart, &faults, 1), 1u);
}

// Fails the 1st, 2nd, ... step of a fork until it succeeds; every count must return each time.
TEST(Mm, ForkUndoesEverythingWhenAnyStepFails) {
  MemoryMachine machine;
  MmUser parent = make_mm();
  machine.run_in(parent.get());
  for (uint64_t i = 0; i < 5; ++i) poke(map_data(*parent, 2, 0x1000'0000 + (i << 31)), i);
  auto shared = do_mmap(*parent, {.length = kPageSize,
                                  .flags = kDataFlags | kVmShared,
                                  .object = *make_shmem(kPageSize, true)});
  poke(*shared, 1);
  LiveCounts before = live_counts();
  int failures = 0;
  for (uint64_t nth = 1;; ++nth) {
    arm_fault_injection(nth);
    auto child = dup_mm(*parent);
    arm_fault_injection(0);
    if (child) {
      mm_put_user(**child);
      break;
    }
    EXPECT_EQ(child.error(), Errno::nomem);
    EXPECT_TRUE(before == live_counts()) << "after failing step " << nth;
    ++failures;
    for (uint64_t i = 0; i < 5; ++i) {
      UserAddr at(0x1000'0000 + (i << 31));
      EXPECT_EQ(peek(at), i);
      EXPECT_TRUE(poke(at, i));
    }
  }
  EXPECT_GE(failures, 2);  // the Mm, its top table
}

TEST(Mm, MemoryRunningOutIsNotFatal) {
  MemoryMachine machine(8ull << 20);
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  UserAddr at = map_data(*mm, 1500);
  uint64_t touched = 0;
  while (touched < 1500 && poke(at + touched * kPageSize, touched)) ++touched;
  for (; touched < 1500; ++touched) EXPECT_FALSE(poke(at + touched * kPageSize, 1));
  UserAddr more = map_data(*mm, 1500);
  uint64_t got = 0;
  while (got < 1500 && poke(more + got * kPageSize, got)) ++got;
  EXPECT_LT(got, 1500u);
  EXPECT_EQ(handle_page_fault(*mm, more + got * kPageSize, {.write = true}).outcome,
            FaultOutcome::out_of_memory);
  EXPECT_TRUE(do_munmap(*mm, at, 1500 * kPageSize));
  EXPECT_TRUE(poke(more + got * kPageSize, 1));
}

TEST(Mm, StacksGrowToTheirNeighbour) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  uint64_t top = 0x7000'0000'0000;
  auto stack = do_mmap(*mm, {.address = UserAddr(top - kPageSize),
                             .length = kPageSize,
                             .flags = kDataFlags | kVmGrowsDown | kVmStack,
                             .fixed = true});
  ASSERT_TRUE(stack);
  EXPECT_TRUE(poke(UserAddr(top - 20 * kPageSize), 1));
  EXPECT_EQ(mm_status(*mm).stack, 20u);
  map_data(*mm, 1, top - 1000 * kPageSize);
  EXPECT_TRUE(poke(UserAddr(top - 700 * kPageSize), 1));
  EXPECT_FALSE(poke(UserAddr(top - 990 * kPageSize), 1));  // inside the guard gap
}

TEST(Mm, RightsAreEnforcedAndCanReturn) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  UserAddr at = map_data(*mm, 3);
  for (uint64_t i = 0; i < 3; ++i) poke(at + i * kPageSize, i + 1);
  EXPECT_TRUE(do_mprotect(*mm, at + kPageSize, kPageSize, kVmRead));
  EXPECT_EQ(count_mappings(*mm), 3u);
  EXPECT_FALSE(poke(at + kPageSize, 9));
  EXPECT_TRUE(do_mprotect(*mm, at, 3 * kPageSize, 0));
  EXPECT_EQ(count_mappings(*mm), 1u);
  uint64_t value;
  EXPECT_NE(arch::copy_from_user(&value, at, sizeof value), 0u);
  FaultResult result = handle_page_fault(*mm, at, {});
  EXPECT_EQ(result.signal.code, 2);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  EXPECT_EQ(child->rss_pages(), 3);
  EXPECT_TRUE(do_mprotect(*mm, at, 3 * kPageSize, kVmRead | kVmWrite));
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(peek(at + i * kPageSize), i + 1);
  EXPECT_TRUE(poke(at, 10));
  machine.run_in(child.get());
  EXPECT_TRUE(do_mprotect(*child, at, 3 * kPageSize, kVmRead));
  EXPECT_EQ(peek(at), 1u);
}

TEST(Mm, BrkGrowsAndShrinks) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  mm->start_brk = mm->brk = UserAddr(0x50'0010);
  EXPECT_EQ(do_brk(*mm, UserAddr(0)).value, 0x50'0010u);
  EXPECT_EQ(do_brk(*mm, UserAddr(0x50'3000)).value, 0x50'3000u);
  EXPECT_TRUE(poke(UserAddr(0x50'2ff0), 1));
  EXPECT_EQ(count_mappings(*mm), 1u);
  EXPECT_EQ(do_brk(*mm, UserAddr(0x50'1800)).value, 0x50'1800u);
  EXPECT_FALSE(poke(UserAddr(0x50'2ff0), 1));
  EXPECT_EQ(do_brk(*mm, UserAddr(0x50'3000)).value, 0x50'3000u);
  EXPECT_EQ(peek(UserAddr(0x50'2ff0)), 0u);
  map_data(*mm, 1, 0x50'5000);
  EXPECT_EQ(do_brk(*mm, UserAddr(0x50'6000)).value, 0x50'3000u);
}

TEST(Mm, RemapMovesPagesWithTheirContents) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  machine.run_in(mm.get());
  UserAddr at = map_data(*mm, 600, 0x1000'3000);
  for (uint64_t i = 0; i < 600; i += 100) poke(at + i * kPageSize, i + 1);
  map_data(*mm, 1, 0x1000'3000 + 600 * kPageSize);
  EXPECT_TRUE(do_mprotect(*mm, at + 600 * kPageSize, kPageSize, kVmRead));
  EXPECT_EQ(
      do_mremap(*mm,
                {.old_address = at, .old_length = 600 * kPageSize, .new_length = 700 * kPageSize})
          .error(),
      Errno::nomem);
  auto moved = do_mremap(*mm, {.old_address = at,
                               .old_length = 600 * kPageSize,
                               .new_length = 700 * kPageSize,
                               .may_move = true});
  ASSERT_TRUE(moved);
  EXPECT_NE(*moved, at);
  for (uint64_t i = 0; i < 600; i += 100) EXPECT_EQ(peek(*moved + i * kPageSize), i + 1);
  EXPECT_EQ(peek(*moved + 650 * kPageSize), 0u);
  EXPECT_FALSE(poke(at, 1));
  auto shrunk = do_mremap(
      *mm, {.old_address = *moved, .old_length = 700 * kPageSize, .new_length = 200 * kPageSize});
  EXPECT_EQ(*shrunk, *moved);
  EXPECT_EQ(mm->rss_of(RssKind::anonymous), 2);
}

}  // namespace
}  // namespace tine::mm
