// SPDX-License-Identifier: MIT
//
// A model checker of address spaces that share: random sequences of map, load, unmap, protect,
// remap, touch, discard, mark, lock, fold, fork, exit and truncate by up to eight processes, beside
// plain arrays that say what each page of each process must hold. Sums of pages and tables are
// compared with a walk of the tables; at the end of a sequence everything must have been given
// back.
//
// A sequence is a seed; a failure names it. TINE_MODEL_STEPS=1000000 makes it the long run, and
// TINE_MODEL_SEED begins elsewhere. Every other sequence makes allocations fail at random.
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <vector>

#include "core/testing.h"
#include "mm/advice.h"
#include "mm/fault.h"
#include "mm/fold.h"
#include "mm/model_windows.h"
#include "mm/shmem.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

using Windows = ModelWindows<24, 64>;  // room for two huge pages and two halves
constexpr uint64_t kFilePages = 16;
constexpr size_t kMaxProcesses = 8;
constexpr int kDontNeed = 4, kDontFork = 10, kHugeAdvice = 14, kWipeOnFork = 18, kCollapse = 25;

struct Page {
  enum class Kind : uint8_t { none, anonymous, file_private, file_shared };
  Kind kind = Kind::none;
  uint32_t rights = 0;
  uint64_t file_page = 0;
  bool is_copied = false;  // a private page of a file that was written
  uint64_t value = 0;      // anonymous, or copied
  bool dont_fork = false, wipe_on_fork = false, locked = false;
};

struct Process {
  MmUser mm;
  std::vector<Page> pages = std::vector<Page>(Windows::kPages);
};

struct TableSums {
  uint64_t tables = 0;
  int64_t pages = 0;
};
void sum_tables(PhysAddr table, unsigned level, TableSums& sums) {
  unsigned end = level == 3 ? arch::kUserTopEntries : arch::kTableEntries;
  for (unsigned i = 0; i < end; ++i) {
    arch::Pte entry = arch::direct_map<arch::Pte>(table)[i];
    if (entry.raw() == 0) continue;
    if (level == 0) {
      sums.pages += frame_at(entry.address()).kind != FrameKind::kernel;
      continue;
    }
    ++sums.tables;
    if (entry.is_huge()) {
      sums.pages += arch::kTableEntries;
      continue;
    }
    sum_tables(entry.address(), level - 1, sums);
  }
}

class Model : Windows {
 public:
  Model(MemoryMachine& machine, unsigned seed) : machine_(machine), random_(seed) {
    inject_ = seed % 2 == 0;
    file_ = *make_file_pages();
    EXPECT_TRUE(file_->resize(kFilePages * kPageSize));
    contents_.resize(kFilePages);
    processes_.push_back({.mm = make_mm()});
  }
  ~Model() { machine_.run_in(nullptr); }

  void step() {
    Process& process = any_process();
    uint64_t window = pick(std::size(kBorders)) * kWindowPages;
    uint64_t first = pick(kWindowPages), count = 1 + pick(kWindowPages - first);
    if (pick(4) != 0) count = std::min<uint64_t>(count, 1 + pick(5));
    first += window;
    switch (pick(20)) {
      case 0:
      case 1:
        return map(process, first, count);
      case 2:
        return unmap(process, first, count);
      case 3:
        return protect(process, first, count);
      case 4:
        return remap(process, first, count);
      case 5:
        return discard(process, first, count);
      case 6:
        return mark(process, first, count);
      case 7:
        return fork(process);
      case 8:
        return exit(process);
      case 9:
        return truncate();
      case 10:
        return check_process(any_process());
      case 11:
        return collapse(process);
      case 12:  // as exec does; no page may change
        return map_cached_pages(*process.mm, address_of(first),
                                address_of(first) + bytes_of(first, count));
      case 13:
        return fold(process);
      case 14:
        return load(process);
      default:
        return touch(process, first);
    }
  }

  void check() {
    for (Process& process : processes_) check_process(process);
  }

  uint64_t pages_linked = 0;  // so often did a load link some

 private:
  uint64_t pick(uint64_t below) { return random_() % below; }
  Process& any_process() { return processes_[pick(processes_.size())]; }

  // Runs a call that may be made to fail for want of memory; true: it did, and has said so.
  template <class Call>
  bool failed(Call&& call) {
    bool armed = inject_ && pick(4) == 0;
    if (armed) arm_fault_injection(1 + pick(6));
    Result<void> result = call();
    arm_fault_injection(0);
    if (result) return false;
    EXPECT_TRUE(armed);
    EXPECT_EQ(result.error(), Errno::nomem);
    return true;
  }

