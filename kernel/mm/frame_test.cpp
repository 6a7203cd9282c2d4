// SPDX-License-Identifier: MIT
//
// The frame allocator and slabs: nothing is given out twice or lost, blocks merge again, reserved
// memory stays untouched until it is released, and kernel stacks come clean and guarded.
#include "mm/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "mm/slab.h"
#include "mm/testing.h"
#include "mm/zeroed_frames.h"
#include "sched/schedulable.h"

namespace tine::mm {
namespace {

TEST(Frames, AllMemoryCanBeTakenOnceAndAgain) {
  MemoryMachine machine(16ull << 20);
  size_t first_round = 0;
  for (int round = 0; round < 2; ++round) {
    std::vector<Frame*> taken;
    std::set<uint32_t> numbers;
    while (Frame* frame = take_frame(FrameKind::anonymous)) {
      taken.push_back(frame);
      EXPECT_TRUE(numbers.insert(frame_number(*frame)).second);
    }
    if (round == 0) first_round = taken.size();
    EXPECT_EQ(taken.size(), first_round);
    EXPECT_EQ(memory_statistics().free_frames, 0u);
    for (Frame* frame : taken) put_frame(*frame);
  }
  EXPECT_GT(first_round, (16u << 20 >> kPageShift) * 95 / 100);
  reclaim_frames();
  Frame* block = take_frames(kMaxFrameOrder, FrameKind::kernel);  // all merged again
  ASSERT_NE(block, nullptr);
  put_frame(*block);
}

unsigned clear_all_for_later() {
  arch::irq_disable();
  unsigned cleared = 0;
  while (clear_frame_for_later()) ++cleared;
  arch::irq_enable();
  return cleared;
}

void soil(const Frame& frame) { memset(frame_data(frame), 0xa5, kPageSize); }
bool is_zero(const Frame& frame) {
  const std::byte* bytes = frame_data<std::byte>(frame);
  return std::all_of(bytes, bytes + kPageSize, [](std::byte b) { return b == std::byte{0}; });
}

// A CPU's list full of soiled frames, as a program leaves them.
void leave_soiled_frames() {
  std::vector<Frame*> frames(128);
  ASSERT_EQ(take_single_frames(FrameKind::anonymous, frames), frames.size());
  for (Frame* frame : frames) soil(*frame);
  for (Frame* frame : frames) put_frame(*frame);
}

TEST(ZeroedFrames, AreZeroWhetherClearedBeforeOrNot) {
  MemoryMachine machine;
  leave_soiled_frames();
  const uint64_t free_before = memory_statistics().free_frames;
  const unsigned kept = clear_all_for_later();
  EXPECT_GE(kept, 32u);
  EXPECT_LE(kept, 64u);
  EXPECT_EQ(memory_statistics().free_frames, free_before);  // free memory all the same
  std::vector<Frame*> taken;
  for (unsigned i = 0; i < kept + 40; ++i) {
    taken.push_back(take_zeroed_frame(FrameKind::anonymous));
    ASSERT_NE(taken.back(), nullptr);
    EXPECT_TRUE(is_zero(*taken.back())) << i;
    EXPECT_EQ(taken.back()->kind, FrameKind::anonymous);
    soil(*taken.back());
  }
  EXPECT_EQ(memory_statistics().free_frames, free_before - taken.size());
  for (Frame* frame : taken) put_frame(*frame);
}

TEST(ZeroedFrames, AnIdleCpuClearsNoMoreThanWereUsed) {
  MemoryMachine machine;
  leave_soiled_frames();
  EXPECT_GT(clear_all_for_later(), 0u);
  leave_soiled_frames();
  (void)clear_all_for_later();  // up to the limit
  leave_soiled_frames();
  EXPECT_EQ(clear_all_for_later(), 0u);
  Frame* frame = take_zeroed_frame(FrameKind::anonymous);
  EXPECT_EQ(clear_all_for_later(), 1u);
  put_frame(*frame);
}

TEST(ZeroedFrames, AreThereForWhoeverFindsNoOthers) {
  MemoryMachine machine(16ull << 20);
  for (bool reclaim : {false, true}) {
    leave_soiled_frames();
    EXPECT_GT(clear_all_for_later(), 0u);
    if (reclaim) reclaim_frames();
    std::vector<Frame*> taken;
    while (Frame* frame = take_frame(FrameKind::kernel)) taken.push_back(frame);
    EXPECT_EQ(memory_statistics().free_frames, 0u);
    for (Frame* frame : taken) put_frame(*frame);
  }
}

TEST(ZeroedFrames, PageTablesThatNobodyNeedsAreZero) {
  MemoryMachine machine;
  std::vector<Frame*> tables;
  for (int i = 0; i < 100; ++i) tables.push_back(take_table());
  for (Frame* table : tables) free_table(*table);
  while (cpu_frames[0].zeroed.count != 0) {
    Frame* frame = take_zeroed_frame(FrameKind::anonymous);
    EXPECT_TRUE(is_zero(*frame));
    tables.push_back(frame);
  }
  EXPECT_GT(tables.size(), 132u);
  for (size_t i = 100; i < tables.size(); ++i) put_frame(*tables[i]);
}

TEST(Frames, RandomBlocksNeverOverlap) {
  MemoryMachine machine(16ull << 20);
  std::mt19937 random(1);
  std::map<uint32_t, std::pair<uint32_t, Frame*>> live;  // first -> (end, frame)
  for (int step = 0; step < 20000; ++step) {
    if (random() % 2 == 0 || live.empty()) {
      unsigned order = random() % 6;
      Frame* frame = take_frames(order, FrameKind::kernel);
      if (frame == nullptr) continue;
      uint32_t first = frame_number(*frame), end = first + (1u << order);
      EXPECT_EQ(first % (1u << order), 0u);
      auto above = live.lower_bound(first);
      if (above != live.end()) {
        EXPECT_LE(end, above->first);
      }
      if (above != live.begin()) {
        EXPECT_LE(std::prev(above)->second.first, first);
      }
      live[first] = {end, frame};
    } else {
      auto victim = live.lower_bound(random() % (16u << 20 >> kPageShift));
      if (victim == live.end()) victim = live.begin();
      put_frame(*victim->second.second);
      live.erase(victim);
    }
  }
  for (auto& [first, block] : live) put_frame(*block.second);
}

TEST(Frames, ReservedRangesAreFreedOnceReleased) {
  arch::hosted::boot_machine({.memory_bytes = 16ull << 20});
  MemoryRange ram[] = {{PhysAddr(0), 5ull << 20}, {PhysAddr(8ull << 20), 8ull << 20}};
  MemoryRange reserved[] = {{PhysAddr(0x100010), 0x3000}, {PhysAddr(9ull << 20), 1ull << 20}};
  init(ram, reserved);
  auto in = [](uint64_t address, const MemoryRange& range) {
    return address >= page_floor(range.start.value) && address < page_ceil(range.end().value);
  };
  std::vector<Frame*> taken;
  auto take_all = [&] {
    size_t count = 0;
    for (; Frame* frame = take_frame(FrameKind::anonymous); ++count) taken.push_back(frame);
    return count;
  };
  take_all();
  for (Frame* frame : taken) {
    uint64_t address = frame_address(*frame).value;
    EXPECT_TRUE(in(address, ram[0]) || in(address, ram[1]));
    EXPECT_FALSE(in(address, reserved[0]) || in(address, reserved[1]));
  }
  Frame& shared = frame_at(reserved[1].start);
  get_frame(shared);
  release_reserved(reserved[1]);
  EXPECT_EQ(take_all(), (1u << 20 >> kPageShift) - 1);
  put_frame(shared);
  EXPECT_EQ(take_all(), 1u);
  for (Frame* frame : taken) put_frame(*frame);
}

TEST(Frames, TablesAreRecycledClean) {
  MemoryMachine machine;
  Frame* table = take_table();
  auto* words = frame_data<uint64_t>(*table);
  EXPECT_TRUE(std::all_of(words, words + 512, [](uint64_t w) { return w == 0; }));
  free_table(*table);
  EXPECT_EQ(take_table(), table);
  free_table(*table);
}

TEST(Slabs, ObjectsAreDistinctAlignedAndReused) {
  MemoryMachine machine;
  static SlabCache cache;  // the registry keeps it
  slab_register(cache, "test-200", 200, 8);
  EXPECT_EQ(cache.object_size % 64, 0u);
  std::mt19937 random(2);
  std::vector<uint64_t*> live;
  for (int step = 0; step < 30000; ++step) {
    if (random() % 5 < (step < 15000 ? 3u : 2u) || live.empty()) {
      auto* object = static_cast<uint64_t*>(slab_allocate(cache));
      ASSERT_NE(object, nullptr);
      EXPECT_EQ(reinterpret_cast<uint64_t>(object) % 64, 0u);
      std::fill(object, object + 25, reinterpret_cast<uint64_t>(object));
      live.push_back(object);
    } else {
      size_t victim = random() % live.size();
      uint64_t* object = live[victim];
      EXPECT_TRUE(std::all_of(object, object + 25, [&](uint64_t word) {
        return word == reinterpret_cast<uint64_t>(object);
      }));
      slab_free(object, frame_of_pointer(object));
      live[victim] = live.back();
      live.pop_back();
    }
    if (step % 1000 == 0) {
      EXPECT_EQ(slab_live_objects(cache), static_cast<int64_t>(live.size()));
    }
  }
  for (uint64_t* object : live) slab_free(object, frame_of_pointer(object));
  EXPECT_EQ(slab_live_objects(cache), 0);
  slab_reclaim();
  EXPECT_EQ(cache.slabs, 0u);
}

TEST(KernelStacks, AreCachedAndComeClean) {  // E35, E50
  MemoryMachine machine;
  uint64_t hits = kernel_stack_counts().cache_hits;
  auto first = alloc_kernel_stack();
  ASSERT_TRUE(first);
  auto* words = reinterpret_cast<uint64_t*>(first->value);
  constexpr size_t kWords = sched::kKernelStackSize / sizeof(uint64_t);
  std::fill(words, words + kWords, 0xdead);
  free_kernel_stack(*first);
  auto second = alloc_kernel_stack();
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, *first);
  EXPECT_EQ(kernel_stack_counts().cache_hits, hits + 1);
  EXPECT_TRUE(std::all_of(words, words + kWords, [](uint64_t w) { return w == 0; }));
  free_kernel_stack(*second);
}

TEST(KernelStacks, TellHowDeepATaskWent) {
  MemoryMachine machine;
  auto stack = alloc_kernel_stack();
  ASSERT_TRUE(stack);
  constexpr uint64_t kDepth = 1000;
  const VirtAddr lowest_used = *stack + (sched::kKernelStackSize - kDepth);
  *reinterpret_cast<uint64_t*>(lowest_used.value) = 1;
  free_kernel_stack(*stack);
  EXPECT_EQ(kernel_stack_counts().deepest, kDepth);
  stack = alloc_kernel_stack();  // comes clean again, and a shallow task changes nothing
  ASSERT_TRUE(stack);
  free_kernel_stack(*stack);
  EXPECT_EQ(kernel_stack_counts().deepest, kDepth);
}

TEST(KernelStacks, ManyCanLiveAndAllGoBack) {
  MemoryMachine machine;
  std::vector<VirtAddr> stacks;
  std::set<uint64_t> addresses;
  while (true) {
    auto stack = alloc_kernel_stack();
    if (!stack) break;
    EXPECT_TRUE(addresses.insert(stack->value).second);
    *reinterpret_cast<uint64_t*>(stack->value + sched::kKernelStackSize - 8) = stack->value;
    stacks.push_back(*stack);
  }
  EXPECT_GT(stacks.size(), 1500u);
  for (VirtAddr stack : stacks) {
    EXPECT_EQ(*reinterpret_cast<uint64_t*>(stack.value + sched::kKernelStackSize - 8), stack.value);
    free_kernel_stack(stack);
  }
  EXPECT_EQ(kernel_stack_counts().live, 0);
  reclaim_frames();
  EXPECT_EQ(kernel_stack_counts().cached_frames, 0u);
}

}  // namespace
}  // namespace tine::mm
