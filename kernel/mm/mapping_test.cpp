// SPDX-License-Identifier: MIT
//
// Mappings against an oracle: random mmap, munmap, mprotect and mremap on a small range of
// addresses, beside an array that says for each page what must be there; and the search for gaps
// with ten thousand mappings.
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <vector>

#include "mm/advice.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr uint64_t kBase = 0x4000'0000;
constexpr uint64_t kPages = 64;

struct Page {
  bool mapped = false;
  uint32_t rights = 0;
  uint64_t value = 0;
};

class Oracle {
 public:
  Oracle(Mm& mm, unsigned seed) : mm_(mm), random_(seed) {}

  void step() {
    uint64_t first = random_() % kPages, count = 1 + random_() % (kPages - first);
    if (count > 12) count = 1 + count % 12;
    switch (random_() % 6) {
      case 0:
        map(first, count);
        break;
      case 1:
        unmap(first, count);
        break;
      case 2:
        protect(first, count);
        break;
      case 3:
        discard(first, count);
        break;
      default:
        write(first);
        break;
    }
  }

  void check() {
    MappingReport report;
    UserAddr at(kBase);
    std::vector<Page> seen(kPages);
    uint64_t total = 0;
    std::optional<MappingReport> before;
    for (; next_mapping(mm_, at, report); at = report.end) {
      for (UserAddr page = report.start; page < report.end; page += kPageSize) {
        seen[(page.value - kBase) >> kPageShift] = {true, report.flags & kVmAccess, 0};
      }
      total += (report.end - report.start) >> kPageShift;
      // Equal neighbours must have been joined.
      if (before && before->end == report.start) {
        EXPECT_NE(before->flags, report.flags);
      }
      before = report;
    }
    EXPECT_EQ(mm_status(mm_).vm_size, total);
    uint64_t data = 0;
    for (uint64_t i = 0; i < kPages; ++i) {
      ASSERT_EQ(seen[i].mapped, pages_[i].mapped) << "page " << i;
      if (!pages_[i].mapped) continue;
      data += (pages_[i].rights & kVmWrite) != 0;
      ASSERT_EQ(seen[i].rights, pages_[i].rights) << "page " << i;
      if (pages_[i].rights & kVmRead) {
        ASSERT_EQ(peek(address(i)), pages_[i].value) << "page " << i;
      }
    }
    EXPECT_EQ(mm_status(mm_).data, data);
  }

  std::vector<Page> pages_ = std::vector<Page>(kPages);

 private:
  static UserAddr address(uint64_t page) { return UserAddr(kBase + page * kPageSize); }
  static constexpr uint32_t kRights[] = {0, kVmRead, kVmRead | kVmWrite,
                                         kVmRead | kVmWrite | kVmExec};

  void map(uint64_t first, uint64_t count) {
    uint32_t rights = kRights[random_() % 4];
    ASSERT_TRUE(do_mmap(mm_, {.address = address(first),
                              .length = count * kPageSize,
                              .flags = rights | kVmMayAll,
                              .fixed = true}));
    for (uint64_t i = first; i < first + count; ++i) pages_[i] = {true, rights, 0};
  }
  void unmap(uint64_t first, uint64_t count) {
    ASSERT_TRUE(do_munmap(mm_, address(first), count * kPageSize));
    for (uint64_t i = first; i < first + count; ++i) pages_[i] = {};
  }
  void protect(uint64_t first, uint64_t count) {
    uint32_t rights = kRights[random_() % 4];
    bool hole = false;
    for (uint64_t i = first; i < first + count && !hole; ++i) {
      hole = !pages_[i].mapped;
      if (!hole) pages_[i].rights = rights;
    }
    EXPECT_EQ(do_mprotect(mm_, address(first), count * kPageSize, rights).has_value(), !hole);
  }
  void discard(uint64_t first, uint64_t count) {
    bool hole = false;
    for (uint64_t i = first; i < first + count; ++i) {
      hole |= !pages_[i].mapped;
      pages_[i].value = 0;
    }
    EXPECT_EQ(do_madvise(mm_, address(first), count * kPageSize, 4).has_value(), !hole);
  }
  void write(uint64_t page) {
    uint64_t value = random_();
    bool allowed = pages_[page].mapped && (pages_[page].rights & kVmWrite);
    ASSERT_EQ(poke(address(page), value), allowed);
    if (allowed) pages_[page].value = value;
  }

