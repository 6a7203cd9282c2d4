// SPDX-License-Identifier: MIT
//
// The persistent index of mappings beside a std::map: random insertions, removals, changes and
// searches in up to five indexes that come from each other by sharing, with allocations that fail
// at random. What one changes no other sees; what fails has changed nothing; what nodes say of what
// lies below them is true; and at the end no node is left.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "mm/mapping_index.h"
#include "mm/testing.h"

namespace tine::mm {
namespace {

constexpr uint64_t kPlaces = 600;  // pages that may be mapped: enough for a tree of three levels
constexpr uint64_t kBase = 0x10'0000;

struct Expected {
  uint64_t end;
  uint32_t flags;
};
using Expectation = std::map<uint64_t, Expected>;  // by start; in pages

UserAddr address_of(uint64_t page) { return UserAddr(kBase + page * kPageSize); }

struct Space {
  MappingIndex index;
  Expectation expected;
  Space() = default;
  ~Space() { index.clear(); }
};

// Compares what a node says with what lies below it.
void check_node(const MappingNode& node, bool is_root) {
  ASSERT_TRUE(is_root || node.used > 0);
  uint64_t gap = 0;
  uint32_t marks = 0;
  for (unsigned i = 0; i < node.used; ++i) {
    const MappingEntry& entry = *node.entries[i];
    ASSERT_EQ(entry.level + 1, node.level);
    ASSERT_EQ(node.starts[i], entry.start);
    if (i > 0) {
      ASSERT_LE(node.entries[i - 1]->end, entry.start);
      gap = std::max(gap, entry.start - node.entries[i - 1]->end);
    }
    marks |= entry.flags & kForkMarks;
    if (entry.level == 0) continue;
    check_node(node.child(i), false);
    gap = std::max(gap, node.child(i).gap);
  }
  EXPECT_EQ(node.flags, marks);
  if (is_root) return;
  EXPECT_EQ(node.gap, gap);
  EXPECT_EQ(node.start, node.starts[0]);
  EXPECT_EQ(node.end, node.entries[node.used - 1]->end);
}

class IndexModel {
 public:
  explicit IndexModel(unsigned seed) : random_(seed), inject_(seed % 2 == 0) {
    spaces_.push_back(std::make_unique<Space>());
    EXPECT_TRUE(spaces_[0]->index.init());
  }

  void step() {
    Space& space = *spaces_[pick(spaces_.size())];
    grows_ = pick(200) == 0 ? !grows_ : grows_;
    switch (pick(12)) {
      case 0:
        return share(space);
      case 1:
        return drop(space);
      case 2:
        return resize(space);
      case 3:
        return split(space);
      case 4:
        return absorb(space);
      case 5:
        return mark(space);
      case 6:
        return search(space);
      default:
        return pick(4) != 0 == grows_ ? insert(space) : erase(space);
    }
  }

  void check() {
    for (auto& space : spaces_) check(*space);
  }

 private:
  uint64_t pick(uint64_t below) { return random_() % below; }

  // True: the call has failed, as it was made to.
  template <class Call>
  bool failed(Call&& call) {
    bool armed = inject_ && pick(3) == 0;
    if (armed) arm_fault_injection(1 + pick(5));
    bool succeeded = call();
    arm_fault_injection(0);
    EXPECT_TRUE(succeeded || armed);
    return !succeeded;
  }

  // A mapping of `space` for it alone to change; null: there is none, or no memory.
  Vma* own_any(Space& space, Expectation::iterator& at) {
    if (space.expected.empty()) return nullptr;
    at = space.expected.lower_bound(pick(kPlaces));
    if (at == space.expected.end()) --at;
    const Vma* vma = space.index.find(address_of(at->first));
    if (failed([&] { return space.index.own(vma->start, vma->end).has_value(); })) return nullptr;
    if (vma->is_only_reference()) return const_cast<Vma*>(vma);
    Ref<Vma> copy = *make_ref<Vma>();
    copy->start = vma->start;
    copy->end = vma->end;
    copy->flags = vma->flags;
    Vma* owned = copy.get();
    (void)space.index.replace(*vma, std::move(copy));
    return owned;
  }

