// SPDX-License-Identifier: MIT
//
// The fair class (SCHED_NORMAL, SCHED_BATCH, SCHED_IDLE): earliest eligible virtual deadline first.
// Each task has a virtual run time, real time scaled by 1024/weight; their average, weighted, is the
// queue's virtual time V. Who is not ahead of V is eligible: it has had no more than its share. Of
// the eligible ones that runs whose virtual deadline is first: the end of its slice, or, after a
// sleep, of what it ran between its last two sleeps. So who sleeps often comes to run at once, but
// has no greater share.
//
// The distance to V, the lag, is what a task is owed. It is kept while the task sleeps or moves to
// another CPU, so that neither gains nor loses; what it owes it pays by sleeping. It is scaled with
// the weight when that changes. A forked child owes what its parent owes, and who reaps a child
// pays what it still owed: forking neither gains CPU time nor costs any (B71).
#include <algorithm>

#include "sched/run_queue.h"

namespace tine::sched {
namespace {

// No task that sleeps is owed, or owes, more than this.
constexpr Nanoseconds kLagLimit = 2 * kSlice;
// A sleep of so much pays off any debt.
constexpr Nanoseconds kLongestDebt = 1000 * kNsPerSecond;

uint64_t to_virtual(const Schedulable& task, Nanoseconds delta) {
  auto real = static_cast<uint64_t>(delta);
  return task.weight == 1024 ? real : real * 1024 / task.weight;
}

// Rounded down, so that somebody is always eligible.
int64_t divide_down(int64_t value, uint64_t by) {
  auto divisor = static_cast<int64_t>(by);
  return (value < 0 ? value - divisor + 1 : value) / divisor;
}

// How far a task stands from the zero.
int64_t offset_of(const FairQueue& fair, const Schedulable& task) {
  return static_cast<int64_t>(task.vruntime - fair.zero);
}

bool is_eligible(const FairQueue& fair, const Schedulable& task) {
  return fair.weighted_offset >= offset_of(fair, task) * static_cast<int64_t>(fair.total_weight);
}

// Moves the zero to V before the sum gets near its limits: at ticks, since it grows with time.
void keep_in_range(FairQueue& fair) {
  constexpr uint64_t kRange = uint64_t{1} << 44;
  if (static_cast<uint64_t>(fair.weighted_offset) + kRange < 2 * kRange) [[likely]]
    return;
  int64_t step = fair.weighted_offset / static_cast<int64_t>(fair.total_weight);
  fair.zero += static_cast<uint64_t>(step);
  fair.weighted_offset -= step * static_cast<int64_t>(fair.total_weight);
}

void grant_slice(Schedulable& task) {
  task.slice_left = kSlice;
  task.virtual_deadline = task.vruntime + to_virtual(task, kSlice);
}

// What the task wants until its next sleep: most likely what it wanted the last time.
Nanoseconds begin_run(Schedulable& task) {
  Nanoseconds last_run = task.sum_exec_runtime - task.awake_since;
  task.awake_since = task.sum_exec_runtime;
  return last_run;
}

// A sleeper pays what it owes as if it waited for its turn: by the virtual time that passes with it
// on the queue. So who sleeps for long enough owes nothing, and nobody gains by a nap. `owed` is
// scaled by the weight of all.
int64_t without_paid_debt(int64_t owed, Nanoseconds slept) {
  return std::min<int64_t>(owed + std::min(slept, kLongestDebt) * 1024, 0);
}

// A newcomer, of weight w, moves V by its coming: by lag * w / W, where W is the weight of those who
// are there. It is placed so that its lag is what it was once it has: at V - lag * (W + w) / W.
// Returns whether it is ahead of V.
bool place(FairQueue& fair, Schedulable& task, EnqueueReason reason, Nanoseconds now) {
  int64_t offset = 0;  // alone it is where V is
  int64_t owed = 0;
  const bool has_slept = reason == EnqueueReason::wake_up;
  if (fair.total_weight != 0) {
    owed = task.lag * static_cast<int64_t>(fair.total_weight + task.weight);
    if (owed < 0 && has_slept) owed = without_paid_debt(owed, now - task.exec_start);
    offset = divide_down(fair.weighted_offset - owed, fair.total_weight);
  }
  task.vruntime = fair.zero + static_cast<uint64_t>(offset);
  fair.weighted_offset += offset * task.weight;
  fair.total_weight += task.weight;
  if (task.slice_left <= 0) task.slice_left = kSlice;
  Nanoseconds need = has_slept ? std::min<Nanoseconds>(begin_run(task), task.slice_left)
                               : Nanoseconds{task.slice_left};
  task.virtual_deadline = task.vruntime + to_virtual(task, need);
  return owed < 0;
}

int64_t clamp_lag(const Schedulable& task, int64_t lag) {
  auto limit = static_cast<int64_t>(to_virtual(task, kLagLimit));
  return std::clamp(lag, -limit, limit);
}

// Among those that wait. `is_early` is for now: virtual time goes on, and peek() looks again.
void insert(FairQueue& fair, Schedulable& task, bool is_early) {
  task.is_early = is_early;
  if (is_early) fair.early.insert(task);
  else fair.eligible.insert(task);
}

void remove(FairQueue& fair, Schedulable& task) {
  if (task.is_early) fair.early.erase(task);
  else fair.eligible.erase(task);
}

void move_over(FairQueue& fair, Schedulable& task) {
  remove(fair, task);
  insert(fair, task, !task.is_early);
}

class FairClass final : public SchedClass {
 public:
  constexpr FairClass() : SchedClass(2) {}

