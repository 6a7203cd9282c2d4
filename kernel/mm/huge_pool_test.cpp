// SPDX-License-Identifier: MIT
//
// The pool of huge pages: its size, promises and how they are kept, and pages of it in address
// spaces that share them since a fork, whatever of them is changed. No page of the pool is lost.
#include "mm/huge_pool.h"

#include <gtest/gtest.h>

#include "mm/advice.h"
#include "mm/fold.h"
#include "mm/huge_object.h"
#include "mm/huge_page.h"
#include "mm/report.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr uint64_t kBase = 0x4000'0000;
constexpr uint64_t kPages = 6;
constexpr uint32_t kPoolFlags = kDataFlags | kVmHugeTlb | kVmDontExpand;

UserAddr window(uint64_t number) { return UserAddr(kBase + number * kHugePageSize); }
MmUser fork_of(Mm& mm) { return MmUser::adopt(*dup_mm(mm)); }

class HugePool : public ::testing::Test {
 protected:
  HugePool() : parent(make_mm()) {
    machine.run_in(parent.get());
    resize_huge_pool(kPages);
  }
  ~HugePool() override {
    machine.run_in(nullptr);
    parent = {};
    expect_counts(kPages, 0);
    resize_huge_pool(0);
    EXPECT_EQ(huge_pool_counts().total, 0u);
  }
  Result<UserAddr> map(uint64_t pages, uint32_t more = 0, Ref<MemoryObject> object = {}) {
    return do_mmap(*parent, {.address = window(0),
                             .length = pages * kHugePageSize,
                             .flags = kPoolFlags | more,
                             .object = std::move(object),
                             .fixed = true});
  }
  static void expect_counts(uint64_t free, uint64_t reserved) {
    EXPECT_EQ(huge_pool_counts().free, free);
    EXPECT_EQ(huge_pool_counts().reserved, reserved);
  }
  MemoryMachine machine{64ull << 20};
  MmUser parent;
};

TEST_F(HugePool, HasWhatMemoryAllows) {
  EXPECT_EQ(huge_pool_counts().total, kPages);
  EXPECT_EQ(huge_page_count(), 0u);
  resize_huge_pool(1000);
  EXPECT_GT(huge_pool_counts().total, kPages);
  EXPECT_LT(huge_pool_counts().total, 32u);
  resize_huge_pool(kPages);
  EXPECT_EQ(huge_pool_counts().total, kPages);
}

TEST_F(HugePool, PromisesAreKeptAndGivenBack) {
  ASSERT_TRUE(map(4));
  expect_counts(kPages, 4);
  EXPECT_TRUE(poke(window(1), 7));
  expect_counts(kPages - 1, 3);
  EXPECT_EQ(parent->rss_pages(), 0);
  EXPECT_EQ(parent->rss_of(RssKind::huge_pool), 512);
  EXPECT_FALSE(HugeReservation::take(3).has_value());
  EXPECT_TRUE(do_munmap(*parent, window(0), 2 * kHugePageSize));
  expect_counts(kPages, 2);
  EXPECT_EQ(parent->rss_of(RssKind::huge_pool), 0);
  EXPECT_EQ(do_munmap(*parent, window(2) + kPageSize, kHugePageSize).error(), Errno::inval);
}

TEST_F(HugePool, ShrinkingWaitsForThoseInUse) {
  ASSERT_TRUE(map(3));
  EXPECT_TRUE(poke(window(0), 1));
  resize_huge_pool(0);
  EXPECT_EQ(huge_pool_counts().total, 3u);
  EXPECT_EQ(huge_pool_counts().surplus, 3u);
  EXPECT_TRUE(poke(window(1), 1));
  EXPECT_TRUE(do_munmap(*parent, window(0), 3 * kHugePageSize));
  resize_huge_pool(kPages);
}

TEST_F(HugePool, AForkSharesAndTheLastOwnerCopiesNothing) {
  ASSERT_TRUE(map(2));
  EXPECT_TRUE(poke(window(0), 1));
  MmUser child = fork_of(*parent);
  expect_counts(kPages - 1, 1);
  machine.run_in(child.get());
  EXPECT_EQ(peek(window(0)), 1u);
  EXPECT_TRUE(poke(window(0) + 8, 2));
  expect_counts(kPages - 2, 1);
  EXPECT_TRUE(poke(window(1), 3));  // not out of the parent's promise
  expect_counts(kPages - 3, 1);
  machine.run_in(parent.get());
  EXPECT_EQ(peek(window(0) + 8), 0u);
  EXPECT_TRUE(poke(window(0), 5));
  expect_counts(kPages - 3, 1);
  child = {};
  expect_counts(kPages - 1, 1);
}