  static Ref<Vma> make_mapping(uint64_t start, uint64_t end, uint32_t flags) {
    Ref<Vma> vma = *make_ref<Vma>();
    vma->start = address_of(start);
    vma->end = address_of(end);
    vma->flags = flags;
    return vma;
  }
  uint64_t next_start(const Space& space, Expectation::iterator at) {
    return ++at == space.expected.end() ? kPlaces : at->first;
  }

  void insert(Space& space) {
    uint64_t start = pick(kPlaces), end = std::min(start + 1 + pick(3), kPlaces);
    auto above = space.expected.lower_bound(start);
    if (above != space.expected.end() && above->first < end) return;
    if (above != space.expected.begin() && std::prev(above)->second.end > start) return;
    uint32_t flags = pick(20) == 0 ? kVmRead | kVmLocked : kVmRead;
    Ref<Vma> vma = make_mapping(start, end, flags);
    if (failed([&] { return space.index.insert(vma).has_value(); })) return;
    space.expected[start] = {end, flags};
  }
  void erase(Space& space) {
    Expectation::iterator at;
    Vma* vma = own_any(space, at);
    if (vma == nullptr) return;
    EXPECT_EQ(space.index.erase(*vma).get(), vma);
    space.expected.erase(at);
  }
  void resize(Space& space) {
    Expectation::iterator at;
    Vma* vma = own_any(space, at);
    if (vma == nullptr) return;
    uint64_t lowest = at == space.expected.begin() ? 0 : std::prev(at)->second.end;
    uint64_t start = lowest + pick(at->second.end - lowest);
    uint64_t end = start + 1 + pick(std::min<uint64_t>(next_start(space, at) - start, 5));
    uint32_t flags = at->second.flags;
    space.index.resize(*vma, address_of(start), address_of(end));
    space.expected.erase(at);
    space.expected[start] = {end, flags};
  }
  void split(Space& space) {
    Expectation::iterator at;
    Vma* vma = own_any(space, at);
    if (vma == nullptr || at->second.end - at->first < 2) return;
    uint64_t cut = at->first + 1 + pick(at->second.end - at->first - 1);
    Ref<Vma> upper = make_mapping(cut, at->second.end, at->second.flags);
    if (failed([&] { return space.index.split(*vma, upper).has_value(); })) return;
    space.expected[cut] = at->second;
    at->second.end = cut;
  }
  void absorb(Space& space) {
    Expectation::iterator at;
    Vma* vma = own_any(space, at);
    if (vma == nullptr) return;
    auto other = std::next(at);
    if (other == space.expected.end() || other->first != at->second.end) return;
    const Vma* neighbour = space.index.find(address_of(other->first));
    if (failed([&] { return space.index.own(neighbour->start, neighbour->end).has_value(); })) {
      return;
    }
    EXPECT_EQ(space.index.absorb(*vma, *neighbour).get(), neighbour);
    at->second.end = other->second.end;
    space.expected.erase(other);
  }
  void mark(Space& space) {
    Expectation::iterator at;
    Vma* vma = own_any(space, at);
    if (vma == nullptr) return;
    at->second.flags ^= kVmLocked;
    space.index.set_flags(*vma, at->second.flags);
  }

  void share(Space& space) {
    if (spaces_.size() == 5) return;
    spaces_.push_back(std::make_unique<Space>());
    space.index.share_with(spaces_.back()->index);
    spaces_.back()->expected = space.expected;
  }
  void drop(Space& space) {
    if (spaces_.size() == 1 || pick(2) == 0) return;
    std::erase_if(spaces_, [&](auto& candidate) { return candidate.get() == &space; });
  }

