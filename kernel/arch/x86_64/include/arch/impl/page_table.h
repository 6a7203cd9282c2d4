// SPDX-License-Identifier: MIT
//
// The page-table entry of x86-64, and where the direct map lies. A Pte is a plain value: who may
// write it into a table, and which flush must follow, is the business of mm/.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine::arch {

enum PteFlags : uint64_t {
  kNoFlags = 0,
  kWritable = 1u << 1,
  kUser = 1u << 2,
  kUncached = 1u << 4 | 1u << 3,
  kAccessed = 1u << 5,
  kDirty = 1u << 6,
  kHuge = 1u << 7,
  kGlobal = 1u << 8,
  kExecutable = 1ull << 63,  // the hardware's bit forbids: page() inverts it
};
constexpr PteFlags operator|(PteFlags a, PteFlags b) {
  return static_cast<PteFlags>(static_cast<uint64_t>(a) | static_cast<uint64_t>(b));
}
constexpr PteFlags operator&(PteFlags a, PteFlags b) {
  return static_cast<PteFlags>(static_cast<uint64_t>(a) & static_cast<uint64_t>(b));
}
constexpr PteFlags& operator|=(PteFlags& a, PteFlags b) { return a = a | b; }

class Pte {
 public:
  constexpr Pte() = default;
  constexpr explicit Pte(uint64_t raw) : raw_(raw) {}

  static constexpr Pte page(PhysAddr address, PteFlags flags) {
    return Pte(address.value | (static_cast<uint64_t>(flags) ^ kNoExecute) | kPresent);
  }
  static constexpr Pte table(PhysAddr address) {
    return Pte(address.value | kPresent | kWritable | kUser | kAccessed);
  }

  constexpr bool is_present() const { return raw_ & kPresent; }
  constexpr bool is_writable() const { return raw_ & kWritable; }
  constexpr bool is_executable() const { return !(raw_ & kNoExecute); }
  constexpr bool is_dirty() const { return raw_ & kDirty; }
  constexpr bool is_accessed() const { return raw_ & kAccessed; }
  constexpr bool is_huge() const { return raw_ & kHuge; }
  constexpr PhysAddr address() const { return PhysAddr(raw_ & kAddressMask); }

  constexpr Pte without_write() const { return Pte(raw_ & ~uint64_t{kWritable}); }
  constexpr Pte with_write() const { return Pte(raw_ | kWritable); }
  constexpr Pte with_dirty() const { return Pte(raw_ | kDirty); }
  constexpr Pte small_page(unsigned index) const {
    return Pte((raw_ & ~uint64_t{kHuge}) + index * kPageSize);
  }

  constexpr uint64_t raw() const { return raw_; }
  constexpr bool operator==(const Pte&) const = default;

 private:
  static constexpr uint64_t kPresent = 1;
  static constexpr uint64_t kNoExecute = 1ull << 63;
  static constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
  uint64_t raw_ = 0;
};

constexpr uint64_t direct_map_base() { return 0xffff'8880'0000'0000; }

}  // namespace tine::arch
