// SPDX-License-Identifier: MIT
//
// Strong types for addresses and ids, so that a physical address cannot be passed where a user's
// is meant. None of them owns anything. Page size is 4 KiB on every architecture Tine has.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace tine {

inline constexpr unsigned kPageShift = 12;
inline constexpr uint64_t kPageSize = 1ull << kPageShift;
inline constexpr uint64_t kPageMask = kPageSize - 1;
inline constexpr uint64_t kHugePageSize = 2ull << 20;

// An address of kind Tag. Arithmetic is in bytes and wraps as unsigned integers do.
template <class Tag>
struct Address {
  uint64_t value = 0;

  constexpr Address() = default;
  constexpr explicit Address(uint64_t v) : value(v) {}

  constexpr auto operator<=>(const Address&) const = default;
  constexpr Address operator+(uint64_t bytes) const { return Address(value + bytes); }
  constexpr Address operator-(uint64_t bytes) const { return Address(value - bytes); }
  constexpr uint64_t operator-(Address other) const { return value - other.value; }
  constexpr Address& operator+=(uint64_t bytes) { value += bytes; return *this; }
  constexpr Address page_floor() const { return Address(value & ~kPageMask); }
  constexpr Address page_ceil() const { return Address((value + kPageMask) & ~kPageMask); }
  constexpr uint64_t page_offset() const { return value & kPageMask; }
  constexpr bool is_page_aligned() const { return page_offset() == 0; }
};

using PhysAddr = Address<struct PhysTag>;  // of physical memory
using VirtAddr = Address<struct VirtTag>;  // of the kernel's half
using UserAddr = Address<struct UserTag>;  // whatever a program gave us: never dereferenced

// A stretch of physical memory.
struct MemoryRange {
  PhysAddr start;
  uint64_t length = 0;
  constexpr PhysAddr end() const { return start + length; }
};

constexpr uint64_t page_floor(uint64_t v) { return v & ~kPageMask; }
constexpr uint64_t page_ceil(uint64_t v) { return (v + kPageMask) & ~kPageMask; }

// A number of kind Tag, compared but not computed with.
template <class Tag, class Rep>
struct Id {
  Rep value{};
  constexpr Id() = default;
  constexpr explicit Id(Rep v) : value(v) {}
  constexpr auto operator<=>(const Id&) const = default;
};

using GlobalPid = Id<struct GlobalPidTag, int>;      // as the initial PID namespace numbers it
using NsPid = Id<struct NsPidTag, int>;              // as some PID namespace numbers it
using KernelUid = Id<struct KernelUidTag, uint32_t>; // as the initial user namespace numbers it
using KernelGid = Id<struct KernelGidTag, uint32_t>;
using CpuId = uint32_t;
inline constexpr CpuId kMaxCpus = 64;

// Time since boot (monotonic) or a length of time.
using Nanoseconds = int64_t;
inline constexpr Nanoseconds kNsPerSecond = 1'000'000'000;
inline constexpr Nanoseconds kNever = INT64_MAX;

}  // namespace tine
