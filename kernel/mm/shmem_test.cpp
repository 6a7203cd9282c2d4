// SPDX-License-Identifier: MIT
//
// The pages of files and shared memory against a byte array: reads, writes, holes, truncation,
// pages taken over from the boot archive, ETXTBSY, and failing allocations.
#include "mm/shmem.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "mm/testing.h"

namespace tine::mm {
namespace {

std::vector<std::byte> read_all(ShmemObject& object) {
  std::vector<std::byte> bytes(object.size_bytes() + 10, std::byte{0x5a});
  IoBuffer buffer = IoBuffer::kernel(bytes.data(), bytes.size());
  bytes.resize(object.read(buffer, 0).value_or(0));
  return bytes;
}

TEST(Shmem, AgreesWithAByteArray) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    MemoryMachine machine;
    auto object = *make_file_pages();
    std::vector<std::byte> model;
    std::mt19937 random(seed);
    for (int step = 0; step < 150; ++step) {
      uint64_t offset = random() % (300 * kPageSize), length = 1 + random() % (3 * kPageSize);
      switch (random() % 4) {
        case 0: {
          uint64_t size = random() % (300 * kPageSize);
          ASSERT_TRUE(object->resize(size));
          model.resize(size);
          break;
        }
        case 1:
          ASSERT_TRUE(object->punch_hole(offset, length));
          for (uint64_t i = offset; i < std::min<uint64_t>(offset + length, model.size()); ++i) {
            model[i] = {};
          }
          break;
        default: {
          std::vector<std::byte> data(length, std::byte(random()));
          ASSERT_EQ(*object->write_kernel(data, offset), length);
          if (model.size() < offset + length) model.resize(offset + length);
          std::copy(data.begin(), data.end(), model.begin() + static_cast<long>(offset));
        }
      }
      ASSERT_EQ(read_all(*object), model) << "seed " << seed << " step " << step;
    }
    ASSERT_TRUE(object->resize(0));
    EXPECT_EQ(object->pages_in_use(), 0u);
  }
}

TEST(Shmem, SparseObjectsReachFar) {
  MemoryMachine machine;
  auto object = *make_file_pages();
  std::byte data[] = {std::byte{1}, std::byte{2}};
  uint64_t far = (uint64_t{1} << 50) + 4095;
  ASSERT_EQ(*object->write_kernel(data, far), 2u);
  ASSERT_EQ(*object->write_kernel(data, 0), 2u);
  EXPECT_EQ(object->pages_in_use(), 3u);
  std::byte back[2];
  IoBuffer buffer = IoBuffer::kernel(back, 2);
  EXPECT_EQ(*object->read(buffer, far), 2u);
  EXPECT_EQ(back[1], std::byte{2});
}

int images = 0;
struct Image final : PreparedImage {
  static constexpr const char* kCacheName = "image";
  Image() { ++images; }
  ~Image() override { --images; }
};

// An image is true of the contents that it was made of, and of no others.
// lseek(2) SEEK_DATA, SEEK_HOLE: a hole of a file of any size is passed over at once.
TEST(Shmem, PagesAndHolesAreFoundHoweverFarApart) {
  constexpr uint64_t kEnd = uint64_t{1} << 50;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    MemoryMachine machine;
    auto object = *make_file_pages();
    std::mt19937_64 random(seed);
    std::set<uint64_t> pages;
    EXPECT_EQ(object->find_page(0, kEnd, false), kEnd);
    EXPECT_EQ(object->find_page(7, kEnd, true), 7u);
    for (int run = 0; run < 12; ++run) {
      uint64_t at = random() % kEnd >> random() % 50;
      for (uint64_t left = 1 + random() % 70; left > 0 && at < kEnd; --left) pages.insert(at++);
    }
    ASSERT_TRUE(object->resize(kEnd << kPageShift));
    for (const uint64_t page : pages) ASSERT_TRUE(object->get_page(page, true));
    for (int look = 0; look < 300; ++look) {
      uint64_t from = random() % kEnd >> random() % 50;
      const auto near = pages.lower_bound(from);
      if (look % 2 == 0 && near != pages.end()) from = *near - std::min<uint64_t>(*near, look % 3);
      const auto next = pages.lower_bound(from);
      EXPECT_EQ(object->find_page(from, kEnd, false), next != pages.end() ? *next : kEnd);
      uint64_t hole = from;
      while (pages.contains(hole)) ++hole;
      EXPECT_EQ(object->find_page(from, kEnd, true), std::min(hole, kEnd));
    }
  }
}

