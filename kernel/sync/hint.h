// SPDX-License-Identifier: MIT
//
// Hint<T>: a number that is written under a lock, or by one task alone, and read by others without
// it, who can live with a value that is out of date: counters for statistics, the load of another
// CPU. To the compiler and TSan it is an atomic that orders nothing; to the machine an ordinary
// variable.
#pragma once

#include <atomic>
#include <type_traits>

namespace tine {

template <class T>
class Hint {
 public:
  constexpr Hint() = default;
  constexpr Hint(T value) : value_(value) {}  // implicit, as for the number itself
  Hint(const Hint&) = delete;
  Hint& operator=(const Hint& other) {
    *this = T(other);
    return *this;
  }

  operator T() const { return value_.load(std::memory_order_relaxed); }
  T operator->() const requires std::is_pointer_v<T> { return *this; }
  T operator=(T value) {
    value_.store(value, std::memory_order_relaxed);
    return value;
  }
  // Not one step: for the holder of the lock, or the task whose it is.
  T operator+=(T change) { return *this = *this + change; }
  T operator-=(T change) { return *this = *this - change; }
  T operator|=(T bits) { return *this = *this | bits; }
  T operator&=(T bits) { return *this = *this & bits; }
  T operator++() { return *this += 1; }
  T operator--() { return *this -= 1; }

 private:
  std::atomic<T> value_{};
};

}  // namespace tine
