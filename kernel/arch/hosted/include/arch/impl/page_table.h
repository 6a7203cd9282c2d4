// SPDX-License-Identifier: MIT
//
// Hosted page-table entries: the layout of x86-64 (present, writable, user, accessed, dirty, huge,
// no-execute), walked in software by arch/hosted/user_access.cpp, which sets accessed and dirty as
// the hardware would. Physical memory is one host mapping; direct_map_base() is where it begins.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine::arch {

enum PteFlags : uint64_t {
  kNoPteFlags = 0,
  kWritable = 1u << 1,
  kUser = 1u << 2,
  kUncached = 1u << 4,
  kAccessed = 1u << 5,
  kDirty = 1u << 6,
  kHuge = 1u << 7,
  kGlobal = 1u << 8,
  kExecutable = 1ull << 63,  // kept inverted in the entry
};
constexpr PteFlags operator|(PteFlags a, PteFlags b) {
  return static_cast<PteFlags>(static_cast<uint64_t>(a) | static_cast<uint64_t>(b));
}
constexpr PteFlags& operator|=(PteFlags& a, PteFlags b) { return a = a | b; }

class Pte {
 public:
  constexpr Pte() = default;
  static constexpr Pte page(PhysAddr frame, PteFlags flags) {
    return Pte(frame.value | kPresent | (static_cast<uint64_t>(flags) ^ kNoExecute));
  }
  static constexpr Pte table(PhysAddr lower) {
    return Pte(lower.value | kPresent | kWritable | kUser | kAccessed);
  }

  constexpr bool is_present() const { return raw_ & kPresent; }
  constexpr bool is_writable() const { return raw_ & kWritable; }
  constexpr bool is_executable() const { return !(raw_ & kNoExecute); }
  constexpr bool is_user() const { return raw_ & kUser; }
  constexpr bool is_dirty() const { return raw_ & kDirty; }
  constexpr bool is_accessed() const { return raw_ & kAccessed; }
  constexpr bool is_huge() const { return raw_ & kHuge; }
  constexpr PhysAddr address() const { return PhysAddr(raw_ & kAddressMask); }
  constexpr Pte without_write() const { return Pte(raw_ & ~static_cast<uint64_t>(kWritable)); }
  constexpr Pte with_write() const { return Pte(raw_ | kWritable); }
  constexpr Pte with_dirty() const { return Pte(raw_ | kDirty); }
  constexpr Pte with_accessed() const { return Pte(raw_ | kAccessed); }
  constexpr Pte small_page(unsigned index) const {
    return Pte((raw_ & ~uint64_t{kHuge}) + index * kPageSize);
  }
  constexpr uint64_t raw() const { return raw_; }
  constexpr bool operator==(const Pte&) const = default;

 private:
  static constexpr uint64_t kPresent = 1;
  static constexpr uint64_t kNoExecute = 1ull << 63;
  static constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
  constexpr explicit Pte(uint64_t raw) : raw_(raw) {}
  uint64_t raw_ = 0;
};

namespace hosted {
extern char* physical_memory;
}
inline uint64_t direct_map_base() { return reinterpret_cast<uint64_t>(hosted::physical_memory); }

// The host chooses where the vmalloc area lies, so it is known only at run time.
#define TINE_ARCH_PLACES_VMALLOC
extern uint64_t kVmallocBase;
inline constexpr uint64_t kVmallocSize = 1ull << 36;

}  // namespace tine::arch
