// SPDX-License-Identifier: MIT
//
// Tables that are kept from one run of a program or library for the next: when they are noted, made
// and linked, where an image is put so that they fit, what is mapped without a fault, that a change
// is seen by nobody else, and that truncation, exit and a lack of memory find the counts right.
#include "mm/ready_tables.h"

#include <gtest/gtest.h>

#include "mm/advice.h"
#include "mm/fault.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

// An image of 30 pages of headers, 70 pages of code, which begin in one table and end in the next
// where it lies at kImage, and two pages of data.
constexpr uint64_t kHeaders = 30, kCode = 70, kConstants = kHeaders + kCode, kDataPages = 2;
constexpr uint64_t kAll = kConstants + kDataPages;
constexpr UserAddr kImage(0x4000'0000 - 40 * kPageSize);
constexpr uint32_t kReadable = kVmRead | kVmMayAll;
constexpr int kDontNeed = 4;

class ReadyTablesTest : public ::testing::Test {
 protected:
  ReadyTablesTest() {
    for (uint64_t page = 0; page < kAll; ++page) {
      EXPECT_TRUE(file->write_kernel(std::as_bytes(std::span(&page, 1)), page * kPageSize));
    }
  }

  struct Run {
    MmUser mm;
    UserAddr image;
    UserAddr data() const { return image + kConstants * kPageSize; }
    UserAddr page(uint64_t number) const { return image + number * kPageSize; }
  };

  void map(Mm& mm, UserAddr at, uint64_t first, uint64_t pages, uint32_t flags) {
    EXPECT_TRUE(do_mmap(mm, {.address = at,
                             .length = pages * kPageSize,
                             .flags = flags,
                             .object = Ref<MemoryObject>(*file),
                             .object_page = first,
                             .fixed = true}));
  }
  // At its own addresses, as an executable is loaded that is not position-independent.
  Run load(UserAddr at = kImage) {
    Run run{make_mm(), at};
    map(*run.mm, at, 0, kHeaders, kReadable);
    map(*run.mm, run.page(kHeaders), kHeaders, kCode, kReadable | kVmExec);
    map(*run.mm, run.data(), kConstants, kDataPages, kDataFlags);
    return run;
  }
  // As the dynamic linker does it: one mapping of all, then the parts into it.
  UserAddr load_library(Mm& mm) {
    auto all = do_mmap(
        mm, {.length = kAll * kPageSize, .flags = kReadable, .object = Ref<MemoryObject>(*file)});
    EXPECT_TRUE(all);
    map(mm, *all + kHeaders * kPageSize, kHeaders, kCode, kReadable | kVmExec);
    map(mm, *all + kConstants * kPageSize, kConstants, kDataPages, kDataFlags);
    return *all;
  }
  Run load_anywhere() {
    Run run{make_mm(), {}};
    run.image = load_library(*run.mm);
    return run;
  }

  uint64_t faults_of_reading(const Run& run) {
    machine.run_in(run.mm.get());
    const uint64_t before = arch::current_schedulable()->minor_faults;
    for (uint64_t page = 0; page < kConstants; ++page) EXPECT_EQ(peek(run.page(page)), page);
    EXPECT_FALSE(poke(run.page(0), 1));
    return arch::current_schedulable()->minor_faults - before - 1;  // that of the refused write
  }
  void expect_linked(const Run& run) {
    EXPECT_EQ(run.mm->rss_of(RssKind::file), static_cast<int64_t>(linked_pages()));
    EXPECT_EQ(faults_of_reading(run), 0u);
  }
  void expect_not_linked(const Run& run) {
    EXPECT_EQ(run.mm->rss_pages(), 0);
    EXPECT_NE(faults_of_reading(run), 0u);
  }
  uint64_t linked_pages() const { return kConstants; }
  static uint64_t tables() { return memory_statistics().table_frames; }
  bool are_kept() { return file->ready_tables() && file->ready_tables()->has_tables(); }

  MemoryMachine machine;
  Ref<ShmemObject> file = *make_file_pages();
};

TEST_F(ReadyTablesTest, AreMadeForTheSecondRunAndLinkedFromThenOn) {
  const Run first = load();
  EXPECT_FALSE(are_kept());
  expect_not_linked(first);
  const Run second = load();
  EXPECT_TRUE(are_kept());
  expect_linked(second);
  const uint64_t before = tables();
  const Run third = load();
  EXPECT_EQ(tables(), before + 4);  // the top one, and the path from there to the leaves
  EXPECT_EQ(mm_status(*third.mm).page_tables, mm_status(*second.mm).page_tables);
  expect_linked(third);
}

TEST_F(ReadyTablesTest, ALibraryIsPutWhereItsDataBeginsWithATable) {
  const Run first = load_anywhere();
  expect_not_linked(first);
  for (int again = 0; again < 3; ++again) {
    const Run run = load_anywhere();
    EXPECT_EQ(run.data().value % kLeafBytes, 0u);
    expect_linked(run);
    const uint64_t before = tables();
    EXPECT_TRUE(poke(run.data(), 1));
    EXPECT_LE(tables(), before + 1);  // one for the data, and none was copied
    expect_linked(run);
  }
}

TEST_F(ReadyTablesTest, TwoLibrariesDoNotWriteIntoEachOthersTables) {
  (void)load_anywhere();
  Run run = load_anywhere();
  Run lower{MmUser::share(*run.mm), load_library(*run.mm)};
  machine.run_in(run.mm.get());
  const uint64_t before = tables();
  EXPECT_TRUE(poke(lower.data(), 1));
  EXPECT_TRUE(poke(run.data(), 1));
  EXPECT_LE(tables(), before + 2);
  EXPECT_EQ(faults_of_reading(run), 0u);
  EXPECT_EQ(faults_of_reading(lower), 0u);
}

TEST_F(ReadyTablesTest, WhereAddressesRepeatNothingIsMoved) {
  (void)load_anywhere();
  (void)load_anywhere();
  MmUser mm = make_mm();
  mm->repeats_places = true;
  const uint64_t length = kAll * kPageSize;
  EXPECT_EQ(load_library(*mm).value, mm->mmap_base.value - length);
  EXPECT_EQ(mm->rss_pages(), 0);
}

TEST_F(ReadyTablesTest, AHintAFixedPlaceAndASharedMappingStayWhatTheyAre) {
  (void)load_anywhere();
  const Run run = load_anywhere();
  constexpr UserAddr kHint(0x1234'5000);
  MapRequest request{.address = kHint,
                     .length = kAll * kPageSize,
                     .flags = kReadable,
                     .object = Ref<MemoryObject>(*file)};
  EXPECT_EQ(do_mmap(*run.mm, request)->value, kHint.value);
  request.address = UserAddr();
  request.below_4g = true;
  EXPECT_LT(do_mmap(*run.mm, request)->value, 1ull << 31);
}

TEST_F(ReadyTablesTest, OtherRightsPlacesOrPagesAreNotMappedByThem) {
  (void)load();
  (void)load();
  ASSERT_TRUE(are_kept());
  Run other{make_mm(), kImage};  // headers that may be executed
  map(*other.mm, kImage, 0, kConstants, kReadable | kVmExec);
  map(*other.mm, other.data(), kConstants, kDataPages, kDataFlags);
  expect_not_linked(other);
  other = {make_mm(), kImage};  // no headers
  map(*other.mm, other.page(kHeaders), kHeaders, kCode, kReadable | kVmExec);
  map(*other.mm, other.data(), kConstants, kDataPages, kDataFlags);
  EXPECT_EQ(other.mm->rss_pages(), 0);
  expect_not_linked(load(kImage + 8 * kPageSize));
  expect_linked(load(kImage + kLeafBytes));
}

TEST_F(ReadyTablesTest, WhatIsThereAlreadyStays) {
  (void)load();
  (void)load();
  Run run{make_mm(), kImage};
  map(*run.mm, kImage, 0, kHeaders, kReadable);
  map(*run.mm, run.page(kHeaders), kHeaders, kCode, kReadable | kVmExec);
  machine.run_in(run.mm.get());
  EXPECT_EQ(peek(run.page(0)), 0u);  // in the first of the two tables
  const int64_t touched = run.mm->rss_of(RssKind::file);
  map(*run.mm, run.data(), kConstants, kDataPages, kDataFlags);
  EXPECT_EQ(run.mm->rss_of(RssKind::file), touched + static_cast<int64_t>(kConstants - 40));
  EXPECT_NE(faults_of_reading(run), 0u);
}

TEST_F(ReadyTablesTest, AWriteIsSeenByNobodyElse) {
  (void)load();
  Run runs[] = {load(), load(), load()};
  for (uint64_t i = 0; i < 3; ++i) {
    machine.run_in(runs[i].mm.get());
    EXPECT_EQ(peek(runs[i].data()), kConstants);
    EXPECT_TRUE(poke(runs[i].data(), 1000 + i));
  }
  ASSERT_TRUE(do_mprotect(*runs[1].mm, kImage, kPageSize, kVmRead | kVmWrite));
  machine.run_in(runs[1].mm.get());
  EXPECT_TRUE(poke(kImage, 77));
  EXPECT_EQ(peek(runs[1].data()), 1001u);
  EXPECT_EQ(runs[1].mm->rss_of(RssKind::anonymous), 2);
  EXPECT_EQ(faults_of_reading(runs[0]), 0u);
  EXPECT_EQ(faults_of_reading(runs[2]), 0u);
  EXPECT_EQ(peek(runs[2].data()), 1002u);
}

TEST_F(ReadyTablesTest, PartsMayBeUnmappedDiscardedAndMoved) {
  (void)load();
  const Run kept = load();
  Run run = load();
  machine.run_in(run.mm.get());
  ASSERT_TRUE(do_munmap(*run.mm, run.page(10), kPageSize));
  ASSERT_TRUE(do_madvise(*run.mm, run.page(20), kPageSize, kDontNeed));
  constexpr UserAddr kElsewhere(0x7000'0000);
  ASSERT_TRUE(do_mremap(*run.mm, {.old_address = run.page(50),
                                  .old_length = kPageSize,
                                  .new_length = kPageSize,
                                  .may_move = true,
                                  .fixed = true,
                                  .new_address = kElsewhere}));
  EXPECT_EQ(run.mm->rss_of(RssKind::file), static_cast<int64_t>(kConstants) - 2);
  uint64_t word;
  for (uint64_t gone : {10, 50}) {
    EXPECT_NE(arch::copy_from_user(&word, run.page(gone), sizeof word), 0u);
  }
  EXPECT_EQ(peek(run.page(20)), 20u);
  EXPECT_EQ(peek(kElsewhere), 50u);
  expect_linked(kept);
  expect_linked(load());
}

TEST_F(ReadyTablesTest, ForksShareThemToo) {
  (void)load();
  const Run run = load();
  Run child{MmUser::adopt(*dup_mm(*run.mm)), kImage};
  expect_linked(child);
  ASSERT_TRUE(do_munmap(*run.mm, kImage, kAll * kPageSize));
  EXPECT_EQ(run.mm->rss_pages(), 0);
  expect_linked(child);
}

TEST_F(ReadyTablesTest, TruncationReachesWhoLinkedThemAndEndsThem) {
  (void)load();
  const Run runs[] = {load(), load()};
  ASSERT_TRUE(file->resize(50 * kPageSize));
  EXPECT_FALSE(file->ready_tables());
  for (const Run& run : runs) {
    EXPECT_EQ(run.mm->rss_of(RssKind::file), 50);
    machine.run_in(run.mm.get());
    EXPECT_EQ(peek(run.page(49)), 49u);
    uint64_t word;
    EXPECT_NE(arch::copy_from_user(&word, run.page(50), sizeof word), 0u);
  }
}

TEST_F(ReadyTablesTest, WhatIsWrittenToTheFileShowsAndANewPageIsFound) {
  ASSERT_TRUE(file->punch_hole(60 * kPageSize, kPageSize));
  (void)load();
  const Run run = load();
  EXPECT_EQ(run.mm->rss_of(RssKind::file), static_cast<int64_t>(kConstants) - 1);
  for (uint64_t page : {5, 60}) {
    const uint64_t value = 1000 + page;
    EXPECT_TRUE(file->write_kernel(std::as_bytes(std::span(&value, 1)), page * kPageSize));
  }
  EXPECT_FALSE(file->ready_tables());
  const Run later = load();
  for (const Run* each : {&run, &later}) {
    machine.run_in(each->mm.get());
    EXPECT_EQ(peek(each->page(5)), 1005u);
    EXPECT_EQ(peek(each->page(60)), 1060u);
  }
}

TEST_F(ReadyTablesTest, OfContentsThatHaveChangedMeanwhileNothingIsKeptOrLinked) {
  (void)load();
  const Run run = load();
  const Ref<ReadyTables> ready = file->ready_tables();
  const uint64_t changes = file->changes();
  ASSERT_TRUE(file->resize(50 * kPageSize));
  file->keep_ready_tables(ready, changes);
  EXPECT_FALSE(file->ready_tables());
  ASSERT_TRUE(do_munmap(*run.mm, kImage, kConstants * kPageSize));
  WriteGuard guard(run.mm->mmap_lock);
  ready->link_into(*run.mm, run.data(), *file, changes);
  EXPECT_EQ(run.mm->rss_pages(), 0);
}

TEST_F(ReadyTablesTest, WithoutMemoryFaultsDoIt) {
  (void)load();
  for (bool are_made : {false, true}) {
    for (uint64_t nth = 1; nth <= 8; ++nth) {
      Run run{make_mm(), kImage};
      map(*run.mm, kImage, 0, kHeaders, kReadable);
      map(*run.mm, run.page(kHeaders), kHeaders, kCode, kReadable | kVmExec);
      {
        WriteGuard guard(run.mm->mmap_lock);
        arm_fault_injection(nth);
        share_ready_tables(*run.mm, run.data(), *file);
        arm_fault_injection(0);
      }
      (void)faults_of_reading(run);
      EXPECT_EQ(run.mm->rss_of(RssKind::file), static_cast<int64_t>(kConstants));
      machine.run_in(nullptr);
      if (!are_made) {  // begin again, seen once
        ASSERT_TRUE(file->resize(file->size_bytes()));
        (void)load();
      }
    }
    (void)load();
  }
}

}  // namespace
}  // namespace tine::mm
