// SPDX-License-Identifier: MIT
//
// The primitives with a host thread for each CPU: what TSan has to say of them, and that none loses
// a wake-up or lets two in. Shared variables that are not atomic are on purpose what a lock guards.
#include <gtest/gtest.h>

#include <memory>

#include "arch/hosted/kernel_threads.h"
#include "core/ref.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/cross_call.h"
#include "sync/hint.h"
#include "sync/mutex.h"
#include "sync/reclaim.h"
#include "sync/sequence_lock.h"

namespace tine {
namespace {

using arch::hosted::MachineOptions;
using arch::hosted::ThreadMachine;

constexpr uint64_t kSeeds = 3;
constexpr int kThreads = 6;
constexpr int kRounds = 300;

MachineOptions parallel(uint64_t seed) {
  return {.memory_bytes = 0, .cpus = 4, .seed = seed, .preempt_one_in = 20, .host_threads = true};
}

// Runs `body(thread number)` in kThreads threads on 4 CPUs, for some seeds; `make` makes what they
// share, anew for each.
template <class Shared, class Body, class Check>
void in_parallel(Body body, Check check) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    ThreadMachine machine(parallel(seed));
    auto shared = std::make_unique<Shared>();
    for (int number = 0; number < kThreads; ++number) {
      machine.start([&shared, &body, number] { body(*shared, number); });
    }
    machine.run();
    ASSERT_TRUE(machine.all_finished()) << "seed " << seed;
    check(*shared);
  }
}

template <class Lock>
struct Guarded {
  Lock lock{LockRank::unranked};
  int value = 0;
};

TEST(Parallel, SpinLocksExclude) {
  in_parallel<Guarded<SpinLock>>(
      [](auto& shared, int) {
        for (int i = 0; i < kRounds; ++i) {
          SpinGuard guard(shared.lock);
          ++shared.value;
        }
      },
      [](auto& shared) { EXPECT_EQ(shared.value, kThreads * kRounds); });
}

TEST(Parallel, IrqSpinLocksExclude) {
  in_parallel<Guarded<IrqSpinLock>>(
      [](auto& shared, int) {
        for (int i = 0; i < kRounds; ++i) {
          IrqGuard guard(shared.lock);
          ++shared.value;
        }
      },
      [](auto& shared) { EXPECT_EQ(shared.value, kThreads * kRounds); });
}

TEST(Parallel, MutexesExclude) {
  in_parallel<Guarded<Mutex>>(
      [](auto& shared, int) {
        for (int i = 0; i < kRounds; ++i) {
          MutexGuard guard(shared.lock);
          ++shared.value;
          if (i % 16 == 0) sched::yield();
        }
      },
      [](auto& shared) { EXPECT_EQ(shared.value, kThreads * kRounds); });
}

TEST(Parallel, WritersExcludeReaders) {
  in_parallel<Guarded<RwMutex>>(
      [](auto& shared, int number) {
        for (int i = 0; i < kRounds; ++i) {
          if (number < 2) {
            WriteGuard guard(shared.lock);
            ++shared.value;
          } else {
            ReadGuard guard(shared.lock);
            const int seen = shared.value;
            if (i % 16 == 0) sched::yield();
            EXPECT_EQ(shared.value, seen);
          }
        }
      },
      [](auto& shared) { EXPECT_EQ(shared.value, 2 * kRounds); });
}

struct Items {
  WaitQueue queue;
  std::atomic<int> count{0};
  std::atomic<int> taken{0};
};

TEST(Parallel, NoWakeUpIsLost) {
  in_parallel<Items>(
      [](Items& items, int number) {
        for (int i = 0; i < kRounds; ++i) {
          if (number % 2 == 0) {
            items.count.fetch_add(1);
            items.queue.wake();
            continue;
          }
          auto take = [&] {
            int seen = items.count.load();
            while (seen > 0 && !items.count.compare_exchange_weak(seen, seen - 1)) {
            }
            return seen > 0;
          };
          EXPECT_TRUE(wait_event(items.queue, WaitKind::uninterruptible, take, kNever, true));
          items.taken.fetch_add(1);
        }
      },
      [](Items& items) { EXPECT_EQ(items.taken.load(), kThreads / 2 * kRounds); });
}

// What complete() has done is seen after wait(), which may free the object at once.
struct Handed {
  std::atomic<Completion*> asked[kThreads] = {};
  int answers[kThreads] = {};
};

TEST(Parallel, CompletionsHandOver) {
  in_parallel<Handed>(
      [](Handed& handed, int number) {
        const int pair = number / 2;
        for (int i = 0; i < kRounds; ++i) {
          if (number % 2 == 0) {
            Completion done;
            handed.asked[pair].store(&done);
            done.wait();
            EXPECT_EQ(handed.answers[pair], i);
          } else {
            Completion* done;
            while ((done = handed.asked[pair].exchange(nullptr)) == nullptr) sched::yield();
            handed.answers[pair] = i;
            done->complete();
          }
        }
      },
      [](Handed&) {});
}

