// SPDX-License-Identifier: MIT
//
// The fair class (SCHED_NORMAL, SCHED_BATCH, SCHED_IDLE): the task that has had least of the CPU,
// weighted by nice, runs next. A tree keeps the waiting tasks in the order of their virtual run
// time, real time scaled by 1024/weight, so that equal virtual time is a fair share.
//
// A sleeper does not save up credit beyond half a slice; a forked child starts behind its parent by
// the slice that it was given, so that forking gains no CPU time (B71).
#include <algorithm>

#include "sched/run_queue.h"

namespace tine::sched {
namespace {

constexpr uint64_t kSleeperCredit = kSlice / 2;
// A woken task must be this far behind the running one to take its place at once.
constexpr int64_t kWakeUpGranularity = 1'000'000;

uint64_t to_virtual(const Schedulable& task, Nanoseconds delta) {
  auto real = static_cast<uint64_t>(delta);
  return task.weight == 1024 ? real : real * 1024 / task.weight;
}

bool is_before(uint64_t a, uint64_t b) { return static_cast<int64_t>(a - b) < 0; }

void advance_min_vruntime(RunQueue& rq, uint64_t running_vruntime) {
  uint64_t lowest = running_vruntime;
  if (!rq.fair.waiting.empty() && is_before(rq.fair.waiting.begin()->vruntime, lowest)) {
    lowest = rq.fair.waiting.begin()->vruntime;
  }
  if (is_before(rq.fair.min_vruntime, lowest)) rq.fair.min_vruntime = lowest;
}

class FairClass final : public SchedClass {
 public:
  constexpr FairClass() : SchedClass(2) {}

  void enqueue(RunQueue& rq, Schedulable& task, EnqueueReason reason) const override {
    FairQueue& fair = rq.fair;
    uint64_t floor = fair.min_vruntime;
    if (reason == EnqueueReason::wake_up && task.policy == kPolicyNormal) floor -= kSleeperCredit;
    if (is_before(task.vruntime, floor)) task.vruntime = floor;
    if (reason == EnqueueReason::fork) task.vruntime += to_virtual(task, task.slice_left);
    ++fair.count;
    if (&task != rq.current) fair.waiting.insert(task);
  }

  void dequeue(RunQueue& rq, Schedulable& task) const override {
    --rq.fair.count;
    if (&task != rq.current) rq.fair.waiting.erase(rq.fair.waiting.iterator_to(task));
  }

  void put_previous(RunQueue& rq, Schedulable& task) const override {
    rq.fair.waiting.insert(task);
  }

  void set_next(RunQueue& rq, Schedulable& task) const override {
    rq.fair.waiting.erase(rq.fair.waiting.iterator_to(task));
    if (task.slice_left <= 0) task.slice_left = kSlice;
  }

  Schedulable* peek(RunQueue& rq) const override {
    return rq.fair.waiting.empty() ? nullptr : &*rq.fair.waiting.begin();
  }

  bool preempts(const RunQueue&, const Schedulable& waiting,
                const Schedulable& running) const override {
    if (running.policy == kPolicyIdle && waiting.policy != kPolicyIdle) return true;
    if (waiting.policy != kPolicyNormal) return false;
    auto lead = static_cast<int64_t>(running.vruntime - waiting.vruntime);
    return lead > static_cast<int64_t>(to_virtual(waiting, kWakeUpGranularity));
  }

  void charge(RunQueue& rq, Schedulable& task, Nanoseconds delta) const override {
    task.vruntime += to_virtual(task, delta);
    task.slice_left -= delta;
    advance_min_vruntime(rq, task.vruntime);
  }

  bool tick(RunQueue& rq, Schedulable& task) const override {
    if (task.slice_left > 0) return false;
    if (rq.fair.waiting.empty()) {
      task.slice_left = kSlice;
      return false;
    }
    return true;
  }

  // Behind the next in line, and no further: yielding must not cost a share.
  void yield(RunQueue& rq, Schedulable& task) const override {
    task.slice_left = 0;
    if (rq.fair.waiting.empty()) return;
    uint64_t next = rq.fair.waiting.begin()->vruntime;
    if (!is_before(next, task.vruntime)) task.vruntime = next + 1;
  }
};

// Each nice level is a factor of 1.25, so that one level is about 10 % of a CPU between two tasks.
constexpr uint32_t compute_weight(int nice) {
  uint64_t scaled = 1024ull << 20;
  for (; nice > 0; --nice) scaled = scaled * 4 / 5;
  for (; nice < 0; ++nice) scaled = scaled * 5 / 4;
  return static_cast<uint32_t>((scaled + (1u << 19)) >> 20);
}

struct Weights {
  uint32_t of_level[40];
  constexpr Weights() : of_level() {
    for (int i = 0; i < 40; ++i) of_level[i] = compute_weight(i - 20);
  }
};
constexpr Weights weights;

constexpr FairClass fair_instance;

}  // namespace

constinit const SchedClass& fair_class = fair_instance;

uint32_t weight_of_nice(int nice) { return weights.of_level[std::clamp(nice, -20, 19) + 20]; }

}  // namespace tine::sched
