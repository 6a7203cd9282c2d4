// SPDX-License-Identifier: MIT
//
// The only code that touches a program's memory. Faults on the way are handled as the program's
// own would be (demand paging, copy-on-write); an address that stays bad ends the copy.
// Callers use UserIn/UserOut and the helpers of mm/user_memory.h, not these.
// May sleep: no spin lock may be held. Ranges that reach beyond the user half fail at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/result.h"
#include "core/types.h"

namespace tine::arch {

inline constexpr uint64_t kUserTop = 0x7fff'ffff'f000;  // first address no program can have

constexpr bool is_user_range(UserAddr address, size_t length) {
  return length <= kUserTop && address.value <= kUserTop - length;
}

// Bytes that could NOT be copied: 0 is success.
[[nodiscard]] size_t copy_from_user(void* to, UserAddr from, size_t length);
[[nodiscard]] size_t copy_to_user(UserAddr to, const void* from, size_t length);
[[nodiscard]] size_t clear_user(UserAddr to, size_t length);
// Length of the string without NUL, having copied it with its NUL; ENAMETOOLONG if there is no NUL
// in the first `capacity` bytes, EFAULT.
Result<size_t> copy_string_from_user(char* to, UserAddr from, size_t capacity);

// Futex words. `*_nofault` fail with EFAULT instead of handling a fault, so they may be used under
// a spin lock. cmpxchg returns the value found.
Result<uint32_t> load_user_u32_nofault(UserAddr address);
Result<uint32_t> cmpxchg_user_u32_nofault(UserAddr address, uint32_t expected, uint32_t desired);

}  // namespace tine::arch