  void search(Space& space) {
    uint64_t low = pick(kPlaces), high = low + pick(kPlaces - low + 1), length = 1 + pick(12);
    uint64_t found = 0;  // 0: none
    uint64_t gap_end = high;
    for (auto at = space.expected.rbegin();; ++at) {
      bool is_last = at == space.expected.rend();
      uint64_t gap_start = std::max(low, is_last ? 0 : at->second.end);
      if (gap_end >= gap_start + length) {
        found = kBase + (gap_end - length) * kPageSize;
        break;
      }
      if (is_last) break;
      gap_end = std::min(gap_end, at->first);
    }
    EXPECT_EQ(space.index.find_gap(address_of(low), address_of(high), length * kPageSize, 0).value,
              found);
  }

  void check(Space& space) {
    const Vma* vma = space.index.first();
    const Vma* below = nullptr;
    const Vma* marked = space.index.next_marked(UserAddr(0));
    for (auto [start, expected] : space.expected) {
      ASSERT_NE(vma, nullptr);
      EXPECT_EQ(vma->start, address_of(start));
      EXPECT_EQ(vma->end, address_of(expected.end));
      EXPECT_EQ(vma->flags, expected.flags);
      EXPECT_EQ(space.index.find(vma->end - 1), vma);
      if (below != nullptr) EXPECT_EQ(space.index.previous(*vma), below);
      if (vma->flags & kForkMarks) {
        EXPECT_EQ(marked, vma);
        marked = space.index.next_marked(vma->end);
      }
      below = vma;
      vma = space.index.next(*vma);
    }
    EXPECT_EQ(vma, nullptr);
    EXPECT_EQ(marked, nullptr);
    EXPECT_EQ(space.index.last(), below);
    check_node(space.index.root(), true);
  }

  std::mt19937 random_;
  const bool inject_;
  bool grows_ = true;
  std::vector<std::unique_ptr<Space>> spaces_;
};

TEST(MappingIndex, AgreesWithAMapWhateverIsShared) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    MemoryMachine machine(8ull << 20);  // counts nodes and mappings at its end
    IndexModel model(seed);
    for (int step = 0; step < 4000; ++step) {
      model.step();
      if (step % 50 == 0) model.check();
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " step " << step;
    }
    model.check();
  }
}

Ref<Vma> mapping_at(uint64_t page) {
  Ref<Vma> vma = *make_ref<Vma>();
  vma->start = address_of(page);
  vma->end = address_of(page + 1);
  return vma;
}

// A change after a fork copies one node a level, and the last owner copies none.
TEST(MappingIndex, AChangeAfterAForkCopiesOnePath) {
  MemoryMachine machine;
  for (uint64_t count : {10u, 100u, 1000u, 10000u}) {
    Space parent;
    ASSERT_TRUE(parent.index.init());
    for (uint64_t i = 0; i < count; ++i) {
      Ref<Vma> vma = mapping_at(2 * i);
      ASSERT_TRUE(parent.index.insert(vma));
    }
    unsigned levels = parent.index.root().level;
    EXPECT_LE(levels, 1 + std::ceil(std::log(double(count)) / std::log(8.0)));
    {
      Space child;
      parent.index.share_with(child.index);
      int64_t before = cache_of<MappingNode>.live_objects();
      ASSERT_TRUE(child.index.own(address_of(count), address_of(count + 1)));
      EXPECT_EQ(cache_of<MappingNode>.live_objects() - before, levels);
      ASSERT_TRUE(child.index.own(address_of(count), address_of(count + 1)));
      EXPECT_EQ(cache_of<MappingNode>.live_objects() - before, levels);
    }
    int64_t before = cache_of<MappingNode>.live_objects();
    ASSERT_TRUE(parent.index.own(address_of(0), address_of(2 * count)));
    EXPECT_EQ(cache_of<MappingNode>.live_objects(), before);
  }
}

}  // namespace
}  // namespace tine::mm