  Mm& mm_;
  std::mt19937 random_;
};

TEST(Mappings, AgreeWithTheOracle) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    MemoryMachine machine(8ull << 20);
    MmUser mm = make_mm();
    machine.run_in(mm.get());
    Oracle oracle(*mm, seed);
    for (int step = 0; step < 300; ++step) {
      oracle.step();
      if (step % 5 == 0) oracle.check();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed << " step " << step;
    }
  }
}

TEST(Mappings, ForksAgreeWithTheirOracles) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    MemoryMachine machine(8ull << 20);
    MmUser parent = make_mm();
    machine.run_in(parent.get());
    Oracle first(*parent, seed);
    for (int step = 0; step < 100; ++step) first.step();
    for (int generation = 0; generation < 5; ++generation) {
      MmUser child = MmUser::adopt(*dup_mm(*parent));
      Oracle second(*child, seed * 100 + generation);
      second.pages_ = first.pages_;
      for (int round = 0; round < 10; ++round) {
        machine.run_in(parent.get());
        for (int step = 0; step < 5; ++step) first.step();
        first.check();
        machine.run_in(child.get());
        for (int step = 0; step < 5; ++step) second.step();
        second.check();
        ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed;
      }
      machine.run_in(parent.get());
    }
  }
}

TEST(Mappings, GapsAreFoundFromTheTop) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  auto place = [&](uint64_t pages) {
    // Alternating rights keep neighbours apart.
    static bool odd = false;
    odd = !odd;
    return do_mmap(*mm, {.length = pages * kPageSize,
                         .flags = (odd ? kVmRead : kVmRead | kVmWrite) | kVmMayAll})
        .value_or(UserAddr());
  };
  UserAddr top = mm->mmap_base;
  std::vector<UserAddr> places;
  for (int i = 0; i < 10000; ++i) {
    places.push_back(place(1));
    ASSERT_EQ(places.back(), top - (i + 1) * kPageSize);
  }
  EXPECT_EQ(count_mappings(*mm), 10000u);
  ASSERT_TRUE(do_munmap(*mm, places[5000], kPageSize));
  ASSERT_TRUE(do_munmap(*mm, places[100], kPageSize));
  EXPECT_EQ(place(2), places.back() - 2 * kPageSize);  // fits only below all of them
  EXPECT_EQ(place(1), places[100]);
  EXPECT_EQ(place(1), places[5000]);
  ASSERT_TRUE(do_munmap(*mm, places[201], 3 * kPageSize));  // the pages of places[199..201]
  EXPECT_EQ(place(3), places[201]);
}

TEST(Mappings, RequestsAreCheckedLikeLinuxDoes) {
  MemoryMachine machine;
  MmUser mm = make_mm();
  auto map = [&](uint64_t at, uint64_t length, bool fixed, bool noreplace) {
    return do_mmap(*mm, {.address = UserAddr(at),
                         .length = length,
                         .flags = kDataFlags,
                         .fixed = fixed,
                         .fixed_noreplace = noreplace});
  };
  EXPECT_EQ(map(0, 0, false, false).error(), Errno::inval);
  EXPECT_EQ(map(0, ~uint64_t{0}, false, false).error(), Errno::nomem);
  EXPECT_EQ(map(0x10'0001, kPageSize, true, false).error(), Errno::inval);
  EXPECT_EQ(map(arch::kUserTop, kPageSize, true, false).error(), Errno::nomem);
  EXPECT_EQ(map(0, kPageSize, true, false).error(), Errno::perm);
  EXPECT_EQ(map(0x10'0000, kPageSize, false, false)->value, 0x10'0000u);
  EXPECT_EQ(map(0x10'0000, kPageSize, false, true).error(), Errno::exist);
  EXPECT_NE(map(0x10'0000, kPageSize, false, false)->value, 0x10'0000u);
  EXPECT_EQ(do_munmap(*mm, UserAddr(1), kPageSize).error(), Errno::inval);
  EXPECT_EQ(do_munmap(*mm, UserAddr(0x10'0000), 0).error(), Errno::inval);
  EXPECT_EQ(do_mprotect(*mm, UserAddr(0x20'0000), kPageSize, kVmRead).error(), Errno::nomem);
  EXPECT_EQ(do_madvise(*mm, UserAddr(0x10'0000), kPageSize, 77).error(), Errno::inval);
}

}  // namespace
}  // namespace tine::mm
