// SPDX-License-Identifier: MIT
//
// Tables that are kept from one program's run for the next: what is mapped without a fault, who
// shares what, that a write copies, and that truncation, exit and a lack of memory find the counts
// right.
#include "mm/ready_tables.h"

#include <gtest/gtest.h>

#include "mm/fault.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

// A program of 100 pages of code that begin in one table and end in the next, and a page of data.
constexpr uint64_t kCodePages = 100;
constexpr UserAddr kCode(0x4000'0000 - 40 * kPageSize);
constexpr UserAddr kData = kCode + kCodePages * kPageSize, kEnd = kData + kPageSize;

class ReadyTablesTest : public ::testing::Test {
 protected:
  ReadyTablesTest() {
    for (uint64_t page = 0; page <= kCodePages; ++page) {
      EXPECT_TRUE(file->write_kernel(std::as_bytes(std::span(&page, 1)), page * kPageSize));
    }
  }
  MmUser start_run() {
    MmUser mm = make_mm();
    map(*mm, kCode, kCodePages, 0, kVmRead | kVmExec | kVmMayAll);
    map(*mm, kData, 1, kCodePages, kDataFlags);
    return mm;
  }
  void map(Mm& mm, UserAddr at, uint64_t pages, uint64_t object_page, uint32_t flags) {
    EXPECT_TRUE(do_mmap(mm, {.address = at,
                             .length = pages * kPageSize,
                             .flags = flags,
                             .object = Ref<MemoryObject>(*file),
                             .object_page = object_page,
                             .fixed = true}));
  }
  MmUser first_run() {
    MmUser mm = start_run();
    map_cached_pages(*mm, kCode, kData);
    ready.keep_from(*mm, kCode, kEnd);
    EXPECT_TRUE(ready.are_kept());
    return mm;
  }
  void expect_code(Mm& mm) {
    machine.run_in(&mm);
    const uint64_t faults = arch::current_schedulable()->minor_faults;
    for (uint64_t page = 0; page < kCodePages; ++page)
      EXPECT_EQ(peek(kCode + page * kPageSize), page);
    EXPECT_EQ(arch::current_schedulable()->minor_faults, faults);
    EXPECT_FALSE(poke(kCode, 1));
  }
  static uint64_t tables() { return memory_statistics().table_frames; }

  MemoryMachine machine;
  Ref<ShmemObject> file = *make_file_pages();
  ReadyTables ready;
};

TEST_F(ReadyTablesTest, TheNextRunHasThePagesAndNoTablesOfItsOwn) {
  MmUser first = first_run();
  expect_code(*first);
  const uint64_t before = tables();
  MmUser next = start_run();
  ready.link_into(*next);
  EXPECT_EQ(tables(), before + 4);  // the top one, and the path from there to the leaves
  EXPECT_EQ(next->rss_of(RssKind::file), static_cast<int64_t>(kCodePages));
  EXPECT_EQ(mm_status(*next).page_tables, mm_status(*first).page_tables);
  expect_code(*next);
  first = MmUser();
  expect_code(*next);
}

TEST_F(ReadyTablesTest, AWriteIsSeenByNobodyElse) {
  MmUser runs[] = {first_run(), start_run(), start_run()};
  ready.link_into(*runs[1]);
  ready.link_into(*runs[2]);
  for (uint64_t i = 0; i < 3; ++i) {
    machine.run_in(runs[i].get());
    EXPECT_EQ(peek(kData), kCodePages);
    EXPECT_TRUE(poke(kData, 1000 + i));
  }
  ASSERT_TRUE(do_mprotect(*runs[1], kCode, kPageSize, kVmRead | kVmWrite));
  machine.run_in(runs[1].get());
  EXPECT_TRUE(poke(kCode, 77));
  EXPECT_EQ(peek(kData), 1001u);
  EXPECT_EQ(runs[1]->rss_of(RssKind::anonymous), 2);
  EXPECT_EQ(runs[1]->rss_of(RssKind::file), static_cast<int64_t>(kCodePages) - 1);
  expect_code(*runs[0]);
  expect_code(*runs[2]);
  EXPECT_EQ(peek(kData), 1002u);
}

TEST_F(ReadyTablesTest, AreKeptOnce) {
  MmUser first = first_run();
  MmUser other = start_run();
  map_cached_pages(*other, kCode, kData);
  const uint64_t before = tables();
  ready.keep_from(*other, kCode, kEnd);
  other = MmUser();
  EXPECT_EQ(tables(), before - 6);
  MmUser next = start_run();
  ready.link_into(*next);
  expect_code(*next);
}

TEST_F(ReadyTablesTest, TruncationReachesWhoLinkedThem) {
  MmUser first = first_run();
  MmUser next = start_run();
  ready.link_into(*next);
  ASSERT_TRUE(file->resize(50 * kPageSize));
  for (Mm* mm : {first.get(), next.get()}) {
    EXPECT_EQ(mm->rss_of(RssKind::file), 50);
    machine.run_in(mm);
    EXPECT_EQ(peek(kCode + 49 * kPageSize), 49u);
    uint64_t word;
    EXPECT_NE(arch::copy_from_user(&word, kCode + 50 * kPageSize, sizeof word), 0u);
  }
}

TEST_F(ReadyTablesTest, WithoutMemoryFaultsDoIt) {
  MmUser first = first_run();
  for (uint64_t nth = 1; nth <= 4; ++nth) {
    MmUser next = start_run();
    arm_fault_injection(nth);
    ready.link_into(*next);
    arm_fault_injection(0);
    machine.run_in(next.get());
    for (uint64_t page = 0; page < kCodePages; ++page)
      EXPECT_EQ(peek(kCode + page * kPageSize), page);
    EXPECT_EQ(next->rss_of(RssKind::file), static_cast<int64_t>(kCodePages));
    machine.run_in(nullptr);
  }
}

}  // namespace
}  // namespace tine::mm