struct Counted : RefCounted<Counted> {
  explicit Counted(std::atomic<int>& d) : dead(d) {}
  void last_ref_dropped() {
    dead.fetch_add(value);
    delete this;
  }
  static void operator delete(void* memory) { ::operator delete(memory); }
  static void* operator new(size_t size) { return ::operator new(size); }
  std::atomic<int>& dead;
  int value = 1;
};

struct Slot {
  SpinLock lock{LockRank::unranked};
  Ref<Counted> current;
  std::atomic<int> made{0}, dead{0};
};

TEST(Parallel, TheLastReferenceSeesAll) {
  in_parallel<Slot>(
      [](Slot& slot, int number) {
        for (int i = 0; i < kRounds; ++i) {
          Ref<Counted> held;
          if (number == 0) {
            slot.made.fetch_add(1);
            held = Ref<Counted>::adopt(new Counted(slot.dead));
            SpinGuard guard(slot.lock);
            std::swap(held, slot.current);
          } else {
            SpinGuard guard(slot.lock);
            held = slot.current;
          }
        }
      },
      [](Slot& slot) {
        slot.current.reset();
        EXPECT_EQ(slot.dead.load(), slot.made.load());
      });
}

// Readers follow a pointer without a lock, while writers replace what it points to.
struct Looked : Reclaimable {
  explicit Looked(std::atomic<int>& f) : freed(f) {}
  ~Looked() {
    number = -1;
    freed.fetch_add(1);
  }
  std::atomic<int>& freed;
  int number = 1;
};
struct Directory {
  std::atomic<Looked*> entry{nullptr};
  std::atomic<int> made{0}, freed{0};
};

TEST(Parallel, WhatALookupFindsStays) {
  in_parallel<Directory>(
      [](Directory& directory, int number) {
        for (int i = 0; i < kRounds; ++i) {
          if (number < 2) {
            auto* made = new Looked(directory.freed);
            directory.made.fetch_add(1);
            Looked* old = directory.entry.exchange(made);
            if (old != nullptr) reclaim_later(*old);
            if (i % 8 == 0) reclaim_all();
          } else {
            LookupGuard lookup;
            const Looked* found = directory.entry.load(std::memory_order_acquire);
            if (found != nullptr) {
              for (int look = 0; look < 5; ++look) EXPECT_EQ(found->number, 1);
            }
          }
        }
        reclaim_all();
      },
      [](Directory& directory) {
        EXPECT_EQ(directory.freed.load(), directory.made.load() - 1);
        delete directory.entry.load();
      });
}

struct Sides {
  SequenceLock lock{LockRank::unranked};
  Hint<int> left, right;
};

TEST(Parallel, SequenceReadersSeeNoHalfChange) {
  in_parallel<Sides>(
      [](Sides& sides, int number) {
        for (int i = 0; i < kRounds; ++i) {
          if (number < 2) {
            SequenceGuard guard(sides.lock);
            ++sides.left;
            ++sides.right;
          } else {
            EXPECT_TRUE(sides.lock.read([&] { return sides.left == sides.right; }));
          }
        }
      },
      [](Sides& sides) { EXPECT_EQ(sides.left, 2 * kRounds); });
}

struct Ticks {
  std::atomic<int> expired{0};
};

TEST(Parallel, TimersExpireOrAreCancelled) {
  in_parallel<Ticks>(
      [](Ticks& ticks, int) {
        struct Tick : time::Timer {
          explicit Tick(Ticks& t) : Timer(expire), ticks(t) {}
          static void expire(Timer& timer) { static_cast<Tick&>(timer).ticks.expired.fetch_add(1); }
          Ticks& ticks;
        } timer(ticks);
        for (int i = 0; i < kRounds; ++i) {
          const int before = ticks.expired.load();
          time::arm(timer, time::monotonic_now() + i % 7 * 10'000);
          sched::yield();
          if (!time::cancel(timer)) EXPECT_GT(ticks.expired.load(), before);
        }
      },
      [](Ticks& ticks) { EXPECT_LE(ticks.expired.load(), kThreads * kRounds); });
}

struct Calls {
  std::atomic<int> answered{0};
};

TEST(Parallel, CrossCallsAreAnswered) {
  in_parallel<Calls>(
      [](Calls& calls, int) {
        for (int i = 0; i < 50; ++i) {
          call_on_cpus(
              online_cpus(), [](void* to) { static_cast<Calls*>(to)->answered.fetch_add(1); },
              &calls);
        }
      },
      [](Calls& calls) { EXPECT_EQ(calls.answered.load(), kThreads * 50 * 3); });
}

}  // namespace
}  // namespace tine
