// SPDX-License-Identifier: MIT
//
// The object caches of the hosted build: every object is a malloc block of its own, so that ASan
// sees each use after free and LSan each leak. A header before the object names its cache.
// Live objects are counted for the failure sweep; the fault injector is asked before each block.
#include "mm/heap.h"

#include <cstdlib>

#include "core/panic.h"

namespace tine {
namespace {

// Keeps the object aligned as malloc aligns.
struct alignas(64) BlockHeader {
  ObjectCacheBase* cache;  // null: heap_allocate()
};

std::atomic<int64_t> live_blocks{0};
std::atomic<int64_t> live_cached{0};

void* allocate_block(ObjectCacheBase* cache, size_t size) {
  if (fail_here()) return nullptr;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignof(BlockHeader), sizeof(BlockHeader) + size) != 0)
    return nullptr;
  auto* header = new (memory) BlockHeader{cache};
  return header + 1;
}

}  // namespace

struct HeapInternals {
  // The first word of a cache's storage counts its live objects.
  static std::atomic_ref<int64_t> live(ObjectCacheBase& cache) {
    return std::atomic_ref<int64_t>(*reinterpret_cast<int64_t*>(&cache.implementation_[0]));
  }
};

void* ObjectCacheBase::allocate() {
  TINE_ASSERT(alignment_ <= alignof(BlockHeader));
  void* object = allocate_block(this, size_);
  if (object == nullptr) return nullptr;
  HeapInternals::live(*this).fetch_add(1);
  live_cached.fetch_add(1);
  return object;
}

int64_t ObjectCacheBase::live_objects() const {
  return HeapInternals::live(const_cast<ObjectCacheBase&>(*this)).load();
}

bool report_cache(unsigned, CacheReport&) { return false; }

void* heap_allocate(size_t size) {
  void* block = allocate_block(nullptr, size);
  if (block != nullptr) live_blocks.fetch_add(1);
  return block;
}

void heap_free(void* memory) {
  if (memory == nullptr) return;
  BlockHeader* header = static_cast<BlockHeader*>(memory) - 1;
  if (header->cache != nullptr) {
    HeapInternals::live(*header->cache).fetch_sub(1);
    live_cached.fetch_sub(1);
  } else {
    live_blocks.fetch_sub(1);
  }
  free(header);
}

namespace hosted {
int64_t live_cached_objects() { return live_cached.load(); }
int64_t live_heap_blocks() { return live_blocks.load(); }
}  // namespace hosted

}  // namespace tine
