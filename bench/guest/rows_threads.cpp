// SPDX-License-Identifier: MIT
//
// Rows of the glibc program about threads: two that wake each other by a futex, on one CPU and on
// two, and storms of short-lived threads from as many creators as there are CPUs.
//
// A library call that fails ends the row with its errno.
#include "rows_threads.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

namespace bench {
namespace {

constexpr uint64_t round_trips = 1'000;

void check(int error) {
  if (error != 0) give_up(error);
}

void bind_thread(pthread_t thread, size_t cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  check(pthread_setaffinity_np(thread, sizeof cpus, &cpus));
}

// A word that one side sets and wakes, and the other waits for and clears.
struct Baton {
  int word = 0;

  void give() {
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
    must(raw_call(__NR_futex, as_long(&word), FUTEX_WAKE_PRIVATE, 1));
  }
  void take() {
    while (__atomic_exchange_n(&word, 0, __ATOMIC_ACQUIRE) == 0) {
      raw_call(__NR_futex, as_long(&word), FUTEX_WAIT_PRIVATE, 0, 0);
    }
  }
};

struct Game {
  Baton there;
  Baton back;
  bool over = false;
};

void* answer(void* argument) {
  Game& game = *static_cast<Game*>(argument);
  for (;;) {
    game.there.take();
    if (game.over) return nullptr;
    game.back.give();
  }
}

void play(const char* figure, size_t partner_cpu) {
  static Game game;
  bind_thread(pthread_self(), 0);
  pthread_t partner;
  check(pthread_create(&partner, nullptr, answer, &game));
  bind_thread(partner, partner_cpu);
  measure(figure, round_trips, [] {
    game.there.give();
    game.back.take();
  });
  game.over = true;
  game.there.give();
  check(pthread_join(partner, nullptr));
}

void create_and_join() {
  pthread_t thread;
  check(pthread_create(&thread, nullptr, [](void* argument) { return argument; }, nullptr));
  check(pthread_join(thread, nullptr));
}

void* create_many(void* done) {
  constexpr uint64_t threads_a_creator = 100;
  *static_cast<uint64_t*>(done) = repeat(threads_a_creator, create_and_join);
  return nullptr;
}

}  // namespace

void row_futex_round_trip() { play("futex_round_trip", 0); }
void row_futex_two_cpus() { play("futex_two_cpus", 1); }

void row_thread_storm() {
  constexpr long most_creators = 64;
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  const long creators = cpus < most_creators ? cpus : most_creators;
  uint64_t taken[batches];
  pthread_t threads[most_creators];
  uint64_t done[most_creators];
  for (size_t batch = 0; batch <= batches; ++batch) {
    const uint64_t start = read_ticks();
    for (long i = 0; i < creators; ++i) {
      check(pthread_create(&threads[i], nullptr, create_many, &done[i]));
    }
    uint64_t all_done = 0;
    for (long i = 0; i < creators; ++i) {
      check(pthread_join(threads[i], nullptr));
      all_done += done[i] + 1;  // and the creator itself
    }
    if (batch == 0) continue;  // warms up
    taken[batch - 1] = (read_ticks() - start) * tick_parts / all_done;
  }
  report_ticks("thread_storm", median(taken), tick_parts);
}

}  // namespace bench
