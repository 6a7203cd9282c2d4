// SPDX-License-Identifier: MIT
//
// The model checker with simulated CPUs: processes of several threads on four CPUs map, load,
// unmap, protect, move, discard, fork, exit and truncate while others of their threads store and
// load, all through system calls, with a seeded change of CPU and preemption at every interrupt
// window. Page tables are folded under those who use them. Each CPU has a translation cache that
// forgets nothing by itself (arch/hosted/translation_cache.h), so a flush that is missing, too late
// or too small shows.
//
// Beside each page stands the set of values that it may hold. A store makes it one value: nothing
// runs between a store and its note. While a change of a page is under way the set grows by what is
// stored meanwhile; afterwards it is what the change may have left. A child's pages have what the
// parent's may have had during the fork, and nothing that was stored after the child began to run.
//
// In every other sequence allocations of mmap, munmap, mprotect, mremap, madvise and fork fail at
// random, beside the changes and exits of others. What MAP_FIXED and mremap may have unmapped by then
// is asked for; an mprotect that has done a part is repeated.
//
// A sequence is a seed, and a failure names it; TINE_MODEL_STEPS and TINE_MODEL_SEED as in
// model_check_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "arch/hosted/harness.h"
#include "arch/user_access.h"
#include "core/testing.h"
#include "mm/fold.h"
#include "mm/huge_page.h"
#include "mm/model_windows.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

using namespace arch::hosted;

constexpr long kNoMemory = 12;  // ENOMEM
constexpr long kSysMmap = 9, kSysMprotect = 10, kSysMunmap = 11, kSysYield = 24, kSysMremap = 25;
constexpr long kSysMsync = 26, kSysMadvise = 28, kSysClone = 56, kSysExit = 60, kSysFtruncate = 77;
constexpr long kSysMemfdCreate = 319;
constexpr uint64_t kProtRead = 1, kProtWrite = 2, kMapShared = 1, kMapPrivate = 2, kMapFixed = 16;
constexpr uint64_t kMapAnonymous = 32, kMremapMayMoveFixed = 3, kDontNeed = 4;
constexpr uint64_t kThreadFlags = 0x5'0f00;  // VM FS FILES SIGHAND THREAD SYSVSEM

using Windows = ModelWindows<12, 128>;  // room for two huge pages and two halves
// Page i of a process may map page i % kFilePages of those that the file has behind the first ones.
constexpr uint64_t kFilePages = 8, kFirstPages = 8;
constexpr int kMaxThreads = 3;

using Values = std::vector<uint64_t>;

struct Page {
  enum class Kind : uint8_t { none, anonymous, shared, constant };  // constant: never writable
  Kind kind = Kind::none;
  uint64_t rights = 0;
  bool is_changing = false;
  uint64_t changes = 0;         // begun
  bool becomes_shared = false;  // a mapping of the file is being put here
  Values may_hold;              // anonymous
};

struct Process {
  std::vector<Page> pages = std::vector<Page>(Windows::kPages);
  Process* newborn = nullptr;  // a fork of this one is under way, and its child has not begun
  bool is_changing = false;    // one change at a time
  bool is_exiting = false;
  int threads = 1;
};

class Model : Windows {
 public:
  // Few processes stay on their CPUs and fill the translation caches; many share more.
  Model(uint64_t steps, unsigned seed)
      : steps_left_(steps),
        max_processes_(2 + static_cast<int>(seed % 7)),
        random_(seed),
        inject_(seed % 2 == 0) {}

  // As PID 1: processes that have lost their parent come to it.
  void run() {
    constexpr UserAddr kName = kUserMemory;
    store_value(kName, uint64_t{'m'});
    file_ = static_cast<uint64_t>(system_call(kSysMemfdCreate, kName.value, 0));
    EXPECT_EQ(system_call(kSysFtruncate, file_, bytes_in_file(kFilePages)), 0);
    while (steps_left_ > 0) {
      Process& first = add_process();
      EXPECT_GT(fork([this, &first] { live(first); }), 0);
      while (wait_for(-1) >= 0) continue;
      EXPECT_EQ(process_count_, 0);
    }
    system_call(3 /* close */, file_);
  }

