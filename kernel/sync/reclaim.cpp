// SPDX-License-Identifier: MIT
//
// The dead objects of deferred reclamation (reclaim.h): a stack for each CPU, pushed to by anybody
// who runs there and taken whole by reclaim_all(). No locks: a stack that is only ever taken whole
// needs one compare-and-exchange to push; `reclaiming` is for those who take. Nothing here fails.
#include "sync/reclaim.h"

#include <atomic>

#include "sync/cross_call.h"
#include "sync/mutex.h"

namespace tine {
namespace {

constexpr uint64_t kBatch = 256;  // per CPU: what may wait before somebody hurries

struct alignas(64) DeadObjects {
  std::atomic<Reclaimable*> first{nullptr};
  std::atomic<uint64_t> count{0};  // about
};
constinit DeadObjects dead_objects[kMaxCpus];
constinit DeadObjects handed_over;
constinit Mutex reclaiming{LockRank::reclaim};

void free_all(Reclaimable* first) {
  while (first != nullptr) {
    Reclaimable& object = *first;
    first = object.next_dead;
    object.reclaim(object);
  }
}

Reclaimable* take(DeadObjects& objects) {
  if (objects.first.load(std::memory_order_relaxed) == nullptr) return nullptr;
  objects.count.store(0, std::memory_order_relaxed);
  return objects.first.exchange(nullptr, std::memory_order_acquire);
}

// Whether nothing was there.
bool push(DeadObjects& objects, Reclaimable& dead, void (*reclaim)(Reclaimable&)) {
  dead.reclaim = reclaim;
  Reclaimable* before = objects.first.load(std::memory_order_relaxed);
  do {
    dead.next_dead = before;
  } while (!objects.first.compare_exchange_weak(before, &dead, std::memory_order_release));
  return before == nullptr;
}

// What an interrupt has left is freed with the next object that is given up outside of one.
void free_on_only_cpu(DeadObjects& here) {
  if (arch::preempt_count() < arch::kHardIrqUnit) return free_all(take(here));
  reclaim_is_deferred.store(true, std::memory_order_relaxed);
}

}  // namespace

constinit std::atomic<bool> reclaim_is_deferred{false};

void reclaim_later(Reclaimable& dead, void (*reclaim)(Reclaimable&)) {
  DeadObjects& here = dead_objects[arch::this_cpu().id];  // any CPU's would do
  const bool is_first = push(here, dead, reclaim);  // `dead` may be gone already
  if (online_cpus() == 1) return free_on_only_cpu(here);
  const uint64_t count = here.count.fetch_add(1, std::memory_order_relaxed) + 1;
  if (is_first) request_reclaim(ReclaimUrgency::relaxed);
  if (count == kBatch) request_reclaim(ReclaimUrgency::soon);
}

void hand_over(Reclaimable& dead, void (*reclaim)(Reclaimable&)) {
  push(handed_over, dead, reclaim);
  request_reclaim(ReclaimUrgency::soon);
}

void reclaim_all() {
  // Who comes second returns only when what the first has taken is freed, too.
  MutexGuard one_at_a_time(reclaiming);
  for (;;) {  // for what dies may give up what it refers to
    Reclaimable* taken[kMaxCpus];
    bool found = false;
    for (CpuId cpu = 0; cpu < kMaxCpus; ++cpu) {
      taken[cpu] = take(dead_objects[cpu]);
      found |= taken[cpu] != nullptr;
    }
    Reclaimable* given = take(handed_over);
    if (!found && given == nullptr) return;
    free_all(given);
    wait_for_lookups();
    for (Reclaimable* dead : taken) free_all(dead);
  }
}

uint64_t reclaimable_count() {
  uint64_t sum = 0;
  for (const DeadObjects& objects : dead_objects) sum += objects.count.load();
  return sum;
}

}  // namespace tine
