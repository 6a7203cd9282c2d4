// SPDX-License-Identifier: MIT
//
// Transparent huge pages: when one is used, what splits it, that a fork shares it like a table, who
// gets the right to write back, and that VmRSS, VmPTE and all counts stay exact.
#include "mm/huge_page.h"

#include <gtest/gtest.h>

#include "mm/advice.h"
#include "mm/remote.h"
#include "mm/report.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr uint64_t kBase = 0x4000'0000;
constexpr uint64_t kWindowPages = arch::kTableEntries;
constexpr int kDontNeed = 4, kHugeAdvice = 14, kNoHugeAdvice = 15, kCollapse = 25;

uint64_t tables() { return memory_statistics().table_frames; }
uint64_t anonymous() { return memory_statistics().anonymous_frames; }
MmUser fork_of(Mm& mm) { return MmUser::adopt(*dup_mm(mm)); }
UserAddr page(uint64_t number) { return UserAddr(kBase + number * kPageSize); }

class HugePages : public ::testing::Test {
 protected:
  HugePages() : parent(make_mm()) { machine.run_in(parent.get()); }
  ~HugePages() override {
    machine.run_in(nullptr);
    parent = {};
    EXPECT_EQ(huge_page_count(), 0u);
  }
  // Two windows, of which the first has a huge page with a value in each small page.
  void fill_first_window() {
    map_data(*parent, 2 * kWindowPages, kBase);
    advise(kHugeAdvice, 0, 2 * kWindowPages);
    for (uint64_t i = 0; i < kWindowPages; ++i) ASSERT_TRUE(poke(page(i), i + 1));
    ASSERT_EQ(huge_page_count(), 1u);
  }
  void advise(int advice, uint64_t first, uint64_t count) {
    EXPECT_TRUE(do_madvise(*parent, page(first), count * kPageSize, advice));
  }
  // That each page of the first window holds what fill_first_window() wrote, but for those in
  // `except`, which hold 0 or cannot be read.
  void expect_values(uint64_t first_gone = 0, uint64_t end_gone = 0) {
    for (uint64_t i = 0; i < kWindowPages; ++i) {
      if (i < first_gone || i >= end_gone) EXPECT_EQ(peek(page(i)), i + 1) << i;
    }
  }
  MemoryMachine machine{64ull << 20};
  MmUser parent;
};

TEST_F(HugePages, AFirstTouchTakesOneWhereItIsAskedForAndFits) {
  map_data(*parent, 3 * kWindowPages, kBase - kPageSize);
  EXPECT_TRUE(poke(page(0), 1));
  EXPECT_EQ(parent->rss_pages(), 1);  // the policy is `madvise`
  advise(kHugeAdvice, kWindowPages, kWindowPages);
  EXPECT_TRUE(poke(page(kWindowPages + 7), 1));
  EXPECT_EQ(parent->rss_pages(), 1 + 512);
  EXPECT_EQ(peek(page(2 * kWindowPages - 1)), 0u);
  advise(kHugeAdvice, 2 * kWindowPages, kWindowPages - 1);
  EXPECT_TRUE(poke(page(2 * kWindowPages), 1));  // the mapping covers only a part of this window
  EXPECT_EQ(parent->rss_pages(), 1 + 512 + 1);
  EXPECT_EQ(huge_page_count(), 1u);
}

TEST_F(HugePages, PoliciesAreObeyed) {
  map_data(*parent, 3 * kWindowPages, kBase);
  huge_page_policy = HugePagePolicy::always;
  EXPECT_EQ(peek(page(0)), 0u);
  EXPECT_EQ(huge_page_count(), 0u);  // not for a read
  EXPECT_TRUE(poke(page(kWindowPages), 1));
  EXPECT_EQ(huge_page_count(), 1u);
  parent->no_huge_pages = true;
  EXPECT_TRUE(poke(page(2 * kWindowPages), 1));
  EXPECT_EQ(huge_page_count(), 1u);
  EXPECT_TRUE(do_munmap(*parent, page(0), 3 * kHugePageSize));
  parent->no_huge_pages = false;
  map_data(*parent, 2 * kWindowPages, kBase);
  advise(kNoHugeAdvice, 0, kWindowPages);
  EXPECT_TRUE(poke(page(0), 1));
  huge_page_policy = HugePagePolicy::never;
  EXPECT_TRUE(poke(page(kWindowPages), 1));
  EXPECT_EQ(huge_page_count(), 0u);
  huge_page_policy = HugePagePolicy::madvise;
}