  // After a call that may have stopped half-way: what is mapped, and with which rights.
  void resynchronise(Process& process, uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      Page& page = process.pages[i];
      MappingReport report;
      bool is_there =
          next_mapping(*process.mm, address_of(i), report) && report.start <= address_of(i);
      if (!is_there) page = {};
      EXPECT_EQ(is_there, page.kind != Page::Kind::none);
      if (is_there) page.rights = report.flags & kVmAccess;
    }
  }

  void map(Process& process, uint64_t first, uint64_t count) {
    auto kind = may_be_huge(first) ? Page::Kind::anonymous : static_cast<Page::Kind>(1 + pick(3));
    map_as(process, first, count, kind, pick(kFilePages), kVmRead | kVmWrite);
  }

  void map_as(Process& process, uint64_t first, uint64_t count, Page::Kind kind, uint64_t file_page,
              uint32_t rights) {
    MapRequest request{.address = address_of(first),
                       .length = bytes_of(first, count),
                       .flags = rights | kVmMayAll,
                       .fixed = true};
    if (may_be_huge(first) && pick(8) != 0) request.flags |= kVmHugePage;
    if (kind != Page::Kind::anonymous) {
      request.object = file_;
      request.object_page = file_page;
      if (kind == Page::Kind::file_shared) request.flags |= kVmShared;
    }
    if (failed([&]() -> Result<void> {
          TRY(do_mmap(*process.mm, std::move(request)));
          return {};
        })) {
      return resynchronise(process, first, count);
    }
    for (uint64_t i = 0; i < count; ++i) {
      process.pages[first + i] = {.kind = kind, .rights = rights, .file_page = file_page + i};
    }
  }

  // As a loader does it: pages that cannot be written, up to a border of tables or a little
  // further, and behind them some that can. Tables of an earlier load are linked where they fit.
  void load(Process& process) {
    constexpr uint64_t kConstants = 12;
    const uint64_t first = pick(kHugeWindow) * kWindowPages + (pick(4) == 0 ? pick(4) : 0);
    const auto kind = Page::Kind::file_private;
    const uint64_t data = first + kConstants, at_once = pick(2) ? 5 : 7;
    map_as(process, first, at_once, kind, 0, kVmRead);
    map_as(process, first + at_once, kConstants - at_once, kind, at_once, kVmRead | kVmExec);
    const int64_t before = process.mm->rss_pages();
    map_as(process, data, 1 + pick(4), kind, kConstants, kVmRead | kVmWrite);
    pages_linked += process.mm->rss_pages() > before;
  }

  void unmap(Process& process, uint64_t first, uint64_t count) {
    if (failed([&] { return do_munmap(*process.mm, address_of(first), bytes_of(first, count)); })) {
      return;
    }
    for (uint64_t i = first; i < first + count; ++i) process.pages[i] = {};
  }

  bool is_hole_free(Process& process, uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      if (process.pages[i].kind == Page::Kind::none) return false;
    }
    return true;
  }

  void protect(Process& process, uint64_t first, uint64_t count) {
    if (!is_hole_free(process, first, count)) return;
    constexpr uint32_t kChoices[] = {0, kVmRead, kVmRead | kVmWrite};
    uint32_t rights = kChoices[pick(3)];
    if (failed([&] {
          return do_mprotect(*process.mm, address_of(first), bytes_of(first, count), rights);
        })) {
      return resynchronise(process, first, count);
    }
    for (uint64_t i = first; i < first + count; ++i) process.pages[i].rights = rights;
  }

  void remap(Process& process, uint64_t first, uint64_t count) {
    uint64_t window = may_be_huge(first) ? kHugeWindow : pick(kHugeWindow);
    uint64_t to = window * kWindowPages + pick(kWindowPages - count + 1);
    if (to < first + count && first < to + count) return;
    bool is_one_mapping = true;
    bool no_memory = failed([&]() -> Result<void> {
      auto moved = do_mremap(*process.mm, {.old_address = address_of(first),
                                           .old_length = bytes_of(first, count),
                                           .new_length = bytes_of(first, count),
                                           .may_move = true,
                                           .fixed = true,
                                           .new_address = address_of(to)});
      is_one_mapping = moved.has_value() || moved.error() != Errno::fault;
      if (!is_one_mapping) return {};
      TRY(moved);
      return {};
    });
    if (no_memory) return resynchronise(process, to, count);
    if (!is_one_mapping) return;
    for (uint64_t i = 0; i < count; ++i) {
      process.pages[to + i] = process.pages[first + i];
      process.pages[first + i] = {};
    }
  }

  void discard(Process& process, uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      if (process.pages[i].locked) return;
    }
    (void)do_madvise(*process.mm, address_of(first), bytes_of(first, count), kDontNeed);
    for (uint64_t i = first; i < first + count; ++i) {
      process.pages[i].is_copied = false;
      process.pages[i].value = 0;
    }
  }

  void mark(Process& process, uint64_t first, uint64_t count) {
    if (pick(3) != 0 || !is_hole_free(process, first, count)) return;
    bool lock = pick(2), wipe = pick(2);
    for (uint64_t i = first; i < first + count; ++i) {
      if (process.pages[i].kind != Page::Kind::anonymous) return;
    }
    UserAddr start = address_of(first);
    const uint64_t bytes = bytes_of(first, count);
    EXPECT_TRUE(lock ? do_mlock(*process.mm, start, bytes, true, false)
                     : do_madvise(*process.mm, start, bytes, wipe ? kWipeOnFork : kDontFork));
    for (uint64_t i = first; i < first + count; ++i) {
      Page& page = process.pages[i];
      (lock ? page.locked : wipe ? page.wipe_on_fork : page.dont_fork) = true;
    }
  }

  // Whatever it finds, no page may change; it refuses what cannot be huge.
  void collapse(Process& process) {
    UserAddr start = address_of(kHugeWindow * kWindowPages);
    bool armed = inject_ && pick(4) == 0;
    if (armed) arm_fault_injection(1 + pick(6));
    (void)do_madvise(*process.mm, start, bytes_of(kPages - 1, kWindowPages), kHugeAdvice);
    (void)do_madvise(*process.mm, start, bytes_of(kPages - 1, kWindowPages), kCollapse);
    arm_fault_injection(0);
  }

  void fold(Process& process) {
    bool armed = inject_ && pick(4) == 0;
    if (armed) arm_fault_injection(1);
    EXPECT_TRUE(fold_tables(*process.mm));
    arm_fault_injection(0);
  }

  void fork(Process& parent) {
    if (processes_.size() == kMaxProcesses) return;
    Process child;
    child.pages = parent.pages;
    if (failed([&]() -> Result<void> {
          child.mm = MmUser::adopt(TRY(dup_mm(*parent.mm)));
          return {};
        })) {
      return;
    }
    for (Page& page : child.pages) {
      if (page.dont_fork) page = {};
      if (page.wipe_on_fork) page.value = 0;
      page.locked = false;
    }
    processes_.push_back(std::move(child));
  }

  void exit(Process& process) {
    if (processes_.size() == 1 || pick(2) != 0) return;
    machine_.run_in(nullptr);
    std::swap(process, processes_.back());
    processes_.pop_back();
  }

  void truncate() {
    uint64_t pages = pick(kFilePages + 1);
    EXPECT_TRUE(file_->resize(pages * kPageSize));
    contents_.resize(pages);
    for (Process& process : processes_) {
      for (Page& page : process.pages) {
        if (page.file_page >= pages) page.is_copied = false;
      }
    }
  }

  // What a load must give; none: it must fault.
  std::optional<uint64_t> expected(const Page& page) {
    if (page.kind == Page::Kind::none || page.rights == 0) return {};
    if (page.kind == Page::Kind::anonymous) return page.value;
    if (page.file_page >= contents_.size()) return {};
    return page.is_copied ? page.value : contents_[page.file_page];
  }

  void touch(Process& process, uint64_t at) {
    Page& page = process.pages[at];
    machine_.run_in(process.mm.get());
    uint64_t value = ++last_value_;
    bool may_write = expected(page) && (page.rights & kVmWrite);
    EXPECT_EQ(poke(address_of(at), value), may_write);
    if (!may_write) return;
    if (page.kind == Page::Kind::file_shared) {
      contents_[page.file_page] = value;
    } else {
      page.is_copied = true;
      page.value = value;
    }
  }

  void check_process(Process& process) {
    machine_.run_in(process.mm.get());
    for (uint64_t i = 0; i < kPages; ++i) {
      uint64_t seen = 0;
      bool could_read = arch::copy_from_user(&seen, address_of(i), sizeof seen) == 0;
      std::optional<uint64_t> wanted = expected(process.pages[i]);
      EXPECT_EQ(could_read, wanted.has_value()) << "page " << i;
      if (could_read && wanted) EXPECT_EQ(seen, *wanted) << "page " << i;
    }
    {
      SpinGuard guard(process.mm->page_table_lock);
      EXPECT_TRUE(process.mm->page_table.unfold());
    }
    TableSums sums;
    sum_tables(process.mm->top_table.load(), 3, sums);
    EXPECT_EQ(process.mm->rss_pages(), sums.pages);
    EXPECT_EQ(mm_status(*process.mm).page_tables, sums.tables);
  }

  MemoryMachine& machine_;
  std::mt19937 random_;
  bool inject_ = false;
  Ref<ShmemObject> file_;
  std::vector<uint64_t> contents_;
  std::vector<Process> processes_;
  uint64_t last_value_ = 0;
};

TEST(ModelCheck, SharingAddressSpacesAgreeWithPlainArrays) {
  constexpr uint64_t kSequence = 500;
  uint64_t steps = from_environment("TINE_MODEL_STEPS", 10'000), pages_linked = 0;
  auto seed = static_cast<unsigned>(from_environment("TINE_MODEL_SEED", 1));
  for (uint64_t done = 0; done < steps && !HasFailure(); done += kSequence, ++seed) {
    SCOPED_TRACE(testing::Message() << "TINE_MODEL_SEED=" << seed);
    MemoryMachine machine(96ull << 20);
    Model model(machine, seed);
    for (uint64_t step = 0; step < kSequence && !HasFailure(); ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      model.step();
    }
    model.check();
    pages_linked += model.pages_linked;
  }
  if (steps >= 10'000) EXPECT_NE(pages_linked, 0u);
}

}  // namespace
}  // namespace tine::mm
