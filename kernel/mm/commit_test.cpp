// SPDX-License-Identifier: MIT
//
// Promised memory: each operation on mappings and objects changes the count by what it should, in
// every mode the right ones are refused, and a refusal leaves no trace. The machine checks at the
// end of each test that nothing is promised any more.
#include "mm/commit.h"

#include "mm/advice.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

// Allows `pages` more than are promised now.
void forbid_beyond(uint64_t pages) {
  overcommit.mode.store(Overcommit::never);
  overcommit.admin_reserve_kib.store(0);
  overcommit.user_reserve_kib.store(0);
  overcommit.limit_kib.store((committed_pages() + pages) << (kPageShift - 10));
}

TEST(Commit, ChargesAreMovedSplitAndGivenBack) {
  MemoryMachine machine;
  {
    CommitCharge charge = *CommitCharge::take({.pages = 10});
    EXPECT_EQ(committed_pages(), 10u);
    CommitCharge moved = std::move(charge);
    moved.add(*CommitCharge::take({.pages = 5}));
    EXPECT_EQ(committed_pages(), 15u);
    moved.release(12);
    EXPECT_EQ(moved.pages(), 3u);
    EXPECT_EQ(committed_pages(), 3u);
    ASSERT_TRUE(moved.grow({.pages = 4}));
    EXPECT_EQ(committed_pages(), 7u);
  }
  EXPECT_EQ(committed_pages(), 0u);
}

TEST(Commit, MappingsCountWhileTheyMayBeWritten) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  UserAddr data = map_data(*mm, 16);
  EXPECT_EQ(committed_pages(), 16u);
  ASSERT_TRUE(do_mprotect(*mm, data, 4 * kPageSize, kVmRead));  // promised once, promised for ever
  EXPECT_EQ(committed_pages(), 16u);
  ASSERT_TRUE(do_munmap(*mm, data + 2 * kPageSize, 4 * kPageSize));
  EXPECT_EQ(committed_pages(), 12u);
  UserAddr text = *do_mmap(*mm, {.length = 8 * kPageSize, .flags = kVmRead | kVmMayAll});
  EXPECT_EQ(committed_pages(), 12u);
  ASSERT_TRUE(do_mprotect(*mm, text, 3 * kPageSize, kVmRead | kVmWrite));
  EXPECT_EQ(committed_pages(), 15u);
  ASSERT_TRUE(do_mremap(*mm, {.old_address = text,
                              .old_length = 2 * kPageSize,
                              .new_length = 9 * kPageSize,
                              .may_move = true}));
  EXPECT_EQ(committed_pages(), 22u);
  map_data(*mm, 1, data.value);  // in place of another
  EXPECT_EQ(committed_pages(), 22u);
}

TEST(Commit, ForkPromisesOnceMoreWhatTheChildHas) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  map_data(*mm, 16);
  UserAddr left_out = map_data(*mm, 16);
  {
    MmUser child = MmUser::adopt(*dup_mm(*mm));
    EXPECT_EQ(committed_pages(), 64u);
    map_data(*child, 1);
    EXPECT_EQ(committed_pages(), 65u);
  }
  EXPECT_EQ(committed_pages(), 32u);
  ASSERT_TRUE(do_madvise(*mm, left_out, 4 * kPageSize, 10));  // MADV_DONTFORK
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  EXPECT_EQ(committed_pages(), 32u + 28u);
}

TEST(Commit, BeyondTheLimitEverythingIsRefusedAndNothingChanges) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  UserAddr data = map_data(*mm, 16);
  forbid_beyond(8);
  EXPECT_EQ(do_mmap(*mm, {.length = 8 * kPageSize, .flags = kDataFlags}).error(), Errno::nomem);
  EXPECT_EQ(dup_mm(*mm).error(), Errno::nomem);
  EXPECT_EQ(do_mremap(*mm, {.old_address = data,
                            .old_length = 16 * kPageSize,
                            .new_length = 24 * kPageSize,
                            .may_move = true})
                .error(),
            Errno::nomem);
  EXPECT_EQ(make_shmem(8 * kPageSize, true).error(), Errno::nomem);
  EXPECT_EQ(committed_pages(), 16u);
  map_data(*mm, 16, data.value);  // takes no more than it gives back
  map_data(*mm, 7);
  EXPECT_EQ(committed_pages(), 23u);
}

TEST(Commit, ObjectsCountWholeOrByPage) {
  MemoryMachine machine;
  auto whole = *make_shmem(8 * kPageSize, true);
  EXPECT_EQ(committed_pages(), 8u);
  ASSERT_TRUE(whole->get_page(3, true));
  EXPECT_EQ(committed_pages(), 8u);
  auto by_page = *make_file_pages();
  ASSERT_TRUE(by_page->resize(1000 * kPageSize));
  ASSERT_TRUE(by_page->get_page(3, true));
  ASSERT_TRUE(by_page->get_page(900, true));
  EXPECT_EQ(committed_pages(), 10u);
  forbid_beyond(1);
  EXPECT_EQ(by_page->get_page(4, true).error(), Errno::nospc);
  ASSERT_TRUE(by_page->punch_hole(0, 10 * kPageSize));
  EXPECT_EQ(committed_pages(), 9u);
  whole.reset();
  by_page.reset();
  EXPECT_EQ(committed_pages(), 0u);
}

TEST(Commit, GuessRefusesOnlyTheObvious) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  uint64_t most = total_frame_count();
  EXPECT_EQ(do_mmap(*mm, {.length = (most + 1) * kPageSize, .flags = kDataFlags}).error(),
            Errno::nomem);
  map_data(*mm, most);
  map_data(*mm, most);
  MmUser child = MmUser::adopt(*dup_mm(*mm));
  EXPECT_EQ(committed_pages(), 4 * most);
  overcommit.mode.store(Overcommit::always);
  map_data(*mm, 2 * most);
}

}  // namespace
}  // namespace tine::mm