 private:
  uint64_t pick(uint64_t below) { return random_() % below; }

  Process& add_process() {
    ++process_count_;
    return processes_.emplace_back();
  }

  // The life of a process's first thread, which ends with exit_group.
  void live(Process& process) {
    while (steps_left_ > 0 && (process_count_ == 1 || pick(200) != 0)) step(process);
    process.is_exiting = true;  // no thread begins a change any more
    while (process.is_changing) system_call(kSysYield);
    --process_count_;
  }

  void live_as_thread(Process& process) {
    while (steps_left_ > 0 && pick(100) != 0) step(process);
    --process.threads;
    system_call(kSysExit, 0);
  }

  void step(Process& process) {
    if (steps_left_ > 0) --steps_left_;
    uint64_t first = pick(kPages);
    switch (pick(25)) {
      case 0:
        return map(process, first);
      case 1:
        return unmap(process, first);
      case 2:
        return protect(process, first);
      case 3:
        return move(process, first);
      case 4:
        return discard(process, first);
      case 5:
        return fork_process(process);
      case 6:
        return start_thread(process);
      case 7:
        return truncate();
      case 8:
        system_call(kSysYield);
        return;
      case 11:
        return load(process, first);
      case 10:  // whether they sleep or not
        return for_each_mm([](void*, Mm& mm) { (void)fold_tables(mm); }, nullptr);
      case 9:  // long enough for upper entries to be cached and not dropped by a fault of its own
        for (uint64_t i = pick(40); i > 0; --i) {
          check_load(process, first - first % kWindowPages + pick(kWindowPages));
          system_call(kSysYield);
        }
        return;
      default:
        return pick(3) == 0 ? check_load(process, first) : check_store(process, first);
    }
  }

  // --- Loads and stores.

  static uint64_t bytes_in_file(uint64_t pages) { return (kFirstPages + pages) * kPageSize; }
  bool is_in_file(uint64_t page) { return page % kFilePages < file_size_; }

  static bool shows_file(const Page& page) {
    return page.kind == Page::Kind::shared || page.kind == Page::Kind::constant;
  }
  Values& values_of(Process& process, uint64_t at) {
    Page& page = process.pages[at];
    return shows_file(page) ? contents_[at % kFilePages] : page.may_hold;
  }
  // Whether nobody is just changing what is known about the page. Who is being killed gives up.
  bool is_certain(const Process& process, const Page& page) {
    if (process.is_exiting || page.is_changing) return false;
    return !shows_file(page) || !file_is_changing_;
  }
  bool is_accessible(const Page& page, uint64_t at, uint64_t right) {
    if (page.kind == Page::Kind::none || !(page.rights & right)) return false;
    return page.kind == Page::Kind::anonymous || is_in_file(at);
  }

  // A refusal may have been decided before a change took effect, and be told after it: it can be
  // judged if none was under way at its beginning, and none has begun since.
  struct Quiet {
    bool was_certain;
    uint64_t changes;
    bool operator==(const Quiet&) const = default;
  };
  Quiet quiet(const Process& process, const Page& page) {
    return {is_certain(process, page), page.changes + file_changes_};
  }

  void check_store(Process& process, uint64_t at) {
    Page& page = process.pages[at];
    uint64_t value = ++last_value_;
    const Quiet before = quiet(process, page);
    bool stored = poke(address_of(at), value);
    // What is known is looked at only now: it may have changed while the store waited in a fault.
    if (is_certain(process, page)) {
      if (stored || quiet(process, page) == before) {
        EXPECT_EQ(stored, is_accessible(page, at, kProtWrite)) << "page " << at;
      }
      if (stored) values_of(process, at) = {value};
    } else if (stored) {
      page.may_hold.push_back(value);
      if (page.kind == Page::Kind::shared || page.becomes_shared) {
        contents_[at % kFilePages].push_back(value);
      }
    }
    // A fork that is under way may have been before this or after.
    if (stored && process.newborn != nullptr) process.newborn->pages[at].may_hold.push_back(value);
  }