TEST_F(HugePool, TheOwnerTakesBackWhatAChildShares) {
  ASSERT_TRUE(map(2));
  EXPECT_TRUE(poke(window(0), 1));
  EXPECT_TRUE(poke(window(1), 2));
  MmUser child = fork_of(*parent);
  machine.run_in(child.get());
  MmUser grandchild = fork_of(*child);
  machine.run_in(parent.get());
  HugeReservation rest = *HugeReservation::take(kPages - 2);
  EXPECT_TRUE(poke(window(0), 3));
  for (Mm* mm : {child.get(), grandchild.get()}) {
    machine.run_in(mm);
    EXPECT_FALSE(poke(window(0), 1));
    EXPECT_EQ(peek(window(1)), 2u);
    EXPECT_FALSE(poke(window(1), 1));
    EXPECT_EQ(mm->rss_of(RssKind::huge_pool), 512);
  }
  machine.run_in(parent.get());
  EXPECT_EQ(peek(window(0)), 3u);
}

TEST_F(HugePool, WithoutRightsTheyStay) {
  ASSERT_TRUE(map(3));
  for (uint64_t i = 0; i < 3; ++i) poke(window(i), i + 1);
  EXPECT_TRUE(do_mprotect(*parent, window(0), 2 * kHugePageSize, 0));
  EXPECT_FALSE(poke(window(0), 0));
  MmUser child = fork_of(*parent);
  EXPECT_TRUE(do_mprotect(*parent, window(0), kHugePageSize, kVmRead | kVmWrite));
  EXPECT_TRUE(poke(window(0), 9));
  EXPECT_TRUE(do_munmap(*parent, window(1), kHugePageSize));
  machine.run_in(child.get());
  EXPECT_TRUE(do_mprotect(*child, window(0), 3 * kHugePageSize, kVmRead));
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(peek(window(i)), i + 1);
}

TEST_F(HugePool, MoveAndDiscardWhole) {
  ASSERT_TRUE(map(3));
  for (uint64_t i = 0; i < 3; ++i) poke(window(i), i + 1);
  MmUser child = fork_of(*parent);
  auto moved = do_mremap(*parent, {.old_address = window(0),
                                   .old_length = 3 * kHugePageSize,
                                   .new_length = 2 * kHugePageSize,
                                   .may_move = true,
                                   .fixed = true,
                                   .new_address = window(600)});
  ASSERT_TRUE(moved);
  EXPECT_EQ(peek(window(601)), 2u);
  EXPECT_FALSE(poke(window(0), 1));
  EXPECT_TRUE(do_madvise(*parent, window(601), kHugePageSize, 4));
  EXPECT_EQ(peek(window(601)), 0u);
  EXPECT_TRUE(poke(window(600), 7));
  machine.run_in(child.get());
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(peek(window(i)), i + 1);
}

TEST_F(HugePool, AnObjectKeepsThemForItsViews) {
  auto object = *HugeObject::create(3 * kHugePageSize);
  ASSERT_TRUE(map(3, kVmShared, Ref<MemoryObject>(*object)));
  expect_counts(kPages, 3);
  EXPECT_TRUE(poke(window(0), 1));
  MmUser child = fork_of(*parent);
  machine.run_in(child.get());
  EXPECT_TRUE(poke(window(0) + 8, 2));
  EXPECT_TRUE(poke(window(2), 3));
  expect_counts(kPages - 2, 1);
  EXPECT_TRUE(object->punch_hole(0, kHugePageSize));
  expect_counts(kPages - 1, 1);
  machine.run_in(parent.get());
  EXPECT_EQ(peek(window(0) + 8), 0u);
  EXPECT_EQ(peek(window(2)), 3u);
}

arch::Pte entry_at(Mm& mm, UserAddr at) {
  SpinGuard guard(mm.page_table_lock);
  return mm.page_table.effective_entry(at);
}
bool is_folded(Mm& mm) {
  SpinGuard guard(mm.page_table_lock);
  return mm.page_table.is_folded();
}
uint64_t fold(Mm& mm) { return fold_tables(mm).value_or(0); }