  void enqueue(RunQueue& rq, Schedulable& task, EnqueueReason reason) const override {
    FairQueue& fair = rq.fair;
    rq.load.update(rq.now, fair.total_weight);
    task.load.update(rq.now, /*was_runnable=*/false, false);
    bool is_ahead = place(fair, task, reason, rq.now);
    ++fair.count;
    if (&task != rq.current) insert(fair, task, is_ahead);
  }

  void dequeue(RunQueue& rq, Schedulable& task) const override {
    FairQueue& fair = rq.fair;
    rq.load.update(rq.now, fair.total_weight);
    task.load.update(rq.now, true, &task == rq.current);
    if (&task != rq.current) remove(fair, task);
    --fair.count;
    if (fair.count == 0) {  // alone it has had exactly its share
      fair.has_idled = true;
      task.lag = 0;
      fair.zero = task.vruntime;
      fair.weighted_offset = 0;
      fair.total_weight = 0;
      return;
    }
    task.lag = clamp_lag(task, lag_of(fair, task));
    fair.weighted_offset -= offset_of(fair, task) * task.weight;
    fair.total_weight -= task.weight;
  }

  void put_previous(RunQueue& rq, Schedulable& task) const override {
    insert(rq.fair, task, !is_eligible(rq.fair, task));
  }

  void set_next(RunQueue& rq, Schedulable& task) const override {
    remove(rq.fair, task);
    rq.fair.yielded_to = nullptr;
    task.turn_start = task.sum_exec_runtime;
  }

  // Brings both trees up to date first, as far as the answer depends on it.
  Schedulable* peek(RunQueue& rq) const override {
    FairQueue& fair = rq.fair;
    bool has_early = !fair.early.empty();  // who waits alone is the answer, wherever it stands
    if (!has_early && fair.eligible.has_no_second()) return fair.eligible.first();
    if (has_early && fair.eligible.empty() && fair.early.has_no_second()) return fair.early.first();
    while (!fair.early.empty() && is_eligible(fair, *fair.early.first())) {
      move_over(fair, *fair.early.first());
    }
    while (!fair.eligible.empty()) {
      if (is_eligible(fair, *fair.eligible.first())) return fair.eligible.first();
      move_over(fair, *fair.eligible.first());
    }
    return fair.early.first();
  }

  bool beats(const RunQueue& rq, const Schedulable& waiting,
             const Schedulable& running) const override {
    if (&waiting == rq.fair.yielded_to) return true;
    if (!is_eligible(rq.fair, waiting)) return false;
    return !is_eligible(rq.fair, running) ||
           !is_before(running.virtual_deadline, waiting.virtual_deadline);
  }

