// SPDX-License-Identifier: MIT
//
// Page tables shared by a fork: what is shared, what the first change copies, that counts and VmRSS
// stay exact, and what happens when there is no memory for a copy (G11).
#include <gtest/gtest.h>

#include "mm/advice.h"
#include "mm/remote.h"
#include "mm/report.h"
#include "mm/shmem.h"
#include "mm/task_hooks.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr uint64_t kBase = 0x4000'0000;  // 1 GiB aligned

uint64_t tables() { return memory_statistics().table_frames; }
uint64_t anonymous() { return memory_statistics().anonymous_frames; }
MmUser fork_of(Mm& mm) { return MmUser::adopt(*dup_mm(mm)); }

class TableSharing : public ::testing::Test {
 protected:
  TableSharing() : parent(make_mm()) { machine.run_in(parent.get()); }
  void fill(uint64_t at, uint64_t pages) {
    map_data(*parent, pages, at);
    for (uint64_t i = 0; i < pages; ++i) ASSERT_TRUE(poke(UserAddr(at) + i * kPageSize, i + 1));
  }
  MemoryMachine machine;
  MmUser parent;
};

TEST_F(TableSharing, ForkTakesOneTableHoweverMuchIsTouched) {
  fill(kBase, 1500);
  fill(kBase + (1ull << 39), 3);
  uint64_t before = tables();
  MmUser child = fork_of(*parent);
  EXPECT_EQ(tables(), before + 1);
  EXPECT_EQ(child->rss_pages(), 1503);
  EXPECT_EQ(mm_status(*child).page_tables, mm_status(*parent).page_tables);
}

TEST_F(TableSharing, TheFirstWriteCopiesThePathAndTheLastOwnerNothing) {
  fill(kBase, 1500);
  MmUser child = fork_of(*parent);
  uint64_t tables_before = tables(), frames_before = anonymous();
  EXPECT_TRUE(poke(UserAddr(kBase), 77));
  EXPECT_EQ(tables(), tables_before + 3);
  EXPECT_EQ(anonymous(), frames_before + 1);
  EXPECT_TRUE(poke(UserAddr(kBase + kPageSize), 78));
  EXPECT_EQ(tables(), tables_before + 3);
  machine.run_in(child.get());
  EXPECT_EQ(peek(UserAddr(kBase)), 1u);
  EXPECT_TRUE(poke(UserAddr(kBase), 5));  // the old tables are the child's alone by now
  EXPECT_EQ(tables(), tables_before + 3);
  EXPECT_EQ(anonymous(), frames_before + 2);
}

TEST_F(TableSharing, AfterTheChildIsGoneNothingIsCopied) {  // A33
  fill(kBase, 1500);
  uint64_t tables_before = tables(), frames_before = anonymous();
  fork_of(*parent);
  for (uint64_t i = 0; i < 1500; ++i) EXPECT_TRUE(poke(UserAddr(kBase) + i * kPageSize, i));
  EXPECT_EQ(tables(), tables_before);
  EXPECT_EQ(anonymous(), frames_before);
}

TEST_F(TableSharing, UnmappingDropsWholeTablesAndCopiesOnlyTheEdges) {
  fill(kBase, 2000);
  MmUser child = fork_of(*parent);
  machine.run_in(child.get());
  uint64_t before = tables();
  // [512, 1024) is a whole leaf table; the cut at 1500 goes through another.
  EXPECT_TRUE(do_munmap(*child, UserAddr(kBase + 512 * kPageSize), 988 * kPageSize));
  EXPECT_EQ(tables(), before + 3);  // two upper ones, and the one with the cut
  EXPECT_EQ(child->rss_pages(), 2000 - 988);
  EXPECT_EQ(mm_status(*child).page_tables, mm_status(*parent).page_tables - 1);
  EXPECT_EQ(parent->rss_pages(), 2000);
  EXPECT_EQ(peek(UserAddr(kBase + 511 * kPageSize)), 512u);
  EXPECT_FALSE(poke(UserAddr(kBase + 512 * kPageSize), 1));
  EXPECT_EQ(peek(UserAddr(kBase + 1500 * kPageSize)), 1501u);
  machine.run_in(parent.get());
  EXPECT_EQ(peek(UserAddr(kBase + 700 * kPageSize)), 701u);
}

TEST_F(TableSharing, UnmappingEverythingCopiesNothing) {
  fill(kBase, 1500);
  MmUser child = fork_of(*parent);
  uint64_t before = tables();
  EXPECT_TRUE(do_munmap(*child, UserAddr(kBase), 1500 * kPageSize));
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(child->rss_pages(), 0);
  EXPECT_EQ(mm_status(*child).page_tables, 0u);
}

TEST_F(TableSharing, WritesFromOutsideDoNotReachTheOther) {
  fill(kBase, 3);
  MmUser child = fork_of(*parent);
  uint64_t value = 99;
  EXPECT_EQ(write_remote(*child, UserAddr(kBase), std::as_bytes(std::span(&value, 1))), 8u);
  EXPECT_EQ(peek(UserAddr(kBase)), 1u);
  machine.run_in(child.get());
  EXPECT_EQ(peek(UserAddr(kBase)), 99u);
}