TEST_F(HugePages, AreSmallOnesWhereMemoryHasNoPlaceForThem) {
  fill_first_window();
  std::vector<FrameRef> taken;
  while (Frame* frame = take_frames(kHugePageOrder, FrameKind::kernel)) {
    taken.push_back(FrameRef::adopt(frame));
  }
  EXPECT_TRUE(poke(page(kWindowPages), 5));
  EXPECT_EQ(parent->rss_pages(), 512 + 1);
  EXPECT_EQ(huge_page_count(), 1u);
}

TEST_F(HugePages, AForkSharesThemAndTheLastOwnerCopiesNothing) {
  fill_first_window();
  uint64_t tables_before = tables(), frames_before = anonymous();
  MmUser child = fork_of(*parent);
  EXPECT_EQ(tables(), tables_before + 1);
  EXPECT_EQ(child->rss_pages(), 512);
  EXPECT_EQ(mm_status(*child).page_tables, mm_status(*parent).page_tables);
  child = {};
  EXPECT_TRUE(poke(page(3), 4));
  EXPECT_EQ(tables(), tables_before);
  EXPECT_EQ(anonymous(), frames_before);
  EXPECT_EQ(huge_page_count(), 1u);
  expect_values();
}

TEST_F(HugePages, AWriteToASharedOneCopiesOneSmallPage) {
  fill_first_window();
  uint64_t tables_before = tables(), frames_before = anonymous();
  MmUser child = fork_of(*parent);
  EXPECT_TRUE(poke(page(3), 77));
  EXPECT_EQ(anonymous(), frames_before + 1);
  EXPECT_EQ(tables(), tables_before + 1 + 3);  // the child's top one; the path of the parent
  EXPECT_EQ(huge_page_count(), 0u);
  EXPECT_EQ(mm_status(*child).page_tables, mm_status(*parent).page_tables);
  machine.run_in(child.get());
  expect_values();
  EXPECT_TRUE(poke(page(9), 10));  // the child still had the huge entry
  EXPECT_TRUE(poke(page(3), 4));   // this page is the child's alone
  EXPECT_EQ(anonymous(), frames_before + 2);
  EXPECT_EQ(tables(), tables_before + 1 + 3);
  expect_values();
  machine.run_in(parent.get());
  EXPECT_EQ(peek(page(3)), 77u);
  EXPECT_TRUE(poke(page(3), 4));
  expect_values();
  machine.run_in(nullptr);
  child = {};
  machine.run_in(parent.get());
  for (uint64_t i = 0; i < kWindowPages; ++i) EXPECT_TRUE(poke(page(i), i + 1));
  EXPECT_EQ(anonymous(), frames_before);
}

TEST_F(HugePages, AnOwnerThatStillShowsASplitOneDoesNotWriteToTheOthersPages) {
  fill_first_window();
  MmUser child = fork_of(*parent);
  EXPECT_TRUE(poke(page(0), 1));  // splits it in the parent; all but page 0 is shared
  MmUser grandchild = fork_of(*child);
  machine.run_in(nullptr);
  child = {};
  machine.run_in(grandchild.get());  // the only one with an entry that shows the 2 MiB
  EXPECT_TRUE(poke(page(5), 99));
  machine.run_in(parent.get());
  expect_values();
}

