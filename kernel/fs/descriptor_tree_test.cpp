// SPDX-License-Identifier: MIT
//
// The tree of descriptors against plain maps: several trees that are copied from each other and
// changed at random, with and without failing allocations. After each step a file lives exactly as
// long as some map has it, every number is where the maps say, and at the end nothing is left.
#include "fs/descriptor_tree.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "arch/hosted/harness.h"
#include "mm/testing.h"

namespace tine::fs {
namespace {

class CountedFile final : public File {
 public:
  static constexpr const char* kCacheName = "counted_file";
  CountedFile() : File(0) { ++alive; }
  ~CountedFile() override { --alive; }
  Result<void> stat(StatData&) override { return Errno::inval; }
  size_t write_description(std::span<char>) override { return 0; }
  static inline size_t alive = 0;
};

Ref<File> make_file() { return Ref<File>(*make_ref<CountedFile>()); }

struct Number {
  const File* file;   // null: reserved
  bool close_on_exec;
};
struct Pair {
  DescriptorTree tree;
  std::map<uint32_t, Number> model;
};

class DescriptorTrees {
 public:
  DescriptorTrees(unsigned seed, bool failures) : random_(seed), failures_(failures) {
    for (auto& pair : pairs_) pair.emplace(Pair{std::move(*DescriptorTree::make()), {}});
  }

  void step() {
    Pair& pair = *pairs_[random_() % kTrees];
    const uint32_t fd = number();
    if (failures_) arm_fault_injection(1 + random_() % 6);
    change(pair, fd);
    arm_fault_injection(0);
    check(pair, fd);
  }

  void check_life() {
    std::set<const File*> held;
    for (auto& pair : pairs_) {
      for (auto& [fd, number] : pair->model) {
        if (number.file != nullptr) held.insert(number.file);
      }
    }
    EXPECT_EQ(CountedFile::alive, held.size());
  }

  void check_all() {
    for (auto& pair : pairs_) {
      uint32_t next = 0;
      for (auto& [fd, number] : pair->model) {
        EXPECT_EQ(pair->tree.find(fd), number.file);
        EXPECT_TRUE(pair->tree.is_taken(fd));
        EXPECT_EQ(pair->tree.closes_on_exec(fd), number.close_on_exec);
        if (number.file == nullptr) continue;
        EXPECT_EQ(pair->tree.find_next(next, false), fd);
        next = fd + 1;
      }
      EXPECT_EQ(pair->tree.find_next(next, false), DescriptorTree::kNone);
    }
  }

  // Reserved numbers are given back, as their owners would do it.
  ~DescriptorTrees() {
    for (auto& pair : pairs_) {
      for (auto& [fd, number] : pair->model) {
        if (number.file == nullptr) pair->tree.unreserve(fd);
      }
    }
  }

 private:
  static constexpr size_t kTrees = 5;

  uint32_t number() {
    switch (random_() % 8) {
      case 0: return static_cast<uint32_t>(random_() % DescriptorTree::kMaxSlots);
      case 1: return static_cast<uint32_t>(random_() % 5000);
      default: return static_cast<uint32_t>(random_() % 130);
    }
  }

  void change(Pair& pair, uint32_t fd) {
    DroppedNodes dropped;
    auto found = pair.model.find(fd);
    const bool on = random_() % 2;
    if (found != pair.model.end() && found->second.file == nullptr) {
      if (on) {
        pair.tree.unreserve(fd);
        pair.model.erase(found);
      } else if (Ref<File> file = file_or_null()) {
        found->second.file = file.get();
        pair.tree.fill(fd, std::move(file));
      }
      return;
    }
    switch (random_() % 8) {
      case 0: return copy(pair);
      case 1:
        if (found == pair.model.end() && pair.tree.reserve(fd, on, dropped)) {
          pair.model[fd] = {nullptr, on};
        }
        return;
      case 2:
        if (found != pair.model.end() && pair.tree.set_close_on_exec(fd, on, dropped)) {
          found->second.close_on_exec = on;
        }
        return;
      case 3:
      case 4: return put(pair, fd, on, dropped);
      default:
        if (found != pair.model.end() && pair.tree.take(fd, dropped)) pair.model.erase(found);
    }
  }

  Ref<File> file_or_null() {
    auto made = make_ref<CountedFile>();
    return made ? Ref<File>(std::move(*made)) : Ref<File>();
  }

  void put(Pair& pair, uint32_t fd, bool on, DroppedNodes& dropped) {
    Ref<File> file = file_or_null();
    if (!file) return;
    const File* raw = file.get();
    auto old = pair.tree.put(fd, file, on, dropped);
    if (!old) return;
    auto found = pair.model.find(fd);
    EXPECT_EQ(*old, found != pair.model.end() ? found->second.file : nullptr);
    if (*old != nullptr) (*old)->ref_put();
    pair.model[fd] = {raw, on};
  }

