// SPDX-License-Identifier: MIT
//
// User memory as types: a system call's pointer argument is a UserIn<T>, UserOut<T> or
// UserInOut<T>, and nothing else can be read from or written to. All accesses can sleep and can
// fail with EFAULT.
#pragma once

#include <span>
#include <type_traits>

#include "arch/user_access.h"
#include "core/result.h"
#include "core/types.h"

namespace tine {

template <class T>
  requires std::is_trivially_copyable_v<T>
class UserIn {
 public:
  constexpr UserIn() = default;
  constexpr explicit UserIn(UserAddr address) : address_(address) {}
  UserAddr address() const { return address_; }
  explicit operator bool() const { return address_.value != 0; }
  UserIn operator+(uint64_t elements) const { return UserIn(address_ + elements * sizeof(T)); }

  Result<T> read() const {
    T value;
    if (arch::copy_from_user(&value, address_, sizeof value) != 0) return Errno::fault;
    return value;
  }
  Result<void> read_array(std::span<T> out) const {
    if (arch::copy_from_user(out.data(), address_, out.size_bytes()) != 0) return Errno::fault;
    return {};
  }

 private:
  UserAddr address_;
};

template <class T>
  requires std::is_trivially_copyable_v<T>
class UserOut {
 public:
  constexpr UserOut() = default;
  constexpr explicit UserOut(UserAddr address) : address_(address) {}
  UserAddr address() const { return address_; }
  explicit operator bool() const { return address_.value != 0; }
  UserOut operator+(uint64_t elements) const { return UserOut(address_ + elements * sizeof(T)); }

  Result<void> write(const T& value) const {
    if (arch::copy_to_user(address_, &value, sizeof value) != 0) return Errno::fault;
    return {};
  }
  Result<void> write_array(std::span<const T> values) const {
    if (arch::copy_to_user(address_, values.data(), values.size_bytes()) != 0) return Errno::fault;
    return {};
  }

 private:
  UserAddr address_;
};

// A NUL-terminated string of a program, read by copy_string().
struct UserString {
  UserAddr address;
  constexpr UserString() = default;
  constexpr explicit UserString(UserAddr a) : address(a) {}
  explicit operator bool() const { return address.value != 0; }
};

struct IoVector {
  uint64_t base;
  uint64_t length;
};  // struct iovec

// The memory side of read(2), write(2) and their kin: a run of segments in user or kernel memory,
// consumed from the front. Copies stop at the first bad address; what was moved stays moved.
class IoBuffer {
 public:
  static constexpr size_t kMaxBytes = 0x7fff'f000;  // MAX_RW_COUNT
  static IoBuffer user(UserAddr base, size_t length);
  static IoBuffer kernel(void* base, size_t length);
  static IoBuffer vectors(std::span<const IoVector> segments);  // must outlive the buffer

  size_t remaining() const { return remaining_; }
  // Move up to `length` bytes; returns the bytes moved, or fault if the very first could not be.
  Result<size_t> copy_in(const void* from, size_t length);  // into the program's buffer (read)
  Result<size_t> copy_out(void* to, size_t length);         // from the program's buffer (write)
  Result<size_t> fill_zero(size_t length);
  void skip(size_t length);
  void shorten(size_t length) {
    if (length < remaining_) remaining_ = length;
  }  // limits

 private:
  template <class Move>
  Result<size_t> for_each_stretch(size_t length, Move&& move);
  void advance(size_t bytes);

  IoVector single_{};
  const IoVector* segments_ = nullptr;  // null: single_
  size_t segment_offset_ = 0;
  size_t remaining_ = 0;
  bool kernel_ = false;
};

}  // namespace tine