TEST_F(HugePages, UnmappingAPartSplitsAndUnmappingAllDrops) {
  fill_first_window();
  uint64_t tables_before = tables(), frames_before = anonymous();
  EXPECT_TRUE(do_munmap(*parent, page(100), 3 * kPageSize));
  EXPECT_EQ(huge_page_count(), 0u);
  EXPECT_EQ(tables(), tables_before);  // the table was there in reserve
  EXPECT_EQ(anonymous(), frames_before - 3);
  EXPECT_EQ(parent->rss_pages(), 512 - 3);
  expect_values(100, 103);
  EXPECT_TRUE(poke(page(kWindowPages), 1));
  EXPECT_EQ(huge_page_count(), 1u);
  EXPECT_TRUE(do_munmap(*parent, page(0), 2 * kHugePageSize));
  EXPECT_EQ(anonymous(), frames_before - 512);
  EXPECT_EQ(parent->rss_pages(), 0);
  EXPECT_EQ(mm_status(*parent).page_tables, 0u);
}

TEST_F(HugePages, AChildThatDiscardsAPartLeavesTheParentsAlone) {
  fill_first_window();
  MmUser child = fork_of(*parent);
  EXPECT_TRUE(do_madvise(*child, page(10), 5 * kPageSize, kDontNeed));
  EXPECT_TRUE(do_munmap(*child, page(500), 12 * kPageSize));
  EXPECT_EQ(child->rss_pages(), 512 - 17);
  EXPECT_EQ(parent->rss_pages(), 512);
  expect_values();
  machine.run_in(child.get());
  EXPECT_EQ(peek(page(12)), 0u);
  EXPECT_EQ(peek(page(15)), 16u);
  EXPECT_FALSE(poke(page(500), 1));
}

TEST_F(HugePages, ProtectingTheWholeKeepsItAndAPartSplits) {
  fill_first_window();
  EXPECT_TRUE(do_mprotect(*parent, page(0), kHugePageSize, kVmRead));
  EXPECT_EQ(huge_page_count(), 1u);
  EXPECT_FALSE(poke(page(4), 0));
  expect_values();
  EXPECT_TRUE(do_mprotect(*parent, page(0), kHugePageSize, kVmRead | kVmWrite));
  EXPECT_TRUE(poke(page(4), 5));
  EXPECT_EQ(huge_page_count(), 1u);
  EXPECT_TRUE(do_mprotect(*parent, page(8), 8 * kPageSize, 0));
  EXPECT_EQ(huge_page_count(), 0u);
  EXPECT_FALSE(poke(page(8), 0));
  EXPECT_TRUE(poke(page(7), 8));
  EXPECT_TRUE(do_mprotect(*parent, page(8), 8 * kPageSize, kVmRead));
  expect_values();
}

TEST_F(HugePages, AReadOfWhatMayNotBeWrittenGivesNoRightToWrite) {
  map_data(*parent, kWindowPages, kBase);
  advise(kHugeAdvice, 0, kWindowPages);
  EXPECT_TRUE(do_mprotect(*parent, page(0), kHugePageSize, kVmRead));
  EXPECT_EQ(peek(page(1)), 0u);
  EXPECT_EQ(huge_page_count(), 1u);
  EXPECT_FALSE(poke(page(1), 1));
  EXPECT_TRUE(do_mprotect(*parent, page(0), kHugePageSize, kVmRead | kVmWrite));
  EXPECT_TRUE(poke(page(1), 1));
  EXPECT_EQ(huge_page_count(), 1u);
}

TEST_F(HugePages, ProtectingASharedOneDoesNotTouchTheOthersRights) {
  fill_first_window();
  MmUser child = fork_of(*parent);
  EXPECT_TRUE(do_mprotect(*child, page(0), kHugePageSize, kVmRead));
  EXPECT_TRUE(poke(page(4), 5));
  EXPECT_TRUE(do_mprotect(*parent, page(0), kHugePageSize, 0));
  EXPECT_FALSE(poke(page(4), 5));
  machine.run_in(child.get());
  expect_values();
  EXPECT_FALSE(poke(page(4), 5));
}

