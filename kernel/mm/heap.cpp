// SPDX-License-Identifier: MIT
//
// The heap's common half: the fault injector and the live counts of every home; and, in the VM, the
// object caches and size classes on top of mm/slab.h (arch/hosted/heap.cpp has the hosted ones).
//
// Memory larger than a size class is whole frames, found again from the frame's order.
// Any context; fails by returning null.
#include "mm/heap.h"

#include <bit>

#include "arch/cpu.h"
#include "mm/frame.h"
#include "mm/slab.h"

namespace tine {

namespace detail {
std::atomic<const void*> fault_injection_task{nullptr};
}

namespace {
std::atomic<uint64_t> steps_until_failure{0};
std::atomic<uint64_t> steps_seen{0};
}  // namespace

void arm_fault_injection(uint64_t nth) {
  detail::fault_injection_task.store(nullptr);
  steps_until_failure.store(nth);
  if (nth == 0) return;
  steps_seen.store(0);
  detail::fault_injection_task.store(arch::current_schedulable());
}

uint64_t fault_injection_steps_seen() { return steps_seen.load(); }

bool detail::fail_here_slow() {
  if (fault_injection_task.load() != arch::current_schedulable()) return false;
  if (arch::preempt_count() >= arch::kHardIrqUnit) return false;
  steps_seen.fetch_add(1);
  return steps_until_failure.fetch_sub(1) == 1;
}

#if __STDC_HOSTED__

namespace hosted {
int64_t live_cached_objects();  // arch/hosted/heap.cpp
int64_t live_heap_blocks();
}  // namespace hosted

namespace {
int64_t live_objects_of_all_caches() { return hosted::live_cached_objects(); }
int64_t live_untyped_blocks() { return hosted::live_heap_blocks(); }
}  // namespace

#else

static_assert(sizeof(mm::SlabCache) <= 64);

struct HeapInternals {
  static mm::SlabCache& slabs(ObjectCacheBase& cache) {
    return *reinterpret_cast<mm::SlabCache*>(cache.implementation_);
  }
  static const mm::SlabCache& slabs(const ObjectCacheBase& cache) {
    return *reinterpret_cast<const mm::SlabCache*>(cache.implementation_);
  }
};

namespace {

std::atomic<int64_t> live_large_blocks{0};

// Untyped memory. The last class is half a page: a whole page is better off as a frame.
constinit ObjectCacheBase size_classes[] = {{"kmalloc-16", 16, 16},     {"kmalloc-32", 32, 16},
                                            {"kmalloc-64", 64, 64},     {"kmalloc-128", 128, 64},
                                            {"kmalloc-192", 192, 64},   {"kmalloc-256", 256, 64},
                                            {"kmalloc-512", 512, 64},   {"kmalloc-768", 768, 64},
                                            {"kmalloc-1024", 1024, 64}, {"kmalloc-2048", 2048, 64}};
constexpr size_t kLargestClass = 2048;

ObjectCacheBase& class_for(size_t size) {
  ObjectCacheBase* found = size_classes;
  while (found->object_size() < size) ++found;
  return *found;
}

int64_t live_untyped_blocks() {
  int64_t live = live_large_blocks.load(std::memory_order_relaxed);
  for (const ObjectCacheBase& cache : size_classes) live += cache.live_objects();
  return live;
}

int64_t live_objects_of_all_caches() {
  int64_t live = 0;
  for (const mm::CpuMagazines* cpu : mm::cpu_magazines) {
    if (cpu == nullptr) continue;
    for (const mm::SlabMagazine& magazine : cpu->of) live += magazine.live;
  }
  for (const ObjectCacheBase& cache : size_classes) live -= cache.live_objects();
  return live;
}

[[gnu::noinline]] void* allocate_from_new_cache(mm::SlabCache& slabs, const char* name,
                                                size_t size, size_t alignment) {
  mm::slab_register(slabs, name, size, alignment);
  return mm::slab_allocate(slabs);
}

}  // namespace

void* ObjectCacheBase::allocate() {
  if (fail_here()) [[unlikely]]
    return nullptr;
  mm::SlabCache& slabs = HeapInternals::slabs(*this);
  if (slabs.magazine == 0) [[unlikely]]
    return allocate_from_new_cache(slabs, name_, size_, alignment_);
  return mm::slab_allocate(slabs);
}

int64_t ObjectCacheBase::live_objects() const {
  return mm::slab_live_objects(HeapInternals::slabs(*this));
}

bool report_cache(unsigned index, CacheReport& report) { return mm::slab_report(index, report); }

void* heap_allocate(size_t size) {
  if (size <= kLargestClass) return class_for(size).allocate();
  if (size > kPageSize << mm::kMaxFrameOrder || fail_here()) return nullptr;
  unsigned order = std::bit_width((size - 1) >> kPageShift);
  mm::Frame* frame = mm::take_frames(order, mm::FrameKind::kernel);
  if (frame == nullptr) return nullptr;
  live_large_blocks.fetch_add(1, std::memory_order_relaxed);
  return mm::frame_data(*frame);
}

void heap_free(void* memory) {
  if (memory == nullptr) return;
  mm::Frame& frame = mm::frame_of_pointer(memory);
  if (frame.kind == mm::FrameKind::slab) [[likely]]
    return mm::slab_free(memory, frame);
  live_large_blocks.fetch_sub(1, std::memory_order_relaxed);
  mm::put_frame(frame);
}

#endif

LiveCounts live_counts() {
  mm::MemoryStatistics memory = mm::memory_statistics();
  // Frames of slabs come and go with the caches' appetite; their objects are counted instead.
  mm::KernelStackCounts stacks = mm::kernel_stack_counts();
  uint64_t frames = memory.total_frames - memory.free_frames - memory.slab_frames -
                    stacks.cached_frames - stacks.bookkeeping_frames;
  return {.objects = live_objects_of_all_caches(),
          .heap_blocks = live_untyped_blocks(),
          .frames = static_cast<int64_t>(frames),
          .kernel_stacks = stacks.live};
}

}  // namespace tine