  // A child does not preempt its parent, to whom fork is to return first.
  bool preempts(const RunQueue& rq, const Schedulable& waiting, const Schedulable& running,
                EnqueueReason reason) const override {
    if (running.policy == kPolicyIdle && waiting.policy != kPolicyIdle) return true;
    if (reason == EnqueueReason::fork && &running == arch::current_schedulable()) return false;
    if (running.sum_exec_runtime - running.awake_since < kMinimumTurn) [[likely]]
      return false;
    return waiting.policy == kPolicyNormal && beats(rq, waiting, running);
  }

  void charge(RunQueue& rq, Schedulable& task, Nanoseconds delta) const override {
    uint64_t virtual_delta = to_virtual(task, delta);
    task.vruntime += virtual_delta;
    rq.fair.weighted_offset += static_cast<int64_t>(virtual_delta * task.weight);
    task.slice_left -= delta;
    if (task.slice_left > 0) [[likely]]
      return;
    grant_slice(task);
    rq.lock.assert_held();
    if (rq.fair.count > 1) reschedule(rq);
  }

  bool tick(RunQueue& rq, Schedulable& task) const override {
    keep_in_range(rq.fair);
    rq.load.update(rq.now, rq.fair.total_weight);
    task.load.update(rq.now, true, true);
    if (rq.fair.count == 1 || task.sum_exec_runtime - task.turn_start < kMinimumTurn) return false;
    return beats(rq, *peek(rq), task);
  }

  // Behind the next in line, and no further; also if that one is ahead of V, but not by much, since
  // yielding must not cost a share. What it had then it has to wait for.
  void yield(RunQueue& rq, Schedulable& task) const override {
    if (!rq.fair.is_anyone_waiting()) return;
    const Schedulable& next = *peek(rq);
    if (is_before(task.virtual_deadline, next.virtual_deadline)) {
      task.virtual_deadline = next.virtual_deadline;
    }
    const uint64_t reach = task.vruntime + to_virtual(task, kMinimumTurn);
    if (is_before(next.vruntime, reach)) rq.fair.yielded_to = &next;
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

int64_t lag_of(const FairQueue& fair, const Schedulable& task) {
  return divide_down(fair.weighted_offset, fair.total_weight) - offset_of(fair, task);
}

// B71: the child owes what its parent owes, and is owed nothing.
void inherit_lag(const RunQueue& rq, Schedulable& child, const Schedulable& parent) {
  int64_t lag = parent.on_rq && parent.sched_class == &fair_class ? lag_of(rq.fair, parent) : 0;
  child.lag = clamp_lag(child, std::min<int64_t>(lag, 0));
}

// Time has paid some of it, as for a sleeper. By going on, the payer moves V along, as place()
// says.
void pay_for(RunQueue& rq, int64_t lag, uint32_t weight, Nanoseconds dead_for) {
  FairQueue& fair = rq.fair;
  Schedulable& payer = *rq.current;
  const auto total = static_cast<int64_t>(fair.total_weight);
  lag = std::min<int64_t>(lag + std::min(dead_for, kLongestDebt) * 1024 / total, 0);
  const int64_t own = lag_of(fair, payer);
  const int64_t owing = std::min(own, clamp_lag(payer, own + lag * weight / payer.weight));
  const int64_t step = (own - owing) * total / (total - payer.weight);
  payer.vruntime += static_cast<uint64_t>(step);
  payer.virtual_deadline += static_cast<uint64_t>(step);
  fair.weighted_offset += step * payer.weight;
}

uint64_t progress_of(const RunQueue& rq) {
  const FairQueue& fair = rq.fair;
  auto average = static_cast<uint64_t>(divide_down(fair.weighted_offset, fair.total_weight));
  return fair.zero + average + fair.shift;
}

uint32_t weight_of_nice(int nice) { return weights.of_level[std::clamp(nice, -20, 19) + 20]; }

}  // namespace tine::sched
