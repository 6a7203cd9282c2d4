// SPDX-License-Identifier: MIT
//
// The seeded simulation of the scheduler: what fork shares, and whom a wake-up reaches. Real run
// queues, classes and wait queues, with tasks and CPUs interleaved at random; core/testing.h has how
// a seed that fails is repeated. Fairness and deadlines: fairness_test.cpp, deadline_test.cpp.
#include <functional>
#include <vector>

#include "sched/testing.h"
#include "sync/preempt.h"
#include "sync/wait_queue.h"

namespace tine::sched {
namespace {

// --- Forking.

// Whatever the slices, and however deep the chain of forks, the sum stays what it was.
TEST(Simulation, SlicesAreConservedAcrossForks) {  // B71
  for_each_seed(10'000, [](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .seed = seed});
    std::vector<Schedulable> family(2 + random_below(8));
    apply_policy(family[0], kPolicyNormal, 0, 0);
    Nanoseconds total = family[0].slice_left = static_cast<Nanoseconds>(random_below(kSlice));
    for (size_t child = 1; child < family.size(); ++child) {
      Schedulable& parent = family[random_below(child)];
      ASSERT_TRUE(sched_fork(family[child], parent));
      ASSERT_GE(family[child].slice_left, parent.slice_left);
    }
    Nanoseconds sum = 0;
    for (const Schedulable& task : family) sum += task.slice_left;
    ASSERT_EQ(sum, total);
  });
}

void reap(const KernelThread& child) {
  const arch::IrqState state = arch::irq_save();
  sched_reap(child.task);
  arch::irq_restore(state);
}

// A family of which one at a time wants the CPU: each waits for the children that it forks.
void live_by_forking(ThreadMachine& machine, int generations, Nanoseconds end) {
  Schedulable& self = *arch::current_schedulable();
  for (int i = static_cast<int>(random_below(6)); i >= 0 && monotonic_now() < end; --i) {
    use_cpu(random_between(1, 2000) * 1000);
    const Nanoseconds before = self.slice_left;
    Completion done;
    KernelThread& child = machine.create([&machine, &done, generations, end] {
      if (generations > 1) live_by_forking(machine, generations - 1, end);
      else use_cpu(random_between(1, 4000) * 1000);
      done.complete();
    });
    ASSERT_EQ(self.slice_left + child.task.slice_left, std::max<Nanoseconds>(before, 0));
    ASSERT_GE(child.task.slice_left, self.slice_left);
    if (random_below(8) == 0) {  // the rest of the fork fails
      PreemptGuard guard;
      const Nanoseconds left = self.slice_left + child.task.slice_left;
      sched_cancel_fork(child.task);
      ASSERT_EQ(self.slice_left, left);
      child.finished = true;
      continue;
    }
    wake_up_new_task(child.task);
    done.wait();
    reap(child);
  }
}

// What the hog gets beside others who have one thing in mind: to fork.
double share_of_hog(uint64_t seed, const std::function<void(ThreadMachine&, Nanoseconds)>& others) {
  ThreadMachine machine({.memory_bytes = 0, .seed = seed});
  const Nanoseconds duration = 1500 * kMillisecond, end = monotonic_now() + duration;
  KernelThread& hog = machine.start([end] { use_cpu_until(end); });
  machine.start([&machine, &others, end] {
    while (monotonic_now() < end) others(machine, end);
  });
  machine.run();
  EXPECT_TRUE(machine.all_finished());
  return static_cast<double>(hog.task.sum_exec_runtime) / static_cast<double>(duration);
}

// Forking neither gains nor costs a share: a hog has its half of the CPU although the other side
// runs through children that it forks.
TEST(Simulation, ForkingGainsNoShare) {  // B71
  for_each_seed(10'000, [](uint64_t seed) {
    const double share = share_of_hog(seed, [](ThreadMachine& machine, Nanoseconds end) {
      live_by_forking(machine, 2, end);
    });
    EXPECT_GT(share, 0.475);
    EXPECT_LT(share, 0.56);
  });
}

// Nor if nothing is left of the slice that is shared: all is done by children of one parent, which
// does nothing but reap them.
TEST(Simulation, HavingAllDoneByChildrenGainsNoShare) {  // B71
  for_each_seed(2'000, [](uint64_t seed) {
    const int64_t longest = random_between(100, 8000) * 1000;
    const double share = share_of_hog(seed, [longest](ThreadMachine& machine, Nanoseconds) {
      Completion done;
      KernelThread& child = machine.create([&done, longest] {
        use_cpu(random_between(longest / 2, longest));
        done.complete();
      });
      wake_up_new_task(child.task);
      done.wait();
      reap(child);
    });
    EXPECT_GT(share, 0.475);
    EXPECT_LT(share, 0.56);
  });
}

// --- Waking.

