// SPDX-License-Identifier: MIT
//
// A device's registers in memory: a view that owns nothing. Accesses have the register's own width,
// are not merged or left out, and keep their order among one another; `offset` is in bytes and
// aligned to the width.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace tine {

class Registers {
 public:
  constexpr Registers() = default;
  constexpr explicit Registers(volatile char* base) : base_(base) {}

  template <std::unsigned_integral T>
  T read(unsigned offset) const {
    return *reinterpret_cast<volatile T*>(base_ + offset);
  }
  template <std::unsigned_integral T>
  void write(unsigned offset, std::type_identity_t<T> value) const {
    *reinterpret_cast<volatile T*>(base_ + offset) = value;
  }
  // As two halves of 32 bits, the lower first, which every device takes.
  void write_halves(unsigned offset, uint64_t value) const {
    write<uint32_t>(offset, static_cast<uint32_t>(value));
    write<uint32_t>(offset + 4, static_cast<uint32_t>(value >> 32));
  }

 private:
  volatile char* base_ = nullptr;
};

}  // namespace tine
