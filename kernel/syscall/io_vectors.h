// SPDX-License-Identifier: MIT
//
// Vectors: a program's array of segments (readv(2), process_vm_readv(2)), copied into the kernel and
// checked: EINVAL for too many or too long ones, EFAULT for what is not the program's, ENOMEM.
// It owns the copy; what IoBuffer sees of it lives as long.
#pragma once

#include <span>

#include "arch/user_access.h"
#include "mm/heap.h"
#include "mm/user_memory.h"

namespace tine {

// A program's array of segments: few of them need no allocation.
class Vectors {
 public:
  static constexpr int kMaxVectors = 1024;  // UIO_MAXIOV
  Result<void> copy_from(UserIn<IoVector> user, int count) {
    if (count < 0 || count > kMaxVectors) return Errno::inval;
    std::span<IoVector> space = inline_;
    if (static_cast<size_t>(count) > kInline) {
      heap_ = TRY(Buffer<IoVector>::make(static_cast<size_t>(count)));
      space = heap_.span();
    }
    segments_ = space.first(static_cast<size_t>(count));
    TRY(user.read_array(segments_));
    uint64_t total = 0;
    for (const IoVector& segment : segments_) {
      if (static_cast<int64_t>(segment.length) < 0) return Errno::inval;
      if (!arch::is_user_range(UserAddr(segment.base), segment.length)) return Errno::fault;
      total += segment.length;
      if (static_cast<int64_t>(total) < 0) return Errno::inval;
    }
    return {};
  }
  IoBuffer buffer() const {
    IoBuffer all = IoBuffer::vectors(segments_);
    all.shorten(IoBuffer::kMaxBytes);
    return all;
  }

 private:
  static constexpr size_t kInline = 8;
  std::span<IoVector> segments_;
  Buffer<IoVector> heap_;
  IoVector inline_[kInline];
};

}  // namespace tine