  void check_load(Process& process, uint64_t at) {
    Page& page = process.pages[at];
    uint64_t value = 0;
    const Quiet before = quiet(process, page);
    bool loaded = arch::copy_from_user(&value, address_of(at), sizeof value) == 0;
    if (!is_certain(process, page)) return;
    if (loaded || quiet(process, page) == before) {
      EXPECT_EQ(loaded, is_accessible(page, at, kProtRead)) << "page " << at;
    }
    if (!loaded) return;
    Values& values = values_of(process, at);
    EXPECT_TRUE(std::ranges::find(values, value) != values.end())
        << "page " << at << " holds " << value;
    values = {value};
  }

  // --- Changes. Of one process there is one at a time, beside any number of loads and stores.

  bool may_begin(const Process& process) { return !process.is_changing && !process.is_exiting; }

  void begin(Process& process, uint64_t first, uint64_t count) {
    process.is_changing = true;
    for (uint64_t i = first; i < first + count; ++i) {
      process.pages[i].is_changing = true;
      ++process.pages[i].changes;
    }
  }
  void end(Process& process, uint64_t first, uint64_t count) {
    process.is_changing = false;
    for (uint64_t i = first; i < first + count; ++i) process.pages[i].is_changing = false;
  }

  uint64_t pick_count(uint64_t first) {
    uint64_t most = may_be_huge(first) ? kWindowPages : 4;
    return 1 + pick(std::min(most, kWindowPages - first % kWindowPages));
  }

  // Makes a call that may be made to fail for want of memory; true: it did, and has said so. Others
  // may arm the injector meanwhile, so that it does not.
  template <class Call>
  bool failed(Call&& call) {
    const bool armed = inject_ && pick(3) == 0;
    if (armed) arm_fault_injection(1 + pick(8));
    const long result = call();
    if (armed) arm_fault_injection(0);
    if (result >= 0) return false;
    EXPECT_TRUE(armed) << result;
    EXPECT_EQ(result, -kNoMemory);
    return true;
  }

  static void forget(Page& page) {
    page.kind = Page::Kind::none;
    page.may_hold.clear();
  }

  // After a call that may have unmapped what lay here before it failed.
  void find_out_if_gone(Process& process, uint64_t at) {
    Page& page = process.pages[at];
    if (page.kind == Page::Kind::none) return;
    const long seen = system_call(kSysMsync, address_of(at).value, bytes_of(at, 1), 0);
    if (seen == 0) return;
    EXPECT_EQ(seen, -kNoMemory);
    forget(page);
  }

  // Zero, or what was stored last while it became so.
  static void become_zero(Values& values, size_t known_before) {
    Values now{0};
    if (values.size() > known_before) now.push_back(values.back());
    values = std::move(now);
  }

  void map(Process& process, uint64_t first) {
    if (!may_begin(process)) return;
    uint64_t count = pick_count(first);
    bool is_shared = !may_be_huge(first) && pick(4) == 0;
    if (is_shared) count = std::min(count, kFilePages - first % kFilePages);
    begin(process, first, count);
    std::vector<size_t> known_before;
    for (uint64_t i = first; i < first + count; ++i) {
      known_before.push_back(process.pages[i].may_hold.size());
      process.pages[i].becomes_shared = is_shared;
    }
    uint64_t flags = kMapFixed | (is_shared ? kMapShared : kMapPrivate | kMapAnonymous);
    const bool no_memory = failed([&] {
      const long mapped =
          system_call(kSysMmap, address_of(first).value, bytes_of(first, count),
                      kProtRead | kProtWrite, flags, file_, bytes_in_file(first % kFilePages));
      EXPECT_TRUE(mapped < 0 || mapped == static_cast<long>(address_of(first).value));
      return mapped;
    });
    for (uint64_t i = first; i < first + count; ++i) {
      Page& page = process.pages[i];
      page.becomes_shared = false;
      if (no_memory) {
        find_out_if_gone(process, i);
        continue;
      }
      become_zero(page.may_hold, known_before[i - first]);
      page.kind = is_shared ? Page::Kind::shared : Page::Kind::anonymous;
      page.rights = kProtRead | kProtWrite;
    }
    end(process, first, count);
  }

