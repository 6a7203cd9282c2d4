// SPDX-License-Identifier: MIT
//
// arch/user_access.h for x86-64: the range check in front of the assembly's copies. A range that
// reaches beyond the user half fails without touching anything, so no program can make the kernel
// read or write its own memory. No locks; may sleep except for the futex accesses.
#include "arch/user_access.h"

namespace tine::arch {

extern "C" {
size_t copy_user(void* to, const void* from, size_t length);
size_t clear_user_bytes(uint64_t to, size_t length);
int64_t copy_user_string(char* to, uint64_t from, size_t capacity);
int load_user_u32(uint64_t address, uint32_t* value);
int cmpxchg_user_u32(uint64_t address, uint32_t* expected, uint32_t desired);
}

size_t copy_from_user(void* to, UserAddr from, size_t length) {
  if (!is_user_range(from, length)) [[unlikely]]
    return length;
  return copy_user(to, reinterpret_cast<const void*>(from.value), length);
}

size_t copy_to_user(UserAddr to, const void* from, size_t length) {
  if (!is_user_range(to, length)) [[unlikely]]
    return length;
  return copy_user(reinterpret_cast<void*>(to.value), from, length);
}

size_t clear_user(UserAddr to, size_t length) {
  if (!is_user_range(to, length)) [[unlikely]]
    return length;
  return clear_user_bytes(to.value, length);
}

Result<size_t> copy_string_from_user(char* to, UserAddr from, size_t capacity) {
  if (from.value >= kUserTop) return Errno::fault;
  if (capacity == 0) return Errno::nametoolong;
  // Aligned 8-byte reads stop at the top of the user half by themselves: the page there never maps.
  int64_t length = copy_user_string(to, from.value, capacity);
  if (length < 0) return Errno::fault;
  if (static_cast<size_t>(length) >= capacity) return Errno::nametoolong;
  return static_cast<size_t>(length);
}

Result<uint32_t> load_user_u32_nofault(UserAddr address) {
  uint32_t value;
  if (!is_user_range(address, sizeof value) || load_user_u32(address.value, &value) != 0) {
    return Errno::fault;
  }
  return value;
}

Result<uint32_t> cmpxchg_user_u32_nofault(UserAddr address, uint32_t expected, uint32_t desired) {
  if (!is_user_range(address, sizeof expected) ||
      cmpxchg_user_u32(address.value, &expected, desired) != 0) {
    return Errno::fault;
  }
  return expected;
}

}  // namespace tine::arch