  void copy(Pair& from) {
    auto& to = pairs_[random_() % kTrees];
    if (&*to == &from) return;
    for (auto& [fd, number] : to->model) {
      if (number.file == nullptr) return;  // somebody is about to fill it
    }
    auto tree = from.tree.copy();
    if (!tree) return;
    to.emplace(Pair{std::move(*tree), from.model});
    std::erase_if(to->model, [](auto& entry) { return entry.second.file == nullptr; });
  }

  void check(Pair& pair, uint32_t lowest) {
    uint32_t free = lowest;
    while (pair.model.contains(free)) ++free;
    EXPECT_EQ(pair.tree.find_free(lowest), free);
    uint32_t next = DescriptorTree::kNone;
    for (auto at = pair.model.lower_bound(lowest); at != pair.model.end(); ++at) {
      if (at->second.file == nullptr || !at->second.close_on_exec) continue;
      next = at->first;
      break;
    }
    EXPECT_EQ(pair.tree.find_next(lowest, true), next);
    const bool any = std::any_of(pair.model.begin(), pair.model.end(),
                                 [](auto& e) { return e.second.close_on_exec; });
    if (any) EXPECT_TRUE(pair.tree.may_close_on_exec());
  }

  std::mt19937 random_;
  const bool failures_;
  std::optional<Pair> pairs_[kTrees];
};

void run(unsigned seed, bool failures) {
  SCOPED_TRACE(seed);
  mm::MemoryMachine machine;
  {
    DescriptorTrees trees(seed, failures);
    for (int i = 0; i < 12'000 && !testing::Test::HasFailure(); ++i) {
      trees.step();
      if (i % 100 == 0) {
        trees.check_life();
        trees.check_all();
      }
    }
  }
  EXPECT_EQ(CountedFile::alive, 0u);
}

TEST(DescriptorTree, AgreesWithMaps) {
  for (unsigned seed = 1; seed <= 4; ++seed) run(seed, false);
}

TEST(DescriptorTree, AgreesWithMapsWhenMemoryRunsOut) {
  for (unsigned seed = 11; seed <= 14; ++seed) run(seed, true);
}

TEST(DescriptorTree, CopyIsOneReferenceHoweverManyFiles) {
  mm::MemoryMachine machine;
  constexpr uint32_t kFiles = 100'000;
  DescriptorTree tree = std::move(*DescriptorTree::make());
  Ref<File> file = make_file();
  for (uint32_t fd = 0; fd < kFiles; ++fd) {
    DroppedNodes dropped;
    Ref<File> more = file;
    ASSERT_TRUE(tree.put(fd, more, false, dropped));
  }
  const int64_t objects = live_counts().objects;
  const uint32_t references = file->ref_count();
  {
    DescriptorTree copy = std::move(*tree.copy());
    EXPECT_EQ(live_counts().objects, objects);
    EXPECT_EQ(file->ref_count(), references);
    {
      DroppedNodes dropped;
      copy.take(70'000, dropped)->reset();
    }
    EXPECT_EQ(live_counts().objects, objects + 3);   // the nodes on the way
    EXPECT_EQ(file->ref_count(), references + 63);   // the other files of that leaf
    EXPECT_EQ(copy.find(70'000), nullptr);
    EXPECT_EQ(tree.find(70'000), file.get());
    EXPECT_EQ(copy.find_free(5), 70'000u);
  }
  EXPECT_EQ(live_counts().objects, objects);
  EXPECT_EQ(file->ref_count(), references);
}

// The last close is the last sharer's, whether it closes or ends.
TEST(DescriptorTree, FileEndsWithTheLastSharer) {
  mm::MemoryMachine machine;
  auto parent = std::optional(std::move(*DescriptorTree::make()));
  {
    DroppedNodes dropped;
    Ref<File> file = make_file();
    ASSERT_TRUE(parent->put(3, file, false, dropped));
  }
  auto child = std::optional(std::move(*parent->copy()));
  auto grandchild = std::optional(std::move(*child->copy()));
  {
    DroppedNodes dropped;
    EXPECT_TRUE(parent->take(3, dropped));
  }
  EXPECT_EQ(CountedFile::alive, 1u);
  child.reset();
  EXPECT_EQ(CountedFile::alive, 1u);
  {
    DroppedNodes dropped;
    EXPECT_TRUE(grandchild->take(3, dropped));
  }
  EXPECT_EQ(CountedFile::alive, 0u);
}

// A thread reserves a number, another forks: the number is not the child's, and filling it later
// needs no memory.
TEST(DescriptorTree, ReservedNumbersAreNotInherited) {
  mm::MemoryMachine machine;
  for (uint32_t fd : {5u, 300u, 5000u, 300'000u}) {
    DescriptorTree tree = std::move(*DescriptorTree::make());
    DroppedNodes dropped;
    Ref<File> other = make_file(), file = make_file();
    ASSERT_TRUE(tree.put(fd + 1, other, true, dropped));
    ASSERT_TRUE(tree.reserve(fd, true, dropped));
    DescriptorTree copy = std::move(*tree.copy());
    EXPECT_FALSE(copy.is_taken(fd));
    EXPECT_TRUE(copy.closes_on_exec(fd + 1));
    EXPECT_FALSE(copy.closes_on_exec(fd));
    arm_fault_injection(1);
    tree.fill(fd, std::move(file));
    arm_fault_injection(0);
    EXPECT_NE(tree.find(fd), nullptr);
    EXPECT_EQ(copy.find(fd), nullptr);
  }
}

// A tree with one file, at number 3, on two CPUs: memory that lookups may read is given back later.
void with_a_file(const std::function<void(DescriptorTree&)>& body) {
  arch::hosted::run_core(
      [&body] {
        const int64_t objects = live_counts().objects;
        {
          DescriptorTree tree = std::move(*DescriptorTree::make());
          DroppedNodes dropped;
          Ref<File> file = make_file();
          ASSERT_TRUE(tree.put(3, file, false, dropped));
          body(tree);
        }
        EXPECT_EQ(CountedFile::alive, 0u);
        reclaim_all();
        EXPECT_EQ(live_counts().objects, objects);
      },
      {.cpus = 2});
}

void close(DescriptorTree& tree, uint32_t fd, Readers readers) {
  DroppedNodes dropped(readers);
  EXPECT_TRUE(tree.take(fd, dropped));
}

TEST(DescriptorTree, WithoutReadersMemoryGoesAtOnce) {
  with_a_file([](DescriptorTree& tree) {
    const int64_t objects = live_counts().objects;
    close(tree, 3, Readers::none);
    EXPECT_EQ(CountedFile::alive, 0u);
    EXPECT_EQ(live_counts().objects, objects - 1);
  });
}

TEST(DescriptorTree, WithReadersFilesEndAtOnceAndTheirMemoryLater) {
  with_a_file([](DescriptorTree& tree) {
    const int64_t objects = live_counts().objects;
    {
      LookupGuard lookup;
      const File* found = tree.find(3);
      EXPECT_EQ(CountedFile::alive, 1u);
      DroppedNodes dropped(Readers::others);
      (void)tree.take(3, dropped)->leak()->ref_drop_is_last();
      EXPECT_EQ(tree.find(3), nullptr);
      EXPECT_FALSE(found->ref_get_unless_zero());
      const_cast<File*>(found)->last_ref_dropped();
      EXPECT_EQ(CountedFile::alive, 0u);
      EXPECT_FALSE(found->ref_get_unless_zero());
    }
    EXPECT_EQ(live_counts().objects, objects);
    reclaim_all();
    EXPECT_EQ(live_counts().objects, objects - 1);
  });
}

// A node that a table with readers has had stays as it was, for they may be reading it still; and
// from there they may come to its files.
TEST(DescriptorTree, AnotherTreeLeavesAloneWhatReadersMaySee) {
  with_a_file([](DescriptorTree& parent) {
    DescriptorTree child = std::move(*parent.copy());
    close(parent, 3, Readers::others);
    EXPECT_EQ(CountedFile::alive, 1u);
    const int64_t objects = live_counts().objects;
    close(child, 3, Readers::none);
    EXPECT_EQ(CountedFile::alive, 0u);
    EXPECT_EQ(live_counts().objects, objects + 1);  // a leaf of the child's own; the rest waits
    reclaim_all();
    EXPECT_EQ(live_counts().objects, objects - 1);  // without the shared leaf and the file
  });
}

TEST(DescriptorTree, AnotherTreesEndKeepsWhatReadersMaySee) {
  with_a_file([](DescriptorTree& parent) {
    int64_t objects;
    {
      Ref<File> far = make_file();
      DroppedNodes dropped;
      ASSERT_TRUE(parent.put(5000, far, false, dropped));  // two levels more
    }
    {
      DescriptorTree child = std::move(*parent.copy());
      close(parent, 5000, Readers::others);
      close(parent, 3, Readers::others);
      EXPECT_EQ(CountedFile::alive, 2u);
      objects = live_counts().objects;
    }
    EXPECT_EQ(CountedFile::alive, 0u);
    EXPECT_EQ(live_counts().objects, objects);
    reclaim_all();
    // The root, two nodes of the middle, two leaves and two files, or fewer of what is shared still.
    EXPECT_LE(live_counts().objects, objects - 6);
  });
}

}  // namespace
}  // namespace tine::fs
