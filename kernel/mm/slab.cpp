// SPDX-License-Identifier: MIT
//
// The slow half of the slabs: making and freeing slabs, filling and emptying magazines.
// All of it runs with interrupts off and under `slab_lock`; it fails only by returning null when
// no frames can be had. See slab.h for who owns what.
#include "mm/slab.h"

#include <algorithm>
#include <new>

#include "core/panic.h"
#include "mm/heap.h"
#include "mm/init.h"
#include "sync/spin_lock.h"

namespace tine::mm {
namespace {

constexpr size_t kLine = 64;
constexpr unsigned kMaxSlabOrder = 3;
IrqSpinLock slab_lock{LockRank::heap};

CpuMagazines boot_cpu_magazines;
SlabCache* registered[kMaxSlabCaches] GUARDED_BY(slab_lock) = {};
uint32_t registered_count GUARDED_BY(slab_lock) = 1;  // 0 means none

Frame& slab_of(const void* object) {
  Frame& frame = frame_of_pointer(object);
  return frame_table[frame_number(frame) & ~((1u << frame.order) - 1)];
}

void link_partial(SlabCache& cache, Frame& slab) REQUIRES(slab_lock) {
  slab.next = cache.first_partial;
  slab.previous = 0;
  if (slab.next != 0) frame_table[slab.next].previous = frame_number(slab);
  cache.first_partial = frame_number(slab);
}

void unlink_partial(SlabCache& cache, Frame& slab) REQUIRES(slab_lock) {
  if (slab.next != 0) frame_table[slab.next].previous = slab.previous;
  if (slab.previous != 0) {
    frame_table[slab.previous].next = slab.next;
  } else {
    cache.first_partial = slab.next;
  }
}

// A slab's free objects: each one's first word is the offset + 1 of the next.
void push_to_slab(Frame& slab, void* object) {
  *static_cast<uint64_t*>(object) = slab.slab_free;
  slab.slab_free = static_cast<uint32_t>(static_cast<char*>(object) - frame_data<char>(slab)) + 1;
}

void* pop_from_slab(Frame& slab) {
  void* object = frame_data<char>(slab) + (slab.slab_free - 1);
  slab.slab_free = static_cast<uint32_t>(*static_cast<uint64_t*>(object));
  return object;
}

Frame* make_slab(SlabCache& cache) REQUIRES(slab_lock) {
  Frame* slab = take_frames(cache.order, FrameKind::slab);
  if (slab == nullptr) return nullptr;
  for (uint32_t i = 0; i < 1u << cache.order; ++i) {
    Frame& frame = (&*slab)[i];
    frame.kind = FrameKind::slab;
    frame.order = static_cast<uint8_t>(cache.order);
    frame.owner = &cache;
  }
  slab->slab_free = 0;
  char* memory = frame_data<char>(*slab);
  for (uint32_t i = cache.objects_per_slab; i-- > 0;) {
    push_to_slab(*slab, memory + size_t{i} * cache.object_size);
  }
  ++cache.slabs;
  link_partial(cache, *slab);
  return slab;
}

void free_slab(SlabCache& cache, Frame& slab) REQUIRES(slab_lock) {
  unlink_partial(cache, slab);
  --cache.slabs;
  slab.slab_free = 0;
  put_frame(slab);
}

// Returns `count` objects of the magazine to their slabs; slabs that become empty are freed, but
// for one, so that a cache that hovers at a boundary does not make and free slabs in turn.
void give_back(SlabCache& cache, SlabMagazine& magazine, uint32_t count, bool keep_one)
    REQUIRES(slab_lock) {
  for (; count > 0; --count) {
    void* object = magazine.first;
    magazine.first = *static_cast<void**>(object);
    --magazine.count;
    Frame& slab = slab_of(object);
    bool was_full = slab.slab_free == 0;
    push_to_slab(slab, object);
    if (was_full) link_partial(cache, slab);
    bool is_only_partial = slab.next == 0 && slab.previous == 0;
    if (--slab.private_value == 0 && !(keep_one && is_only_partial)) free_slab(cache, slab);
  }
}

}  // namespace

CpuMagazines* cpu_magazines[kMaxCpus] = {&boot_cpu_magazines};

Result<void> prepare_cpu(CpuId cpu) {
  static_assert(sizeof(CpuMagazines) <= kPageSize);
  Frame* frame = take_frame(FrameKind::kernel);
  if (frame == nullptr) return Errno::nomem;
  cpu_magazines[cpu] = new (frame_data(*frame)) CpuMagazines;
  return {};
}

void slab_register(SlabCache& cache, const char* name, size_t size, size_t alignment) {
  IrqGuard guard(slab_lock);
  if (cache.magazine != 0) return;
  TINE_ASSERT(registered_count < kMaxSlabCaches && size <= kPageSize << kMaxSlabOrder);
  if (size > 2 * kLine) alignment = std::max(alignment, kLine);
  size = std::max(size, sizeof(void*));
  size = (size + alignment - 1) & ~(alignment - 1);
  unsigned order = 0;
  auto wasted = [&] { return (kPageSize << order) % size; };
  while (order < kMaxSlabOrder &&
         ((kPageSize << order) < 4 * size || wasted() * 8 > kPageSize << order)) {
    ++order;
  }
  cache.name = name;
  cache.object_size = static_cast<uint32_t>(size);
  cache.order = static_cast<uint16_t>(order);
  cache.objects_per_slab = static_cast<uint16_t>((kPageSize << order) / size);
  cache.magazine_limit = static_cast<uint32_t>(std::clamp<size_t>(16 * 1024 / size, 4, 64));
  registered[registered_count] = &cache;
  cache.magazine = registered_count++;
}

void* slab_refill(SlabCache& cache) {
  TINE_DEBUG_ASSERT(cache.magazine != 0);
  SlabMagazine& magazine = cpu_magazines[arch::this_cpu().id]->of[cache.magazine];
  slab_lock.lock_irqs_off();
  Frame* slab = cache.first_partial != 0 ? &frame_table[cache.first_partial] : make_slab(cache);
  void* first = nullptr;
  uint32_t wanted = std::max(1u, cache.magazine_limit / 2);
  while (slab != nullptr && wanted > 0) {
    for (; wanted > 0 && slab->slab_free != 0; --wanted) {
      void* object = pop_from_slab(*slab);
      ++slab->private_value;
      *static_cast<void**>(object) = first;
      first = object;
      ++magazine.count;
    }
    if (slab->slab_free != 0) break;
    unlink_partial(cache, *slab);
    slab = cache.first_partial != 0 ? &frame_table[cache.first_partial] : nullptr;
  }
  slab_lock.unlock_irqs_off();
  if (first == nullptr) return nullptr;
  magazine.first = *static_cast<void**>(first);
  --magazine.count;
  ++magazine.live;
  return first;
}

void slab_overflow(SlabCache& cache, SlabMagazine& magazine) {
  slab_lock.lock_irqs_off();
  give_back(cache, magazine, magazine.count / 2, true);
  slab_lock.unlock_irqs_off();
}

int64_t slab_live_objects(const SlabCache& cache) {
  int64_t live = 0;
  if (cache.magazine == 0) return live;
  for (const CpuMagazines* cpu : cpu_magazines) {
    if (cpu != nullptr) live += cpu->of[cache.magazine].live;
  }
  return live;
}

bool slab_report(unsigned index, CacheReport& report) {
  IrqGuard guard(slab_lock);
  if (index + 1 >= registered_count) return false;  // number 0 is none
  const SlabCache& cache = *registered[index + 1];
  report = {.name = cache.name,
            .live_objects = static_cast<uint64_t>(std::max(int64_t{0}, slab_live_objects(cache))),
            .slabs = cache.slabs,
            .object_size = cache.object_size,
            .objects_per_slab = cache.objects_per_slab,
            .frames_per_slab = 1u << cache.order};
  return true;
}

uint64_t slab_reclaim() {
  IrqGuard guard(slab_lock);
  uint64_t gained = 0;
  for (uint32_t i = 1; i < registered_count; ++i) {
    SlabCache& cache = *registered[i];
    SlabMagazine& magazine = cpu_magazines[arch::this_cpu().id]->of[i];
    uint32_t before = cache.slabs;
    give_back(cache, magazine, magazine.count, false);
    gained += uint64_t{before - cache.slabs} << cache.order;
  }
  return gained;
}

}  // namespace tine::mm