TEST_F(HugePages, MovingTakesThePagesAlong) {
  fill_first_window();
  UserAddr to = page(8 * kWindowPages + 3);
  EXPECT_TRUE(do_mremap(*parent, {.old_address = page(0),
                                  .old_length = kHugePageSize,
                                  .new_length = kHugePageSize,
                                  .may_move = true,
                                  .fixed = true,
                                  .new_address = to}));
  for (uint64_t i = 0; i < kWindowPages; ++i) EXPECT_EQ(peek(to + i * kPageSize), i + 1);
  EXPECT_EQ(parent->rss_pages(), 512);
}

TEST_F(HugePages, AccessFromOutsideAndReports) {
  fill_first_window();
  MmUser child = fork_of(*parent);
  uint64_t value = 0;
  EXPECT_EQ(read_remote(*child, page(9), std::as_writable_bytes(std::span(&value, 1))), 8u);
  EXPECT_EQ(value, 10u);
  MappingPages pages = [&] {
    ReadGuard guard(child->mmap_lock);
    return *measure_mapping(*child, *child->mappings.find(page(0)));
  }();
  EXPECT_EQ(pages.resident, 512u);
  EXPECT_EQ(pages.anonymous_huge, 512u);
  EXPECT_EQ(pages.shared_dirty, 512u);
  EXPECT_EQ(pages.share() >> MappingPages::kShareShift, kHugePageSize / 2);
  uint8_t resident[2];
  EXPECT_TRUE(do_mincore(*child, page(kWindowPages - 1), resident));
  EXPECT_EQ(resident[0], 1);
  EXPECT_EQ(resident[1], 0);
  value = 99;
  EXPECT_EQ(write_remote(*child, page(9), std::as_bytes(std::span(&value, 1))), 8u);
  expect_values();
  machine.run_in(child.get());
  EXPECT_EQ(peek(page(9)), 99u);
}

TEST_F(HugePages, CollapsingGathersSmallPages) {
  map_data(*parent, 2 * kWindowPages, kBase);
  for (uint64_t i = 0; i < kWindowPages; i += 2) ASSERT_TRUE(poke(page(i), i + 1));
  MmUser child = fork_of(*parent);
  advise(kCollapse, 0, kWindowPages);
  EXPECT_EQ(huge_page_count(), 1u);
  EXPECT_EQ(parent->rss_pages(), 512);
  EXPECT_EQ(child->rss_pages(), 256);
  advise(kCollapse, 0, kWindowPages);
  for (uint64_t i = 0; i < kWindowPages; ++i) {
    EXPECT_EQ(peek(page(i)), i % 2 == 0 ? i + 1 : 0);
    EXPECT_TRUE(poke(page(i), 7));
  }
  EXPECT_EQ(do_madvise(*parent, page(kWindowPages), kHugePageSize, kCollapse).error(),
            Errno::inval);  // nothing is there
  machine.run_in(child.get());
  EXPECT_EQ(peek(page(2)), 3u);
}

TEST_F(HugePages, NoMemoryForACollapseLeavesAllAsItWas) {
  map_data(*parent, kWindowPages, kBase);
  for (uint64_t i = 0; i < kWindowPages; ++i) ASSERT_TRUE(poke(page(i), i + 1));
  for (uint64_t nth = 1;; ++nth) {
    LiveCounts before = live_counts();
    arm_fault_injection(nth);
    Result<void> collapsed = do_madvise(*parent, page(0), kHugePageSize, kCollapse);
    arm_fault_injection(0);
    if (collapsed) break;
    EXPECT_EQ(collapsed.error(), Errno::nomem);
    EXPECT_TRUE(before == live_counts());
    expect_values();
  }
  for (uint64_t i = 0; i < kWindowPages; ++i) EXPECT_TRUE(poke(page(i), i + 1));
  EXPECT_EQ(huge_page_count(), 1u);
}

}  // namespace
}  // namespace tine::mm
