// SPDX-License-Identifier: MIT
//
// Populating: which pages are there afterwards and whose they are, across borders of tables, after
// a fork and beside what was there before; and what memory running out leaves behind.
#include "mm/populate.h"

#include <gtest/gtest.h>

#include "mm/advice.h"
#include "mm/huge_page.h"
#include "mm/report.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr uint64_t kBase = 0x4000'0000;
constexpr uint64_t kWindowPages = arch::kTableEntries;
UserAddr page(uint64_t number) { return UserAddr(kBase + number * kPageSize); }

class Populate : public ::testing::Test {
 protected:
  Populate() : mm(make_mm()) { machine.run_in(mm.get()); }
  ~Populate() override { machine.run_in(nullptr); }
  Result<void> populate(uint64_t first, uint64_t end, PopulateFor access = PopulateFor::as_mapped) {
    return populate_pages(*mm, page(first), page(end), access);
  }
  MemoryMachine machine{32ull << 20};
  MmUser mm;
};

TEST_F(Populate, BringsInWhatIsMissingAndKeepsWhatIsThere) {
  map_data(*mm, 3 * kWindowPages, kBase);
  EXPECT_TRUE(poke(page(100), 7));
  const uint64_t faults = arch::current_schedulable()->minor_faults;
  EXPECT_TRUE(populate(1, 2 * kWindowPages + 3));
  EXPECT_EQ(mm->rss_pages(), 2 * kWindowPages + 2);
  EXPECT_EQ(arch::current_schedulable()->minor_faults - faults, 2 * kWindowPages + 1);
  EXPECT_EQ(peek(page(100)), 7u);
  EXPECT_EQ(peek(page(2 * kWindowPages + 2)), 0u);
  EXPECT_EQ(arch::current_schedulable()->minor_faults - faults, 2 * kWindowPages + 1);
}

TEST_F(Populate, ToReadShowsThePageOfZeros) {
  map_data(*mm, kWindowPages, kBase);
  EXPECT_TRUE(populate(0, kWindowPages, PopulateFor::read));
  EXPECT_EQ(mm->rss_pages(), 0);
  EXPECT_TRUE(populate(0, kWindowPages, PopulateFor::write));
  EXPECT_EQ(mm->rss_pages(), 512);
}

TEST_F(Populate, ForWritingUnsharesAfterAFork) {
  map_data(*mm, 100, kBase);
  for (uint64_t i = 0; i < 100; ++i) poke(page(i), i + 1);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  const uint64_t before = memory_statistics().anonymous_frames;
  EXPECT_TRUE(populate(0, 100, PopulateFor::read));
  EXPECT_EQ(memory_statistics().anonymous_frames, before);
  EXPECT_TRUE(populate(0, 50));
  EXPECT_EQ(memory_statistics().anonymous_frames, before + 50);
  EXPECT_TRUE(poke(page(3), 99));
  EXPECT_EQ(memory_statistics().anonymous_frames, before + 50);
  machine.run_in(child.get());
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(peek(page(i)), i + 1);
}

TEST_F(Populate, TakesHugePagesWhereTheyAreAskedFor) {
  constexpr int kHugeAdvice = 14;
  map_data(*mm, 2 * kWindowPages, kBase);
  EXPECT_TRUE(do_madvise(*mm, page(0), kHugePageSize, kHugeAdvice));
  EXPECT_TRUE(populate(0, 2 * kWindowPages));
  EXPECT_EQ(huge_page_count(), 1u);
  EXPECT_EQ(mm->rss_pages(), 1024);
}

TEST_F(Populate, MapsTheObjectsPages) {
  auto file = *make_file_pages();
  ASSERT_TRUE(file->resize(70 * kPageSize));
  ASSERT_TRUE(do_mmap(*mm, {.address = page(0),
                            .length = 80 * kPageSize,
                            .flags = kDataFlags | kVmShared,
                            .object = Ref<MemoryObject>(*file),
                            .fixed = true,
                            .populate = true}));
  EXPECT_EQ(mm->rss_of(RssKind::file), 70);
  EXPECT_EQ(file->pages_in_use(), 70u);
  EXPECT_EQ(populate(0, 80).error(), Errno::fault);
  EXPECT_TRUE(populate(0, 70, PopulateFor::write));
}

TEST_F(Populate, SaysWhyItCannot) {
  map_data(*mm, 10, kBase);
  EXPECT_EQ(populate(0, 11, PopulateFor::read).error(), Errno::nomem);
  EXPECT_TRUE(populate(0, 11));  // who maps or locks has looked for holes before
  EXPECT_TRUE(do_mprotect(*mm, page(5), kPageSize, kVmRead));
  EXPECT_EQ(populate(0, 10, PopulateFor::write).error(), Errno::acces);
  EXPECT_TRUE(do_mprotect(*mm, page(5), kPageSize, 0));
  EXPECT_EQ(populate(0, 10).error(), Errno::acces);
}

TEST_F(Populate, MemoryRunningOutLeavesWhatThereWas) {
  const uint64_t pages = total_frame_count() / kWindowPages * kWindowPages * 2;
  map_data(*mm, pages / 2, kBase);  // as much at once as overcommit lets pass
  map_data(*mm, pages / 2, kBase + pages / 2 * kPageSize);
  EXPECT_EQ(populate(0, pages).error(), Errno::nomem);
  EXPECT_EQ(memory_statistics().anonymous_frames, static_cast<uint64_t>(mm->rss_pages()));
  EXPECT_GT(mm->rss_pages(), static_cast<int64_t>(pages / 4));
  EXPECT_TRUE(do_munmap(*mm, page(0), pages * kPageSize));
  EXPECT_EQ(mm->rss_pages(), 0);
}

}  // namespace
}  // namespace tine::mm
