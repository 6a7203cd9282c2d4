// SPDX-License-Identifier: MIT
//
// Ref<T>: shared ownership by an intrusive count. Owned<T>: sole ownership. Both give the
// memory back to the object cache that mm/heap.h made it from.
//
// The count saturates: an object whose count ever reaches the ceiling is never freed, so that an
// overflow provoked by a hostile program leaks instead of freeing something in use.
// T derives from RefCounted<T>; T::last_ref_dropped() (default: destroy and free) runs when the
// count reaches 0, in the context of whoever dropped it: it must not need a lock that droppers hold.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace tine {

void heap_free(void* memory);  // mm/heap.h; finds the object cache from the address

// Base of everything that mm/heap.h's make<T>() creates: `delete` gives the memory back to the
// cache it came from, also through a virtual destructor.
struct HeapAllocated {
  static void operator delete(void* memory) { heap_free(memory); }
  static void* operator new(size_t, void* place) { return place; }
};

template <class T>
class RefCounted : public HeapAllocated {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void ref_get() const {
    if (count_.fetch_add(1, std::memory_order_relaxed) >= kSaturated) saturate();
  }
  // Takes a reference unless the object is already on its way out; for lock-free or weak lookups,
  // which may look afterwards, in the order of all, whether what they found still holds.
  bool ref_get_unless_zero() const {
    uint32_t seen = count_.load(std::memory_order_relaxed);
    while (seen != 0) {
      if (count_.compare_exchange_weak(seen, seen + 1, std::memory_order_seq_cst)) return true;
    }
    return false;
  }
  void ref_put() const {
    uint32_t before = count_.fetch_sub(1, std::memory_order_acq_rel);
    if (before >= kSaturated) [[unlikely]] return saturate();
    if (before == 1) const_cast<T*>(static_cast<const T*>(this))->last_ref_dropped();
  }
  // Drops a reference without acting on it; true: it was the last, and the caller must see to the
  // object's end. For those who take down long chains in a loop.
  [[nodiscard]] bool ref_drop_is_last() const {
    uint32_t before = count_.fetch_sub(1, std::memory_order_acq_rel);
    if (before >= kSaturated) [[unlikely]] saturate();
    return before == 1;
  }
  // Nobody else has one: what the others did to the object before they let go is done.
  bool is_only_reference() const { return count_.load(std::memory_order_acquire) == 1; }
  uint32_t ref_count() const { return count_.load(std::memory_order_relaxed); }

  void last_ref_dropped() { delete static_cast<T*>(this); }

 protected:
  ~RefCounted() = default;

 private:
  static constexpr uint32_t kSaturated = 0xc000'0000;
  void saturate() const { count_.store(kSaturated + 0x1000'0000, std::memory_order_relaxed); }
  mutable std::atomic<uint32_t> count_{1};
};

template <class T>
class Ref {
 public:
  constexpr Ref() = default;
  constexpr Ref(std::nullptr_t) {}
  explicit Ref(T& object) : object_(&object) { object.ref_get(); }
  Ref(const Ref& other) : object_(other.object_) { if (object_) object_->ref_get(); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires(std::is_convertible_v<U*, T*>)
  Ref(Ref<U> other) : object_(other.leak()) {}
  Ref& operator=(Ref other) noexcept { std::swap(object_, other.object_); return *this; }
  ~Ref() { if (object_) object_->ref_put(); }

  // Takes over a reference that the caller already owns (a fresh object, or one from leak()).
  static Ref adopt(T* object) { Ref ref; ref.object_ = object; return ref; }
  // Gives the reference to the caller, who must adopt() it back.
  [[nodiscard]] T* leak() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }
  void reset() { *this = Ref(); }

 private:
  T* object_ = nullptr;
};

template <class T>
class Owned {
 public:
  constexpr Owned() = default;
  constexpr Owned(std::nullptr_t) {}
  Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires(std::is_convertible_v<U*, T*>)
  Owned(Owned<U>&& other) : object_(other.leak()) {}
  Owned& operator=(Owned other) noexcept { std::swap(object_, other.object_); return *this; }
  ~Owned() { delete object_; }

  static Owned adopt(T* object) { Owned owned; owned.object_ = object; return owned; }
  [[nodiscard]] T* leak() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace tine
