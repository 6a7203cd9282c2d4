// SPDX-License-Identifier: MIT
//
// Folded page tables: what is given back and made again, that memory, counts, VmRSS and VmPTE are
// what they were, and each operation on an address space that is folded. Without memory to unfold,
// an operation fails as others do and nothing is lost.
#include <gtest/gtest.h>

#include <vector>

#include "mm/advice.h"
#include "mm/fault.h"
#include "mm/fold.h"
#include "mm/page_sharing.h"
#include "mm/remote.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr uint64_t kBase = 0x4000'0000, kFar = 0x7f00'0000'0000;

uint64_t tables() { return memory_statistics().table_frames; }
bool is_folded(Mm& mm) {
  SpinGuard guard(mm.page_table_lock);
  return mm.page_table.is_folded();
}
uint64_t fold(Mm& mm) {
  Result<uint64_t> gained = fold_tables(mm);
  EXPECT_TRUE(gained.has_value());
  return gained.value_or(0);
}

class Fold : public ::testing::Test {
 protected:
  Fold() : mm(make_mm()) { machine.run_in(mm.get()); }

  void fill(uint64_t at, uint64_t pages) {
    map_data(*mm, pages, at);
    for (uint64_t i = 0; i < pages; ++i) ASSERT_TRUE(poke(UserAddr(at) + i * kPageSize, at + i));
  }
  void expect_filled(uint64_t at, uint64_t pages) {
    for (uint64_t i = 0; i < pages; ++i) EXPECT_EQ(peek(UserAddr(at) + i * kPageSize), at + i);
  }
  // Nothing is left for a fault; giving the frames back ends it.
  std::vector<Frame*> take_all_memory() {
    std::vector<Frame*> taken;
    for (;;) {
      if (Frame* frame = take_frame(FrameKind::kernel)) {
        taken.push_back(frame);
      } else if (reclaim_frames() == 0) {
        return taken;
      }
    }
  }

  MemoryMachine machine;
  MmUser mm;
};

TEST_F(Fold, GivesAllOwnTablesBackAndMakesThemAgain) {
  fill(kBase, 5);
  fill(kFar, 3);
  const uint64_t before = tables();
  const MmStatus status = mm_status(*mm);
  EXPECT_EQ(fold(*mm), 7u);
  EXPECT_TRUE(is_folded(*mm));
  EXPECT_EQ(tables(), before - 7);
  EXPECT_EQ(mm_status(*mm).rss, status.rss);
  EXPECT_EQ(mm_status(*mm).page_tables, 0u);
  EXPECT_EQ(mm_status(*mm).folded_table_bytes, FoldedTables::bytes_for(8));
  EXPECT_EQ(fold(*mm), 0u);
  expect_filled(kBase, 5);
  EXPECT_FALSE(is_folded(*mm));
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(mm_status(*mm).page_tables, status.page_tables);
  EXPECT_EQ(mm_status(*mm).folded_table_bytes, 0u);
  expect_filled(kFar, 3);
}

TEST_F(Fold, KeepsWhatEntriesAllowAndHaveSeen) {
  fill(kBase, 4);
  ASSERT_TRUE(do_mprotect(*mm, UserAddr(kBase), kPageSize, 0));
  ASSERT_TRUE(do_mprotect(*mm, UserAddr(kBase) + kPageSize, kPageSize, kVmRead));
  std::vector<arch::Pte> before, after;
  auto collect = [&](std::vector<arch::Pte>& into) {
    SpinGuard guard(mm->page_table_lock);
    for (int i = 0; i < 5; ++i) {
      into.push_back(mm->page_table.effective_entry(UserAddr(kBase) + i * kPageSize));
    }
  };
  collect(before);
  ASSERT_NE(fold(*mm), 0u);
  collect(after);
  EXPECT_EQ(before, after);
  EXPECT_FALSE(poke(UserAddr(kBase), 1));
  EXPECT_FALSE(poke(UserAddr(kBase) + kPageSize, 1));
  EXPECT_EQ(peek(UserAddr(kBase) + kPageSize), kBase + 1);
  EXPECT_FALSE(is_folded(*mm));
}

TEST_F(Fold, LeavesSharedTablesWhereTheyAre) {
  fill(kBase, 600);
  fill(kFar, 2);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  machine.run_in(child.get());
  ASSERT_TRUE(poke(UserAddr(kFar), 7));
  const uint64_t before = tables();
  EXPECT_EQ(fold(*child), 4u);  // the top one and the path that was copied
  EXPECT_EQ(tables(), before - 4);
  EXPECT_EQ(child->rss_pages(), 602);
  EXPECT_EQ(mm_status(*child).page_tables + 3, mm_status(*mm).page_tables);
  // The parent sees that others use its tables, and copies before it writes.
  machine.run_in(mm.get());
  ASSERT_TRUE(poke(UserAddr(kBase), 9));
  machine.run_in(child.get());
  expect_filled(kBase, 600);
  EXPECT_EQ(peek(UserAddr(kFar)), 7u);
}

