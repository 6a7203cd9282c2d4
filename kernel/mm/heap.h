// SPDX-License-Identifier: MIT
//
// Kernel objects: one typed cache per type (CONTRACT B77), and make<T>() as the only way to create
// an object. Allocation never sleeps, may be called with interrupts off, and fails with ENOMEM.
//
// In the VM a cache carves objects out of frames (slabs) with a free list per CPU; in the hosted
// build objects come from malloc so that ASan watches each of them. Both count live objects, which
// the failure sweep compares, and both ask the fault injector first.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"

namespace tine {

// A cache of equal-sized objects. Constant-initialised; its first use registers it, so that
// /proc/slabinfo and the sweep can walk all caches.
class ObjectCacheBase {
 public:
  constexpr ObjectCacheBase(const char* name, size_t size, size_t alignment)
      : name_(name), size_(size), alignment_(alignment) {}
  ObjectCacheBase(const ObjectCacheBase&) = delete;
  ObjectCacheBase& operator=(const ObjectCacheBase&) = delete;

  [[nodiscard]] void* allocate();  // null: no memory
  const char* name() const { return name_; }
  size_t object_size() const { return size_; }
  int64_t live_objects() const;

 private:
  friend struct HeapInternals;  // mm/heap.cpp, arch/hosted/heap.cpp
  const char* name_;
  size_t size_;
  size_t alignment_;
  alignas(8) std::byte implementation_[64] = {};  // the home's own
};

// A class says the name of its cache with `static constexpr const char* kCacheName = "..."`.
template <class T>
inline constinit ObjectCacheBase cache_of{T::kCacheName, sizeof(T), alignof(T)};

template <class T, class... Arguments>
  requires std::derived_from<T, HeapAllocated>
Result<Owned<T>> make(Arguments&&... arguments) {
  void* place = cache_of<T>.allocate();
  if (place == nullptr) [[unlikely]]
    return Errno::nomem;
  return Owned<T>::adopt(new (place) T(std::forward<Arguments>(arguments)...));
}

template <class T, class... Arguments>
  requires std::derived_from<T, RefCounted<T>> || requires(T t) { t.ref_get(); }
Result<Ref<T>> make_ref(Arguments&&... arguments) {
  void* place = cache_of<T>.allocate();
  if (place == nullptr) [[unlikely]]
    return Errno::nomem;
  return Ref<T>::adopt(new (place) T(std::forward<Arguments>(arguments)...));
}

// Untyped memory for tables and buffers of variable size: size classes up to a page, whole frames
// (direct-mapped, up to 4 MiB) above. Freed by heap_free too.
[[nodiscard]] void* heap_allocate(size_t size);

// An owned array of trivially destructible elements, sized once.
template <class T>
  requires std::is_trivially_destructible_v<T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, {})) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() {
    if (data_.data()) heap_free(data_.data());
  }

  // Elements are value-initialised.
  static Result<Buffer> make(size_t count) {
    Buffer buffer = TRY(make_for_overwrite(count));
    for (T& element : buffer.span()) new (&element) T();
    return buffer;
  }
  // Elements hold anything: for what is written before it is read.
  static Result<Buffer> make_for_overwrite(size_t count) {
    size_t bytes;
    if (__builtin_mul_overflow(count, sizeof(T), &bytes)) return Errno::nomem;
    T* memory = static_cast<T*>(heap_allocate(bytes ? bytes : 1));
    if (memory == nullptr) return Errno::nomem;
    return adopt(memory, count);
  }

  // Takes over memory from heap_allocate().
  static Buffer adopt(T* memory, size_t count) {
    Buffer buffer;
    buffer.data_ = {memory, count};
    return buffer;
  }

  T* data() const { return data_.data(); }
  size_t size() const { return data_.size(); }
  T& operator[](size_t i) const { return data_[i]; }
  std::span<T> span() const { return data_; }
  explicit operator bool() const { return data_.data() != nullptr; }

 private:
  std::span<T> data_;
};

// What /proc/slabinfo says of a cache.
struct CacheReport {
  const char* name;
  uint64_t live_objects;  // those that rest in the CPUs' magazines are not
  uint64_t slabs;
  uint32_t object_size;  // bytes, with what alignment costs
  uint32_t objects_per_slab;
  uint32_t frames_per_slab;
};
// Of the cache that was the `index`th to be used, from 0; false: there is none. The hosted build,
// whose objects are malloc's, has none.
bool report_cache(unsigned index, CacheReport& report);

// Fault injection: the n-th allocation or acquiring step from now fails (1 is the next); 0 turns it
// off. Only the task that armed it is affected, and only outside of interrupt handlers and page
// faults. `fail_here()` is asked by every such step; true: fail as if there were no memory.
void arm_fault_injection(uint64_t nth);
uint64_t fault_injection_steps_seen();  // by the task that armed last, since it armed

namespace detail {
extern std::atomic<const void*> fault_injection_task;  // null: off
bool fail_here_slow();
}  // namespace detail
inline bool fail_here() {
  if (detail::fault_injection_task.load(std::memory_order_relaxed) == nullptr) [[likely]]
    return false;
  return detail::fail_here_slow();
}

// What must be equal before and after a failed call.
struct LiveCounts {
  int64_t objects;
  int64_t heap_blocks;
  int64_t frames;
  int64_t kernel_stacks;
  bool operator==(const LiveCounts&) const = default;
};
LiveCounts live_counts();

}  // namespace tine