// Nothing but the replaced table calls for a flush here: no entry that was cached has changed.
TEST_F(TableSharing, ACachedUpperEntryGoesWithItsTable) {
  fill(kBase, 2);
  UserAddr untouched = map_data(*parent, 1, kBase + 100 * kPageSize);
  MmUser child = fork_of(*parent);
  EXPECT_EQ(peek(UserAddr(kBase)), 1u);  // and the way there is cached
  EXPECT_TRUE(do_mlock(*parent, untouched, kPageSize, true, /*populate=*/true));
  uint64_t value = 99;  // the child is the old table's last owner
  EXPECT_EQ(write_remote(*child, UserAddr(kBase + kPageSize), std::as_bytes(std::span(&value, 1))),
            8u);
  EXPECT_EQ(peek(UserAddr(kBase + kPageSize)), 2u);
}

TEST_F(TableSharing, GrandchildrenShareWithEverybody) {
  fill(kBase, 600);
  MmUser child = fork_of(*parent);
  machine.run_in(child.get());
  EXPECT_TRUE(poke(UserAddr(kBase), 50));
  MmUser grandchild = fork_of(*child);
  MmUser sibling = fork_of(*parent);
  EXPECT_TRUE(poke(UserAddr(kBase + kPageSize), 51));
  machine.run_in(grandchild.get());
  EXPECT_EQ(peek(UserAddr(kBase)), 50u);
  EXPECT_EQ(peek(UserAddr(kBase + kPageSize)), 2u);
  EXPECT_TRUE(poke(UserAddr(kBase + 599 * kPageSize), 52));
  machine.run_in(sibling.get());
  EXPECT_EQ(peek(UserAddr(kBase)), 1u);
  EXPECT_EQ(peek(UserAddr(kBase + 599 * kPageSize)), 600u);
  for (MmUser* mm : {&parent, &child, &grandchild, &sibling}) EXPECT_EQ((*mm)->rss_pages(), 600);
}

TEST_F(TableSharing, ProtectionIsNotShared) {
  fill(kBase, 600);
  MmUser child = fork_of(*parent);
  EXPECT_TRUE(do_mprotect(*child, UserAddr(kBase), 600 * kPageSize, 0));
  EXPECT_EQ(peek(UserAddr(kBase + 5 * kPageSize)), 6u);
  EXPECT_TRUE(poke(UserAddr(kBase + 5 * kPageSize), 7));
  machine.run_in(child.get());
  EXPECT_FALSE(poke(UserAddr(kBase), 1));
  EXPECT_TRUE(do_mprotect(*child, UserAddr(kBase), 600 * kPageSize, kVmRead));
  EXPECT_EQ(peek(UserAddr(kBase + 5 * kPageSize)), 6u);
}

TEST_F(TableSharing, NoMemoryForACopyLeavesAllAsItWas) {
  fill(kBase, 600);
  MmUser child = fork_of(*parent);
  UserAddr inside(kBase + 100 * kPageSize);
  LiveCounts before = live_counts();
  arm_fault_injection(1);
  EXPECT_EQ(do_munmap(*child, inside, kPageSize).error(), Errno::nomem);
  arm_fault_injection(0);
  EXPECT_TRUE(before == live_counts());
  EXPECT_EQ(child->rss_pages(), 600);
  machine.run_in(child.get());
  for (uint64_t i = 0; i < 600; ++i) EXPECT_EQ(peek(UserAddr(kBase) + i * kPageSize), i + 1);
}

TEST_F(TableSharing, SharesOfAPageAreCountedThroughTables) {
  fill(kBase, 4);
  MmUser child = fork_of(*parent);
  auto measure = [](Mm& mm) {
    ReadGuard guard(mm.mmap_lock);
    return *measure_mapping(mm, *mm.mappings.find(UserAddr(kBase)));
  };
  MappingPages pages = measure(*child);
  EXPECT_EQ(pages.resident, 4u);
  EXPECT_EQ(pages.shared_dirty, 4u);
  EXPECT_EQ(pages.share() >> MappingPages::kShareShift, 2 * kPageSize);
  EXPECT_TRUE(poke(UserAddr(kBase), 9));
  pages = measure(*parent);
  EXPECT_EQ(pages.private_dirty, 1u);
  EXPECT_EQ(pages.share() >> MappingPages::kShareShift, kPageSize + 3 * kPageSize / 2);
}

// Three generations, each with tables of its own above a leaf table that all share.
TEST_F(TableSharing, SharesAreExactWhenAlsoOthersShareTheirTables) {
  fill(kBase, 4);
  fill(kBase + (2 << 20), 4);
  MmUser child = fork_of(*parent);
  machine.run_in(child.get());
  EXPECT_TRUE(poke(UserAddr(kBase), 1));  // the child's upper tables are its own now
  MmUser grandchild = fork_of(*child);
  static Mm* everybody[3];
  everybody[0] = parent.get(), everybody[1] = child.get(), everybody[2] = grandchild.get();
  const TaskHooks before = task_hooks;
  task_hooks.for_each_mm = [](void (*visit)(void*, Mm&), void* context) {
    for (Mm* mm : everybody) visit(context, *mm);
  };
  for (Mm* mm : everybody) {
    ReadGuard guard(mm->mmap_lock);
    MappingPages pages = *measure_mapping(*mm, *mm->mappings.find(UserAddr(kBase + (2 << 20))));
    EXPECT_EQ(pages.shared_dirty, 4u);
    EXPECT_EQ(pages.share() >> MappingPages::kShareShift, 4 * kPageSize / 3);
  }
  task_hooks = before;
}

}  // namespace
}  // namespace tine::mm