TEST_F(Fold, TheParentBecomesTheLastOwnerWhenAFoldedChildExits) {
  fill(kBase, 600);
  const uint64_t tables_before = tables(), frames_before = memory_statistics().anonymous_frames;
  {
    MmUser child = MmUser::adopt(*dup_mm(*mm));
    machine.run_in(child.get());
    ASSERT_TRUE(poke(UserAddr(kBase) + 590 * kPageSize, 7));
    ASSERT_NE(fold(*child), 0u);
    machine.run_in(mm.get());
  }
  for (uint64_t i = 0; i < 600; ++i) ASSERT_TRUE(poke(UserAddr(kBase) + i * kPageSize, kBase + i));
  EXPECT_EQ(tables(), tables_before);
  EXPECT_EQ(memory_statistics().anonymous_frames, frames_before);
}

TEST_F(Fold, TablesThatOthersHaveLeftAreFoldedAsWell) {
  fill(kBase, 3);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  machine.run_in(child.get());
  mm = MmUser();
  EXPECT_EQ(fold(*child), 4u);
  expect_filled(kBase, 3);
}

TEST_F(Fold, AForkOfAFoldedParentFindsEverything) {
  fill(kBase, 3);
  ASSERT_NE(fold(*mm), 0u);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  machine.run_in(child.get());
  expect_filled(kBase, 3);
  EXPECT_EQ(child->rss_pages(), 3);
}

TEST_F(Fold, EachChangeOfTheMappingsUnfolds) {
  fill(kBase, 6);
  ASSERT_NE(fold(*mm), 0u);
  ASSERT_TRUE(do_munmap(*mm, UserAddr(kBase), kPageSize));
  ASSERT_NE(fold(*mm), 0u);
  ASSERT_TRUE(do_mprotect(*mm, UserAddr(kBase) + kPageSize, kPageSize, kVmRead));
  ASSERT_NE(fold(*mm), 0u);
  ASSERT_TRUE(do_mremap(*mm, {.old_address = UserAddr(kBase) + 2 * kPageSize,
                              .old_length = kPageSize,
                              .new_length = kPageSize,
                              .may_move = true,
                              .fixed = true,
                              .new_address = UserAddr(kFar)}));
  ASSERT_NE(fold(*mm), 0u);
  ASSERT_TRUE(do_madvise(*mm, UserAddr(kBase) + 3 * kPageSize, kPageSize, 4 /* DONTNEED */));
  EXPECT_FALSE(poke(UserAddr(kBase) + kPageSize, 1));
  EXPECT_EQ(peek(UserAddr(kBase) + kPageSize), kBase + 1);
  EXPECT_EQ(peek(UserAddr(kFar)), kBase + 2);
  EXPECT_EQ(peek(UserAddr(kBase) + 3 * kPageSize), 0u);
  EXPECT_EQ(peek(UserAddr(kBase) + 5 * kPageSize), kBase + 5);
}

TEST_F(Fold, DiscardingSmallPagesTakesThemOutOfTheRecord) {
  fill(kBase, 3);
  ASSERT_NE(fold(*mm), 0u);
  ASSERT_TRUE(do_madvise(*mm, UserAddr(kBase) + kPageSize, kPageSize, 4 /* DONTNEED */));
  EXPECT_TRUE(is_folded(*mm));
  EXPECT_EQ(mm->rss_pages(), 2);
  EXPECT_EQ(peek(UserAddr(kBase)), kBase);
  EXPECT_EQ(peek(UserAddr(kBase) + kPageSize), 0u);
  EXPECT_EQ(peek(UserAddr(kBase) + 2 * kPageSize), kBase + 2);
}

