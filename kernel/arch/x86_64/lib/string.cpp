// SPDX-License-Identifier: MIT
//
// The string functions that libc++'s headers and the compiler call by name, beside memory.S.
// Freestanding definitions of standard functions: no locks, no failure.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <cwchar>

extern "C" {

[[clang::no_builtin]] int memcmp(const void* left, const void* right, size_t length) {
  const auto* a = static_cast<const uint8_t*>(left);
  const auto* b = static_cast<const uint8_t*>(right);
  for (; length >= 8; a += 8, b += 8, length -= 8) {
    uint64_t x, y;
    __builtin_memcpy(&x, a, 8);
    __builtin_memcpy(&y, b, 8);
    if (x != y) return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
  }
  for (; length > 0; ++a, ++b, --length) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

[[clang::no_builtin]] size_t strlen(const char* text) {
  const char* end = text;
  while (*end) ++end;
  return static_cast<size_t>(end - text);
}

[[clang::no_builtin]] size_t strnlen(const char* text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length]) ++length;
  return length;
}

[[clang::no_builtin]] void* memchr(const void* memory, int value, size_t length) {
  const auto* byte = static_cast<const uint8_t*>(memory);
  for (; length > 0; ++byte, --length) {
    if (*byte == static_cast<uint8_t>(value)) return const_cast<uint8_t*>(byte);
  }
  return nullptr;
}

// What std::find over 32-bit integers becomes.
[[clang::no_builtin]] wchar_t* wmemchr(const wchar_t* memory, wchar_t value, size_t length) {
  for (; length > 0; ++memory, --length) {
    if (*memory == value) return const_cast<wchar_t*>(memory);
  }
  return nullptr;
}

[[clang::no_builtin]] int strcmp(const char* left, const char* right) {
  for (; *left && *left == *right; ++left, ++right) {
  }
  return static_cast<uint8_t>(*left) - static_cast<uint8_t>(*right);
}

}  // extern "C"
