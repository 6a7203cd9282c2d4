// SPDX-License-Identifier: MIT
//
// Seals of a file (fcntl(2), F_ADD_SEALS): what may never again be done to it. A file that can have
// them keeps them under Inode::lock and asks has() before it changes; whoever seals writing tells
// the memory object too, which mappings ask (mm::MemoryObject::seal_writes).
#pragma once

#include <cstdint>

#include "core/result.h"

namespace tine::fs {

enum Seal : uint32_t {  // F_SEAL_*
  kSealSeal = 1,
  kSealShrink = 2,
  kSealGrow = 4,
  kSealWrite = 8,
  kSealFutureWrite = 16,
  kSealExec = 32,
  kSealAnyWrite = kSealWrite | kSealFutureWrite,
  kAllSeals = 63,
};

class Seals {
 public:
  uint32_t bits() const { return bits_; }
  bool has(uint32_t any_of) const { return bits_ & any_of; }
  void set(uint32_t seals) { bits_ = seals; }  // of a file that nobody knows yet
  // What adding `more` to a file of this mode comes to: F_SEAL_EXEC of what can be executed seals
  // its contents too. EPERM: sealed against it.
  Result<uint32_t> with(uint32_t more, uint32_t mode) const {
    if (has(kSealSeal)) return Errno::perm;
    constexpr uint32_t kContents = kSealShrink | kSealGrow | kSealAnyWrite;
    if ((more & kSealExec) && (mode & 0111)) more |= kContents;
    return bits_ | more;
  }
  // A change from one size to another. EPERM.
  Result<void> check_resize(uint64_t from, uint64_t to) const {
    if (to < from && has(kSealShrink)) return Errno::perm;
    if (to > from && has(kSealGrow)) return Errno::perm;
    return {};
  }
  // A change of the permission bits. EPERM.
  Result<void> check_mode(uint32_t from, uint32_t to) const {
    if (has(kSealExec) && ((from ^ to) & 0111)) return Errno::perm;
    return {};
  }

 private:
  uint32_t bits_ = kSealSeal;
};

}  // namespace tine::fs