TEST(Shmem, ImagesAreKeptUntilTheContentsChange) {
  MemoryMachine machine;
  std::byte data[3] = {};
  {
    auto object = *make_file_pages();
    auto keep_one = [&] {
      object->keep_image(*make_ref<Image>(), object->changes());
      return static_cast<bool>(object->image());
    };
    auto is_kept_through = [&](auto&& change) {
      EXPECT_TRUE(keep_one());
      change();
      return static_cast<bool>(object->image());
    };
    EXPECT_FALSE(object->image());
    EXPECT_FALSE(is_kept_through([&] { (void)object->write_kernel(data, 5); }));
    EXPECT_FALSE(is_kept_through([&] { (void)object->resize(2 * kPageSize); }));
    EXPECT_FALSE(is_kept_through([&] { (void)object->resize(kPageSize); }));
    EXPECT_FALSE(is_kept_through([&] { (void)object->punch_hole(0, kPageSize); }));
    EXPECT_FALSE(is_kept_through([&] { (void)object->punch_hole(6, 1); }));
    EXPECT_TRUE(is_kept_through([&] { (void)read_all(*object); }));
    EXPECT_TRUE(is_kept_through([&] { (void)object->get_page(0, false); }));
    EXPECT_EQ(images, 1);

    // Somebody writes while one is made.
    const uint64_t before = object->changes();
    (void)object->write_kernel(data, 0);
    object->keep_image(*make_ref<Image>(), before);
    EXPECT_FALSE(object->image());

    // A program may write from now on whenever it likes.
    EXPECT_TRUE(keep_one());
    MmUser mm = make_mm();
    ASSERT_TRUE(do_mmap(*mm, {.length = kPageSize,
                              .flags = kVmRead | kVmShared | kVmMayAll,
                              .object = Ref<MemoryObject>(*object)}));
    EXPECT_FALSE(object->image());
    EXPECT_FALSE(keep_one());
    EXPECT_EQ(images, 0);
  }
  auto object = *make_file_pages();
  object->keep_image(*make_ref<Image>(), object->changes());
  EXPECT_EQ(images, 1);
  object.reset();
  EXPECT_EQ(images, 0);
}

TEST(Shmem, BootPagesAreUsedWhereTheyLie) {
  arch::hosted::boot_machine({.memory_bytes = 16ull << 20});
  MemoryRange ram[] = {{PhysAddr(0), 16ull << 20}};
  MemoryRange archive[] = {{PhysAddr(8ull << 20), 8 * kPageSize}};
  memset(arch::direct_map(archive[0].start), 'x', archive[0].length);
  init(ram, archive);
  uint64_t free_before = memory_statistics().free_frames;
  {
    auto object = *make_file_pages();
    object->adopt_boot_pages(archive[0].start, 8, 7 * kPageSize + 100);
    EXPECT_EQ(frame_address(**object->get_page(3, false)), archive[0].start + 3 * kPageSize);
    EXPECT_EQ(frame_data<char>(**object->get_page(7, false))[99], 'x');
    EXPECT_EQ(frame_data<char>(**object->get_page(7, false))[100], 0);
    ASSERT_TRUE(object->resize(2 * kPageSize));
    ASSERT_TRUE(object->resize(4 * kPageSize));
    EXPECT_EQ(frame_data<char>(**object->get_page(3, false))[0], 0);
    EXPECT_EQ(frame_data<char>(**object->get_page(1, false))[0], 'x');
    EXPECT_EQ(object->find_page(0, 4, true), 2u);
    EXPECT_EQ(object->find_page(2, 4, false), 3u);
  }
  EXPECT_EQ(memory_statistics().free_frames, free_before + 8);
}

TEST(Shmem, RunningDeniesWritingAndTheReverse) {  // ETXTBSY
  MemoryMachine machine;
  auto object = *make_file_pages();
  ASSERT_TRUE(object->get_write_access());
  EXPECT_EQ(object->deny_write().error(), Errno::txtbsy);
  object->put_write_access();
  ASSERT_TRUE(object->deny_write());
  EXPECT_EQ(object->get_write_access().error(), Errno::txtbsy);
  object->allow_write();
}

TEST(Shmem, FailingNodesLeakNothing) {
  MemoryMachine machine;
  LiveCounts before = live_counts();
  for (uint64_t nth = 1; nth < 12; ++nth) {
    auto object = make_file_pages();
    ASSERT_TRUE(object);
    arm_fault_injection(nth);
    std::byte data[1] = {};
    (void)(*object)->write_kernel(data, 77ull << 30);
    (void)(*object)->write_kernel(data, 5);
    arm_fault_injection(0);
    *object = nullptr;
    EXPECT_TRUE(before == live_counts()) << nth;
  }
}

}  // namespace
}  // namespace tine::mm