TEST_F(Fold, TruncationTakesPagesOutOfTheRecordWithoutMemory) {
  Ref<ShmemObject> file = *make_file_pages();
  ASSERT_TRUE(file->resize(4 * kPageSize));
  ASSERT_TRUE(do_mmap(*mm, {.address = UserAddr(kBase),
                            .length = 4 * kPageSize,
                            .flags = kDataFlags | kVmShared,
                            .object = file,
                            .fixed = true}));
  for (uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(poke(UserAddr(kBase) + i * kPageSize, i));
  ASSERT_NE(fold(*mm), 0u);
  std::vector<Frame*> taken = take_all_memory();
  EXPECT_TRUE(file->resize(kPageSize));
  EXPECT_TRUE(is_folded(*mm));
  for (Frame* frame : taken) put_frame(*frame);
  EXPECT_EQ(mm->rss_pages(), 1);
  EXPECT_EQ(peek(UserAddr(kBase)), 0u);
  EXPECT_FALSE(poke(UserAddr(kBase) + kPageSize, 1));
}

TEST_F(Fold, IsReadByOthersWithoutUnfolding) {
  fill(kBase, 2);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  machine.run_in(child.get());
  ASSERT_TRUE(poke(UserAddr(kBase), 5));
  machine.run_in(mm.get());
  ASSERT_NE(fold(*child), 0u);
  uint64_t value = 0;
  EXPECT_EQ(read_remote(*child, UserAddr(kBase), std::as_writable_bytes(std::span(&value, 1))), 8u);
  EXPECT_EQ(value, 5u);
  {
    ReadGuard guard(child->mmap_lock);
    const Vma* vma = child->mappings.find(UserAddr(kBase));
    ASSERT_NE(vma, nullptr);
    MappingPages pages = *measure_mapping(*child, *vma);
    EXPECT_EQ(pages.resident, 2u);
    EXPECT_EQ(pages.anonymous, 2u);
  }
  uint8_t resident[3] = {};
  map_data(*child, 1, kBase + 2 * kPageSize);
  ASSERT_NE(fold(*child) + is_folded(*child), 0u);
  ASSERT_TRUE(do_mincore(*child, UserAddr(kBase), resident));
  EXPECT_EQ(resident[0], 1);
  EXPECT_EQ(resident[1], 1);
  EXPECT_EQ(resident[2], 0);
  EXPECT_TRUE(is_folded(*child));
}

TEST_F(Fold, IsWrittenByOthersAfterUnfolding) {
  fill(kBase, 2);
  ASSERT_NE(fold(*mm), 0u);
  const uint64_t value = 11;
  EXPECT_EQ(write_remote(*mm, UserAddr(kBase), std::as_bytes(std::span(&value, 1))), 8u);
  EXPECT_EQ(peek(UserAddr(kBase)), 11u);
}

TEST_F(Fold, HugePagesStayWhole) {
  map_data(*mm, 512, kBase);
  ASSERT_TRUE(do_madvise(*mm, UserAddr(kBase), kHugePageSize, 14 /* HUGEPAGE */));
  ASSERT_TRUE(poke(UserAddr(kBase) + 5 * kPageSize, 3));
  ASSERT_NE(fold(*mm), 0u);
  {
    SpinGuard guard(mm->page_table_lock);
    EXPECT_NE(mm->page_table.find_huge(UserAddr(kBase)), nullptr);
  }
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  machine.run_in(child.get());
  ASSERT_NE(fold(*child), 0u);
  machine.run_in(mm.get());
  ASSERT_TRUE(poke(UserAddr(kBase) + 5 * kPageSize, 4));  // splits: the child's still shows 2 MiB
  machine.run_in(child.get());
  EXPECT_EQ(peek(UserAddr(kBase) + 5 * kPageSize), 3u);
  EXPECT_EQ(child->rss_pages(), 512);
}

TEST_F(Fold, ExitDropsTheRecord) {  // and MemoryMachine finds that nothing is left
  fill(kBase, 3);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  machine.run_in(child.get());
  ASSERT_TRUE(poke(UserAddr(kBase), 5));
  ASSERT_NE(fold(*child), 0u);
  ASSERT_NE(fold(*mm), 0u);
}

TEST_F(Fold, DoesNotPayForFullTablesAndLeavesLockedMemoryAlone) {
  fill(kBase, 600);
  EXPECT_EQ(fold(*mm), 0u);
  MmUser other = make_mm();
  machine.run_in(other.get());
  map_data(*other, 1, kBase);
  ASSERT_TRUE(do_mlock(*other, UserAddr(kBase), kPageSize, true, true));
  EXPECT_EQ(fold(*other), 0u);
  MmUser empty = make_mm();
  EXPECT_EQ(fold(*empty), 0u);
}

TEST_F(Fold, WithoutMemoryATouchFailsAndNothingIsLost) {
  fill(kBase, 3);
  ASSERT_NE(fold(*mm), 0u);
  for (uint64_t left = 0; left < 4; ++left) {
    std::vector<Frame*> taken = take_all_memory();
    for (uint64_t i = 0; i < left; ++i) {
      put_frame(*taken.back());
      taken.pop_back();
    }
    FaultOutcome outcome = FaultOutcome::handled;  // as long as something could be reclaimed
    for (int i = 0; i < 10 && outcome == FaultOutcome::handled; ++i) {
      outcome = handle_page_fault(*mm, UserAddr(kBase), {}).outcome;
    }
    EXPECT_EQ(outcome, FaultOutcome::out_of_memory);
    EXPECT_EQ(do_munmap(*mm, UserAddr(kBase), kPageSize).error(), Errno::nomem);
    EXPECT_EQ(dup_mm(*mm).error(), Errno::nomem);
    EXPECT_TRUE(is_folded(*mm));
    for (Frame* frame : taken) put_frame(*frame);
  }
  expect_filled(kBase, 3);
}

TEST_F(Fold, OneWhoIsBusyWithItsMappingsIsLeftAlone) {
  fill(kBase, 3);
  ReadGuard guard(mm->mmap_lock);
  EXPECT_EQ(fold_tables(*mm).error(), Errno::busy);
}

}  // namespace
}  // namespace tine::mm
