// SPDX-License-Identifier: MIT
//
// Slabs: caches of equal-sized objects carved out of frames, with a stack of free objects per CPU
// (a magazine) in front. What mm/heap.h's caches are made of in the VM; the hosted build tests it
// and otherwise gives objects out of malloc, where ASan watches them.
//
// A slab is a block of 2^order frames. Each of its frames names the cache, so that free() needs
// only the address; its first frame counts the objects that are out of the slab, in use or in
// magazines. Magazines are touched with interrupts off; slabs and partial lists belong to one lock
// of rank `heap`, taken only when a magazine runs empty or over.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/cpu.h"
#include "core/types.h"
#include "mm/frame.h"

namespace tine {
struct CacheReport;  // mm/heap.h
}

namespace tine::mm {

struct SlabCache {
  uint32_t object_size = 0;  // rounded up to the alignment; 0: not yet registered
  uint32_t magazine = 0;     // index of its magazines; 0: not yet registered
  uint32_t magazine_limit = 0;
  uint16_t objects_per_slab = 0;
  uint16_t order = 0;
  uint32_t first_partial = 0;  // frame number of a slab with free objects
  uint32_t slabs = 0;
  const char* name = nullptr;
};

struct SlabMagazine {
  void* first = nullptr;  // each free object's first word is the next one's address
  uint32_t count = 0;
  int64_t live = 0;  // objects handed out by this CPU minus those it took back
};

inline constexpr uint32_t kMaxSlabCaches = 128;
struct CpuMagazines {
  SlabMagazine of[kMaxSlabCaches];
};
extern CpuMagazines* cpu_magazines[kMaxCpus];

// Sizes of Task-like objects are rounded to whole cache lines (B77).
void slab_register(SlabCache& cache, const char* name, size_t size, size_t alignment);
void* slab_refill(SlabCache& cache);  // one object, with the magazine filled; or null
void slab_overflow(SlabCache& cache, SlabMagazine& magazine);
int64_t slab_live_objects(const SlabCache& cache);
bool slab_report(unsigned index, CacheReport& report);  // see report_cache()
uint64_t slab_reclaim();  // this CPU's magazines; returns frames gained

inline void* slab_allocate(SlabCache& cache) {
  arch::IrqState irqs = arch::irq_save();
  SlabMagazine& magazine = cpu_magazines[arch::this_cpu().id]->of[cache.magazine];
  void* object = magazine.first;
  if (object != nullptr) [[likely]] {
    magazine.first = *static_cast<void**>(object);
    --magazine.count;
    ++magazine.live;
  } else {
    object = slab_refill(cache);
  }
  arch::irq_restore(irqs);
  return object;
}

// `frame` is the one that the object lies in.
inline void slab_free(void* object, const Frame& frame) {
  auto& cache = *static_cast<SlabCache*>(frame.owner);
  arch::IrqState irqs = arch::irq_save();
  SlabMagazine& magazine = cpu_magazines[arch::this_cpu().id]->of[cache.magazine];
  *static_cast<void**>(object) = magazine.first;
  magazine.first = object;
  --magazine.live;
  if (++magazine.count > cache.magazine_limit) [[unlikely]]
    slab_overflow(cache, magazine);
  arch::irq_restore(irqs);
}

}  // namespace tine::mm
