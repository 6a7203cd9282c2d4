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
  auto object = *make_ref<HugeObject>(3 * kHugePageSize);
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
  auto object = *make_ref<HugeObject>(2 * kHugePageSize);
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

// A file of three pages at window(0), shared, and the same at window(3), private.
class HugeFile : public HugePool {
 protected:
  HugeFile() : file(*make_ref<HugeObject>(3 * kHugePageSize)) {}
  Result<UserAddr> show(uint64_t at, uint32_t more, uint64_t from = 0, uint64_t pages = 3) {
    return do_mmap(*parent, {.address = window(at),
                             .length = pages * kHugePageSize,
                             .flags = kPoolFlags | more,
                             .object = Ref<MemoryObject>(*file),
                             .object_page = from * arch::kTableEntries,
                             .fixed = true});
  }
  Ref<HugeObject> file;
};

TEST_F(HugeFile, PromisesStayWithIt) {
  ASSERT_TRUE(show(0, kVmShared));
  ASSERT_TRUE(show(3, kVmShared, 2));  // 2, and what the mapping adds: 3 and 4
  EXPECT_EQ(file->size_bytes(), 5 * kHugePageSize);
  expect_counts(kPages, 5);
  EXPECT_EQ(show(6, kVmShared, 5, 2).error(), Errno::nomem);
  EXPECT_EQ(file->size_bytes(), 5 * kHugePageSize);
  EXPECT_TRUE(poke(window(2), 4));
  EXPECT_EQ(peek(window(3)), 4u);
  expect_counts(kPages - 1, 4);
  EXPECT_TRUE(do_munmap(*parent, window(0), 6 * kHugePageSize));
  expect_counts(kPages - 1, 4);
  EXPECT_TRUE(file->resize(3 * kHugePageSize));
  expect_counts(kPages - 1, 2);
  EXPECT_EQ(file->pages_in_use(), 1u);
  EXPECT_TRUE(file->resize(0));
  expect_counts(kPages, 0);
}

TEST_F(HugeFile, PrivateMappingsKeepTheirOwnApart) {
  ASSERT_TRUE(show(0, kVmShared));
  ASSERT_TRUE(show(3, 0));
  expect_counts(kPages, 6);
  EXPECT_TRUE(poke(window(0), 1));
  EXPECT_EQ(peek(window(3)), 1u);
  expect_counts(kPages - 1, 5);
  EXPECT_TRUE(poke(window(3), 2));
  expect_counts(kPages - 2, 4);
  EXPECT_TRUE(poke(window(5), 3));  // where the file has none
  expect_counts(kPages - 3, 3);
  EXPECT_EQ(file->pages_in_use(), 1u);
  EXPECT_EQ(peek(window(0)), 1u);
  EXPECT_TRUE(poke(window(1), 5));
  EXPECT_EQ(peek(window(4)), 5u);
  MmUser child = fork_of(*parent);
  machine.run_in(child.get());
  EXPECT_EQ(peek(window(3)) + peek(window(5)), 5u);
  EXPECT_FALSE(poke(window(4), 6));  // what is left is promised to others
  machine.run_in(parent.get());
  child = {};
  EXPECT_TRUE(poke(window(4), 6));
  EXPECT_EQ(peek(window(1)), 5u);
  expect_counts(kPages - 5, 1);
  EXPECT_TRUE(do_munmap(*parent, window(3), 3 * kHugePageSize));
  expect_counts(kPages - 2, 1);
}

TEST_F(HugeFile, TruncationTakesAllViewsAlong) {
  ASSERT_TRUE(show(0, kVmShared));
  ASSERT_TRUE(show(3, kVmNoReserve));
  for (uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(poke(window(i), i + 1));
  EXPECT_TRUE(poke(window(4), 9));
  EXPECT_EQ(peek(window(5)), 3u);
  MmUser child = fork_of(*parent);
  EXPECT_TRUE(file->resize(kHugePageSize));
  expect_counts(kPages - 1, 0);
  for (Mm* mm : {parent.get(), child.get()}) {
    machine.run_in(mm);
    EXPECT_EQ(peek(window(0)) + peek(window(3)), 2u);
    for (uint64_t gone : {1, 2, 4, 5}) EXPECT_FALSE(poke(window(gone), 1));
    EXPECT_EQ(mm->rss_of(RssKind::huge_pool) % 512, 0);
  }
}

TEST_F(HugeFile, AllocationIsWholeOrHasWhatItGot) {
  EXPECT_TRUE(file->allocate(kHugePageSize + 1, kHugePageSize));
  EXPECT_EQ(file->pages_in_use(), 2u);
  EXPECT_EQ(file->allocate(0, 20 * kHugePageSize).error(), Errno::nospc);
  EXPECT_EQ(file->pages_in_use(), kPages);
  EXPECT_EQ(file->size_bytes(), 3 * kHugePageSize);
  EXPECT_TRUE(file->resize(3 * kHugePageSize));  // what is behind the end goes
  EXPECT_EQ(file->pages_in_use(), 3u);
  EXPECT_TRUE(file->punch_hole(kPageSize, 2 * kHugePageSize));  // one whole, parts of two
  EXPECT_EQ(file->pages_in_use(), 2u);
  EXPECT_TRUE(file->seal_writes(true));
  EXPECT_EQ(file->punch_hole(0, kHugePageSize).error(), Errno::perm);
}

TEST_F(HugeFile, NoStepThatFailsLosesAny) {
  for (uint64_t nth = 1, done = 0; done == 0; ++nth) {
    arm_fault_injection(nth);
    const bool is_mapped = show(0, kVmShared).has_value();
    const bool is_touched = is_mapped && poke(window(0), 1);
    done = is_touched && file->allocate(3 * kHugePageSize, kHugePageSize);
    arm_fault_injection(0);
    if (is_mapped) EXPECT_TRUE(do_munmap(*parent, window(0), 3 * kHugePageSize));
    EXPECT_TRUE(file->resize(0));
    EXPECT_TRUE(file->resize(3 * kHugePageSize));
    expect_counts(kPages, 0);
  }
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