  // As a loader does it: the file's first pages and some of those that are watched, to be read, up
  // to the border of a table, and data behind them; which then becomes zeros. Tables of an earlier
  // load are linked.
  void load(Process& process, uint64_t near) {
    const uint64_t first = near - near % kWindowPages, constants = kWindowPages / 2;
    if (!may_begin(process) || may_be_huge(first) || first % kFilePages != 0) return;
    begin(process, first, constants + 1);
    for (uint64_t i = first; i <= first + constants; ++i) {
      process.pages[i].may_hold.clear();
      process.pages[i].becomes_shared = false;
    }
    const UserAddr data = address_of(first + constants);
    auto map_at = [&](UserAddr at, uint64_t pages, uint64_t rights, uint64_t flags,
                      uint64_t offset) {
      EXPECT_EQ(system_call(kSysMmap, at.value, pages * kPageSize, rights,
                            kMapFixed | kMapPrivate | flags, file_, offset),
                static_cast<long>(at.value));
    };
    map_at(address_of(first) - kFirstPages * kPageSize, kFirstPages + constants, kProtRead, 0, 0);
    map_at(data, 1, kProtRead | kProtWrite, 0, bytes_in_file(constants));
    map_at(data, 1, kProtRead | kProtWrite, kMapAnonymous, 0);
    for (uint64_t i = first; i < first + constants; ++i) {
      process.pages[i].kind = Page::Kind::constant;
      process.pages[i].rights = kProtRead;
    }
    Page& zeros = process.pages[first + constants];
    become_zero(zeros.may_hold, 0);
    zeros.kind = Page::Kind::anonymous;
    zeros.rights = kProtRead | kProtWrite;
    end(process, first, constants + 1);
  }

  void unmap(Process& process, uint64_t first) {
    if (!may_begin(process)) return;
    uint64_t count = pick_count(first);
    begin(process, first, count);
    const bool no_memory = failed(
        [&] { return system_call(kSysMunmap, address_of(first).value, bytes_of(first, count)); });
    for (uint64_t i = first; i < first + count && !no_memory; ++i) forget(process.pages[i]);
    end(process, first, count);
  }

  void protect(Process& process, uint64_t first) {
    if (!may_begin(process)) return;
    uint64_t count = pick_count(first);
    for (uint64_t i = first; i < first + count; ++i) {
      const auto kind = process.pages[i].kind;
      if (kind == Page::Kind::none || kind == Page::Kind::constant) return;
    }
    constexpr uint64_t kChoices[] = {0, kProtRead, kProtRead | kProtWrite};
    uint64_t rights = kChoices[pick(3)];
    begin(process, first, count);
    auto change = [&] {
      return system_call(kSysMprotect, address_of(first).value, bytes_of(first, count), rights);
    };
    if (failed(change)) EXPECT_EQ(change(), 0);
    for (uint64_t i = first; i < first + count; ++i) process.pages[i].rights = rights;
    end(process, first, count);
  }

  void move(Process& process, uint64_t from) {
    uint64_t to = pick(kPages);
    Page& source = process.pages[from];
    Page& target = process.pages[to];
    if (!may_begin(process) || from == to || source.kind != Page::Kind::anonymous) return;
    if (shows_file(target) || may_be_huge(from) != may_be_huge(to)) return;
    begin(process, from, 1);
    begin(process, to, 1);
    const auto known_before = static_cast<std::ptrdiff_t>(target.may_hold.size());
    const bool no_memory = failed([&] {
      return system_call(kSysMremap, address_of(from).value, bytes_of(from, 1), bytes_of(from, 1),
                         kMremapMayMoveFixed, address_of(to).value);
    });
    if (no_memory) {
      find_out_if_gone(process, to);
      find_out_if_gone(process, from);
      EXPECT_NE(source.kind, Page::Kind::none);
    } else {
      Values values = std::move(source.may_hold);
      values.insert(values.end(), target.may_hold.begin() + known_before, target.may_hold.end());
      target.kind = Page::Kind::anonymous;
      target.rights = source.rights;
      target.may_hold = std::move(values);
      forget(source);
    }
    end(process, from, 1);
    end(process, to, 1);
  }