struct Place;
struct Line {
  WaitQueue queue;
  std::vector<Place*> places;  // in the order in which they came
  std::vector<Place*> woken;   // by the latest wake-up, in order
};
struct Place : Waiter {
  Line* line = nullptr;
  bool is_asleep() const { return task->state.load() != TaskState::running; }
};

bool note_and_wake(Waiter& waiter, uint32_t) {
  if (!wake_up(*waiter.task)) return false;
  auto& place = static_cast<Place&>(waiter);
  place.line->woken.push_back(&place);
  return true;
}

// Stands in line until woken, or leaves when that takes too long.
void stand_in_line(Line& line, bool exclusive, Nanoseconds patience) {
  Place place;
  place.line = &line;
  place.task = arch::current_schedulable();
  place.wake = note_and_wake;
  place.exclusive = exclusive;
  arch::IrqState state = arch::irq_save();  // falls asleep, for those who wake, as it comes
  prepare_to_sleep(TaskState::uninterruptible);
  line.queue.add(place);
  line.places.push_back(&place);
  arch::irq_restore(state);
  (void)schedule_until(monotonic_now() + patience);
  state = arch::irq_save();
  line.queue.remove(place);
  std::erase(line.places, &place);
  finish_sleep();
  arch::irq_restore(state);
}

// Whom a wake-up is to reach: all that are not exclusive, the latest first, and the exclusive one
// that has slept for longest.
std::vector<Place*> next_of(const Line& line) {
  std::vector<Place*> next;
  for (Place* place : line.places) {
    if (!place->exclusive && place->is_asleep()) next.insert(next.begin(), place);
  }
  auto is_next = [](const Place* place) { return place->exclusive && place->is_asleep(); };
  auto first = std::ranges::find_if(line.places, is_next);
  if (first != line.places.end()) next.push_back(*first);
  return next;
}

// B4: exclusive waiters are woken one by one, in the order in which they came, whoever runs where;
// the others all at once. Some leave the line before it is their turn.
TEST(Simulation, ExclusiveWaitersAreWokenOneByOneInOrder) {
  for_each_seed(10'000, [](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 1 + static_cast<unsigned>(seed % 4),
                           .seed = seed, .preempt_one_in = 9, .switch_cpu_one_in = 2});
    Line line;
    for (int64_t i = random_between(2, 8); i != 0; --i) {
      bool exclusive = random_below(4) != 0;
      bool is_patient = random_below(3) != 0;
      machine.start([&line, exclusive, is_patient] {
        use_cpu(random_between(0, 3) * kMillisecond);
        stand_in_line(line, exclusive, is_patient ? 40 * kMillisecond : 3 * kMillisecond);
      });
    }
    for (int i = 0; i < 2; ++i) {
      machine.start([&line] {
        for (int wakes = 0; wakes < 4; ++wakes) {
          use_cpu(random_between(0, 3) * kMillisecond);
          arch::IrqState state = arch::irq_save();
          std::vector<Place*> next = next_of(line);
          line.woken.clear();
          line.queue.wake(1);
          EXPECT_EQ(line.woken, next);
          arch::irq_restore(state);
        }
      });
    }
    machine.run();
    EXPECT_TRUE(machine.all_finished());
    EXPECT_TRUE(line.queue.is_empty());
  });
}

// Here others may go on: on another CPU, or on this one, whose task is preempted.
void interleave() {
  if (random_below(4) == 0) arch::set_need_resched();
  preempt_check();
  arch::hosted::interrupt_window();
}

// Producers and consumers of tokens: if a wake-up were lost the machine would go quiet with tokens
// left over. Others go on between every test and what follows from it. An exclusive waiter may
// be woken once more just as it succeeds, so it wakes the next one if it leaves something.
TEST(Simulation, NoWakeUpIsLost) {
  for_each_seed(10'000, [](uint64_t seed) {
    ThreadMachine machine({.memory_bytes = 0, .cpus = 1 + static_cast<unsigned>(seed % 4),
                           .seed = seed, .preempt_one_in = 7, .switch_cpu_one_in = 2});
    WaitQueue queue;
    std::atomic<int> tokens{0};
    bool exclusive = seed % 2 == 0;
    for (int i = 0; i < 3; ++i) {
      machine.start([&] {
        auto take = [&tokens] {
          interleave();
          int seen = tokens.load();
          while (seen > 0 && !tokens.compare_exchange_weak(seen, seen - 1)) {}
          interleave();
          return seen > 0;
        };
        for (int n = 0; n < 4; ++n) {
          (void)wait_event(queue, WaitKind::uninterruptible, take, kNever, exclusive);
          if (exclusive && tokens.load() > 0) queue.wake(1);
        }
      });
    }
    for (int i = 0; i < 2; ++i) {
      machine.start([&] {
        for (int n = 0; n < 6; ++n) {
          tokens.fetch_add(1);
          interleave();
          queue.wake(1);
        }
      });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished());
    ASSERT_EQ(tokens.load(), 0);
  });
}

}  // namespace
}  // namespace tine::sched