TEST_F(HugePool, FoldingKeepsThemAsTheyAre) {
  ASSERT_TRUE(map(4));
  for (uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(poke(window(i), i + 1));
  EXPECT_TRUE(do_mprotect(*parent, window(1), kHugePageSize, 0));
  arch::Pte before[4];
  for (uint64_t i = 0; i < 4; ++i) before[i] = entry_at(*parent, window(i) + kPageSize);
  EXPECT_EQ(fold(*parent), 3u);  // reserves stay
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(entry_at(*parent, window(i) + kPageSize), before[i]);
  EXPECT_NE(before[1].raw(), 0u);
  EXPECT_FALSE(before[1].is_present());
  EXPECT_TRUE(before[2].is_writable());
  {
    SpinGuard guard(parent->page_table_lock);
    EXPECT_NE(parent->page_table.find_huge(window(1)), nullptr);
    EXPECT_EQ(parent->page_table.other_users(window(1)), 0u);
  }
  EXPECT_EQ(parent->rss_of(RssKind::huge_pool), 3 * 512);
  expect_counts(kPages - 3, 1);
  EXPECT_FALSE(poke(window(1), 0));
  EXPECT_TRUE(is_folded(*parent));
  EXPECT_TRUE(do_mprotect(*parent, window(1), kHugePageSize, kVmRead | kVmWrite));
  EXPECT_FALSE(is_folded(*parent));
  EXPECT_NE(fold(*parent), 0u);
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(peek(window(i)), i + 1);
  EXPECT_TRUE(poke(window(1), 9));
  EXPECT_TRUE(poke(window(3), 9));
  expect_counts(kPages - 4, 0);
  EXPECT_NE(fold(*parent), 0u);  // and exit gives all of them back
}

TEST_F(HugePool, FoldedTablesAreUnmappedCountedAndForked) {
  ASSERT_TRUE(map(4));
  for (uint64_t i = 1; i < 4; ++i) EXPECT_TRUE(poke(window(i), i + 1));
  EXPECT_NE(fold(*parent), 0u);
  {
    ReadGuard guard(parent->mmap_lock);
    EXPECT_EQ(measure_mapping(*parent, *parent->mappings.find(window(0)))->pool_private, 3 * 512u);
  }
  EXPECT_NE(fold(*parent), 0u);
  EXPECT_TRUE(do_madvise(*parent, window(1), 2 * kHugePageSize, 4 /* DONTNEED */));
  expect_counts(kPages - 1, 3);
  EXPECT_NE(fold(*parent), 0u);
  MmUser child = fork_of(*parent);
  machine.run_in(child.get());
  EXPECT_EQ(peek(window(3)), 4u);
  EXPECT_NE(fold(*child), 0u);
  machine.run_in(parent.get());
  EXPECT_NE(fold(*parent), 0u);
  EXPECT_TRUE(do_munmap(*parent, window(0), 4 * kHugePageSize));
  expect_counts(kPages - 1, 0);
}

TEST_F(HugePool, TheOwnerTakesBackWhatAFoldedChildShares) {
  ASSERT_TRUE(map(2));
  EXPECT_TRUE(poke(window(0), 1));
  EXPECT_TRUE(poke(window(1), 2));
  MmUser child = fork_of(*parent);
  EXPECT_NE(fold(*child), 0u);
  MmUser hidden = fork_of(*parent);
  EXPECT_TRUE(do_mprotect(*hidden, window(0), 2 * kHugePageSize, 0));
  EXPECT_NE(fold(*hidden), 0u);
  HugeReservation rest = *HugeReservation::take(kPages - 2);
  EXPECT_TRUE(poke(window(0), 3));
  EXPECT_TRUE(do_mprotect(*hidden, window(0), 2 * kHugePageSize, kVmRead | kVmWrite));
  for (Mm* mm : {child.get(), hidden.get()}) {
    machine.run_in(mm);
    EXPECT_FALSE(poke(window(0), 1));
    EXPECT_EQ(peek(window(1)), 2u);
    EXPECT_EQ(mm->rss_of(RssKind::huge_pool), 512);
  }
  machine.run_in(parent.get());
  EXPECT_EQ(peek(window(0)), 3u);
}

TEST_F(HugePool, AnObjectTakesThemOutOfFoldedTables) {
  auto object = *HugeObject::create(2 * kHugePageSize);
  ASSERT_TRUE(map(2, kVmShared, Ref<MemoryObject>(*object)));
  EXPECT_TRUE(poke(window(0), 1));
  EXPECT_TRUE(poke(window(1), 2));
  EXPECT_TRUE(do_mprotect(*parent, window(0), 2 * kHugePageSize, 0));
  EXPECT_NE(fold(*parent), 0u);
  EXPECT_TRUE(object->punch_hole(0, kHugePageSize));
  EXPECT_EQ(parent->rss_of(RssKind::huge_pool), 512);
  expect_counts(kPages - 1, 0);
  EXPECT_NE(fold(*parent), 0u);
  EXPECT_TRUE(do_mprotect(*parent, window(0), 2 * kHugePageSize, kVmRead | kVmWrite));
  EXPECT_EQ(peek(window(0)), 0u);
  EXPECT_EQ(peek(window(1)), 2u);
}

TEST_F(HugePool, NoStepThatFailsLosesAny) {
  for (uint64_t nth = 1;; ++nth) {
    arm_fault_injection(nth);
    auto mapped = map(4);
    arm_fault_injection(0);
    if (mapped) break;
    EXPECT_EQ(mapped.error(), Errno::nomem);
    expect_counts(kPages, 0);
  }
  EXPECT_TRUE(poke(window(0), 1));
  for (uint64_t nth = 1;; ++nth) {
    arm_fault_injection(nth);
    auto child = dup_mm(*parent);
    arm_fault_injection(0);
    expect_counts(kPages - 1, 3);
    if (!child) continue;
    mm_put_user(**child);
    break;
  }
}

}  // namespace
}  // namespace tine::mm
