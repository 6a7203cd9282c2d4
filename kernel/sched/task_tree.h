// SPDX-License-Identifier: MIT
//
// The tasks of one class that wait for a CPU, in an order. Equals stay in the order in which they
// came. The first stands beside the tree, not in it: to look at it costs nothing, and where no more
// than one task waits, as mostly, there is no tree.
//
// A task is in one tree at most, through its `run_node`; what it is ordered by must not change
// while it is in there. The lock of the run queue guards it. Nothing can fail.
#pragma once

#include "core/list.h"
#include "sched/schedulable.h"

namespace tine::sched {

template <class Before>  // bool(const Schedulable&, const Schedulable&)
class TaskTree {
 public:
  bool empty() const { return first_ == nullptr; }
  bool has_no_second() const { return rest_.empty(); }
  Schedulable* first() const { return first_; }  // null: nobody waits

  void insert(Schedulable& task) {  // behind its equals
    if (first_ == nullptr) [[likely]]
      first_ = &task;
    else
      insert_among(task);
  }
  void insert_before_equals(Schedulable& task) {
    if (first_ == nullptr) [[likely]]
      first_ = &task;
    else if (!Before()(*first_, task))
      insert_first(task);
    else
      rest_.insert_before(rest_.lower_bound(task), task);
  }
  void erase(Schedulable& task) {
    if (rest_.empty()) [[likely]]
      first_ = nullptr;
    else
      erase_among(task);
  }

  // The first task for which good(task) holds, of the first `limit`; null if none is.
  template <class Good>
  Schedulable* find(unsigned limit, Good&& good) {
    if (first_ == nullptr || good(*first_)) return first_;
    for (Schedulable& task : rest_) {
      if (--limit == 0) break;
      if (good(task)) return &task;
    }
    return nullptr;
  }

 private:
  [[gnu::noinline]] void insert_among(Schedulable& task) {
    if (Before()(task, *first_))
      insert_first(task);
    else
      rest_.insert(task);
  }
  [[gnu::noinline]] void erase_among(Schedulable& task) {
    if (&task != first_) return (void)rest_.erase(rest_.iterator_to(task));
    first_ = &*rest_.begin();
    rest_.erase(rest_.begin());
  }
  void insert_first(Schedulable& task) {
    rest_.insert_before(rest_.begin(), *first_);
    first_ = &task;
  }

  Schedulable* first_ = nullptr;
  bi::multiset<Schedulable, bi::member_hook<Schedulable, TreeNode, &Schedulable::run_node>,
               bi::compare<Before>, bi::constant_time_size<false>>
      rest_;
};

}  // namespace tine::sched
