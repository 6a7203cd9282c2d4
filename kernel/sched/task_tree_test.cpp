// SPDX-License-Identifier: MIT
//
// The order of waiting tasks against a plain model: a sorted vector in which equals keep their order.
#include "sched/task_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tine::sched {
namespace {

struct ByPrio {
  bool operator()(const Schedulable& a, const Schedulable& b) const { return a.prio < b.prio; }
};

class ModelledTree {
 public:
  void insert(Schedulable& task) {
    tree_.insert(task);
    model_.insert(std::upper_bound(model_.begin(), model_.end(), &task, is_before), &task);
  }
  void insert_before_equals(Schedulable& task) {
    tree_.insert_before_equals(task);
    model_.insert(std::lower_bound(model_.begin(), model_.end(), &task, is_before), &task);
  }
  void erase(Schedulable& task) {
    tree_.erase(task);
    std::erase(model_, &task);
  }
  bool has(Schedulable& task) const { return std::ranges::count(model_, &task) != 0; }

  // As find() walks it, from the first to the last.
  std::vector<Schedulable*> walk() {
    std::vector<Schedulable*> seen;
    tree_.find(1000, [&seen](Schedulable& task) {
      seen.push_back(&task);
      return false;
    });
    return seen;
  }
  void check() {
    ASSERT_EQ(tree_.empty(), model_.empty());
    ASSERT_EQ(tree_.first(), model_.empty() ? nullptr : model_.front());
    ASSERT_EQ(walk(), model_);
  }

 private:
  static bool is_before(const Schedulable* a, const Schedulable* b) { return a->prio < b->prio; }
  TaskTree<ByPrio> tree_;
  std::vector<Schedulable*> model_;
};

TEST(TaskTree, AgreesWithASortedVector) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<Schedulable> tasks(1 + random() % 12);
    for (Schedulable& task : tasks) task.prio = static_cast<int>(random() % 4);
    ModelledTree tree;
    for (int step = 0; step < 200; ++step) {
      Schedulable& task = tasks[random() % tasks.size()];
      if (tree.has(task)) tree.erase(task);
      else if (random() % 2 == 0) tree.insert(task);
      else tree.insert_before_equals(task);
      ASSERT_NO_FATAL_FAILURE(tree.check()) << "seed " << seed << ", step " << step;
    }
    for (Schedulable& task : tasks) {
      if (tree.has(task)) tree.erase(task);
    }
  }
}

TEST(TaskTree, FindLooksNoFurtherThanToldTo) {
  std::vector<Schedulable> tasks(5);
  TaskTree<ByPrio> tree;
  for (int i = 0; i < 5; ++i) {
    tasks[i].prio = i;
    tree.insert(tasks[i]);
  }
  auto is_third = [](const Schedulable& task) { return task.prio == 3; };
  EXPECT_EQ(tree.find(4, is_third), &tasks[3]);
  EXPECT_EQ(tree.find(3, is_third), nullptr);
  for (Schedulable& task : tasks) tree.erase(task);
}

}  // namespace
}  // namespace tine::sched