  void discard(Process& process, uint64_t at) {
    Page& page = process.pages[at];
    if (!may_begin(process) || page.kind == Page::Kind::none) return;
    begin(process, at, 1);
    size_t known_before = page.may_hold.size();
    const bool no_memory = failed(
        [&] { return system_call(kSysMadvise, address_of(at).value, bytes_of(at, 1), kDontNeed); });
    if (page.kind == Page::Kind::anonymous) {
      if (no_memory)
        page.may_hold.push_back(0);
      else
        become_zero(page.may_hold, known_before);
    }
    end(process, at, 1);
  }

  void fork_process(Process& parent) {
    if (!may_begin(parent) || process_count_ >= max_processes_) return;
    Process& child = add_process();
    child.pages = parent.pages;
    parent.is_changing = true;
    parent.newborn = &child;
    const bool no_memory = failed([&] {
      return fork([this, &parent, &child] {
        if (parent.newborn == &child) parent.newborn = nullptr;
        live(child);
      });
    });
    if (no_memory) --process_count_;  // its entry stays, and nobody looks at it
    if (parent.newborn == &child) parent.newborn = nullptr;
    parent.is_changing = false;
  }

  void start_thread(Process& process) {
    if (process.is_exiting || process.threads == kMaxThreads) return;
    ++process.threads;
    constexpr UserAddr kStack = kUserMemory + kUserMemoryBytes / 2;
    long thread = system_call_with_child([this, &process] { live_as_thread(process); }, kSysClone,
                                         kThreadFlags, kStack.value);
    if (thread < 0) --process.threads;
    EXPECT_TRUE(thread > 0 || process.is_exiting) << thread;
  }

  void truncate() {
    if (file_is_changing_) return;
    uint64_t size = pick(kFilePages + 1);
    file_is_changing_ = true;
    ++file_changes_;
    std::vector<size_t> known_before;
    for (const Values& values : contents_) known_before.push_back(values.size());
    EXPECT_EQ(system_call(kSysFtruncate, file_, bytes_in_file(size)), 0);
    for (uint64_t i = std::min(size, file_size_); i < kFilePages; ++i) {
      become_zero(contents_[i], i < size ? known_before[i] : contents_[i].size());
    }
    file_size_ = size;
    file_is_changing_ = false;
  }

  uint64_t steps_left_;
  const int max_processes_;
  std::mt19937 random_;
  const bool inject_;
  std::deque<Process> processes_;  // for good: threads of dead ones may take a last step
  int process_count_ = 0;          // alive
  uint64_t last_value_ = 0;
  uint64_t file_ = 0;
  uint64_t file_size_ = kFilePages;  // pages
  bool file_is_changing_ = false;
  uint64_t file_changes_ = 0;
  std::vector<Values> contents_ = std::vector<Values>(kFilePages, Values{0});
};

TEST(ModelCheck, ThreadsOnSimulatedCpusAgreeWithSetsOfValues) {
  constexpr uint64_t kSequence = 20'000;
  uint64_t steps = from_environment("TINE_MODEL_STEPS", 10'000);
  auto seed = static_cast<unsigned>(from_environment("TINE_MODEL_SEED", 1));
  for (uint64_t done = 0; done < steps && !HasFailure(); done += kSequence, ++seed) {
    SCOPED_TRACE(testing::Message() << "TINE_MODEL_SEED=" << seed);
    huge_page_policy = seed % 3 == 0 ? HugePagePolicy::never : HugePagePolicy::always;
    run_core(
        [&] { expect_nothing_leaked([&] { Model(std::min(steps, kSequence) / 2, seed).run(); }); },
        {.memory_bytes = 128ull << 20, .cpus = 4, .seed = seed, .preempt_one_in = 20u << seed % 5});
  }
  huge_page_policy = HugePagePolicy::madvise;
}

}  // namespace
}  // namespace tine::mm
