// SPDX-License-Identifier: MIT
//
// The words of pagemap for memory that a fork shares, copies and huge pages of the pool, in
// stretches; forgetting accesses is for one address space alone, also where tables are shared.
#include "mm/page_map.h"

#include <gtest/gtest.h>

#include "mm/huge_object.h"
#include "mm/report.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr UserAddr kBase(0x4000'0000);
constexpr uint64_t kOwn = kPageMapPresent | kPageMapExclusive;
constexpr uint64_t kOwnFile = kOwn | kPageMapFile;

class PageMap : public ::testing::Test {
 protected:
  PageMap() : parent(make_mm()), leaf(*make<LeafSharing>()) { machine.run_in(parent.get()); }
  ~PageMap() override { machine.run_in(nullptr); }
  static UserAddr page(uint64_t number) { return kBase + number * kPageSize; }
  static void map(Mm& mm, uint64_t pages, uint32_t more = 0, Ref<MemoryObject> object = {}) {
    ASSERT_TRUE(do_mmap(mm, {.address = kBase,
                             .length = pages * kPageSize,
                             .flags = kDataFlags | more,
                             .object = std::move(object),
                             .fixed = true}));
  }
  uint64_t word(Mm& mm, uint64_t number, bool shows_frames = false) {
    uint64_t words[1] = {~uint64_t{0}};
    const PageMapStretch stretch =
        describe_pages(mm, page(number), page(number + 1), words, shows_frames, *leaf);
    EXPECT_EQ(stretch.pages, 1u);
    return stretch.is_empty ? 0 : words[0];
  }
  static uint64_t referenced(Mm& mm) {
    ReadGuard guard(mm.mmap_lock);
    return measure_mapping(mm, *mm.mappings.find(kBase))->referenced;
  }
  MemoryMachine machine{64ull << 20};
  MmUser parent;
  Owned<LeafSharing> leaf;
};

TEST_F(PageMap, TellsSharedFromOwn) {
  map(*parent, 4);
  EXPECT_TRUE(poke(page(1), 1));
  EXPECT_EQ(peek(page(2)), 0u);
  EXPECT_EQ(word(*parent, 0), 0u);
  EXPECT_EQ(word(*parent, 1), kOwn);
  EXPECT_EQ(word(*parent, 2), kPageMapPresent);
  EXPECT_NE(word(*parent, 1, true), kOwn);
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  EXPECT_EQ(word(*parent, 1), kPageMapPresent);
  EXPECT_EQ(word(*child, 1), kPageMapPresent);
  machine.run_in(child.get());
  EXPECT_TRUE(poke(page(1), 2));
  EXPECT_EQ(word(*parent, 1), kOwn);
  EXPECT_EQ(word(*child, 1), kOwn);
}

TEST_F(PageMap, GoesOnWhereAStretchEnds) {
  map(*parent, 2000);
  for (uint64_t number : {0, 511, 512, 1999}) EXPECT_TRUE(poke(page(number), 1));
  uint64_t used = 0, told = 0;
  for (UserAddr at(0), end = page(3000); at < end;) {
    uint64_t words[64];
    const PageMapStretch stretch = describe_pages(*parent, at, end, words, false, *leaf);
    ASSERT_NE(stretch.pages, 0u);
    for (uint64_t i = 0; !stretch.is_empty && i < stretch.pages; ++i) used += words[i] != 0;
    told += stretch.pages;
    at += stretch.pages * kPageSize;
  }
  EXPECT_EQ(used, 4u);
  EXPECT_EQ(told, page(3000).value >> kPageShift);
}

TEST_F(PageMap, KnowsPagesOfThePool) {
  resize_huge_pool(3);
  auto object = *make_ref<HugeObject>(kHugePageSize);
  map(*parent, 512, kVmHugeTlb | kVmDontExpand | kVmShared, Ref<MemoryObject>(*object));
  EXPECT_TRUE(poke(page(7), 1));
  EXPECT_EQ(word(*parent, 500), kOwnFile);
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  EXPECT_EQ(word(*child, 0), kPageMapPresent | kPageMapFile);
  child = {};
  map(*parent, 512, kVmHugeTlb | kVmDontExpand, Ref<MemoryObject>(*object));
  EXPECT_EQ(peek(page(7)), 1u);
  EXPECT_EQ(word(*parent, 0), kOwnFile);
  EXPECT_TRUE(poke(page(7), 2));
  EXPECT_EQ(word(*parent, 0), kOwn);
  EXPECT_TRUE(do_munmap(*parent, kBase, kHugePageSize));
  object = {};
  resize_huge_pool(0);
  EXPECT_EQ(huge_pool_counts().total, 0u);
}

TEST_F(PageMap, ForgettingIsForOneAlone) {
  map(*parent, 4);
  for (uint64_t number : {0, 1, 3}) EXPECT_TRUE(poke(page(number), 1));
  MmUser child = MmUser::adopt(*dup_mm(*parent));
  EXPECT_TRUE(forget_accesses(*child, MappingsOf::objects));
  EXPECT_EQ(referenced(*child), 3u);
  EXPECT_TRUE(forget_accesses(*child, MappingsOf::anonymous));
  EXPECT_EQ(referenced(*child), 0u);
  EXPECT_EQ(referenced(*parent), 3u);
  machine.run_in(child.get());
  EXPECT_EQ(peek(page(3)), 1u);
  EXPECT_EQ(referenced(*child), 1u);
  MmUser grandchild = MmUser::adopt(*dup_mm(*child));
  arm_fault_injection(1);
  EXPECT_EQ(forget_accesses(*grandchild, MappingsOf::all).error(), Errno::nomem);
  arm_fault_injection(0);
  EXPECT_EQ(referenced(*child), 1u);
}

}  // namespace
}  // namespace tine::mm
