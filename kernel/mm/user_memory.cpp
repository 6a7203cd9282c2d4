// SPDX-License-Identifier: MIT
//
// IoBuffer: moving bytes between kernel memory and a run of segments. Copies may fault and sleep.
// A copy that meets a bad address moves what lies before it; EFAULT only if that is nothing.
#include "mm/user_memory.h"

#include <algorithm>
#include <cstring>

namespace tine {

IoBuffer IoBuffer::user(UserAddr base, size_t length) {
  IoBuffer buffer;
  buffer.single_ = {base.value, length};
  buffer.remaining_ = std::min(length, kMaxBytes);
  return buffer;
}

IoBuffer IoBuffer::kernel(void* base, size_t length) {
  IoBuffer buffer = user(UserAddr(reinterpret_cast<uint64_t>(base)), length);
  buffer.kernel_ = true;
  return buffer;
}

IoBuffer IoBuffer::vectors(std::span<const IoVector> segments) {
  IoBuffer buffer;
  buffer.segments_ = segments.data();
  for (const IoVector& segment : segments) {
    buffer.remaining_ += std::min<size_t>(segment.length, kMaxBytes - buffer.remaining_);
  }
  return buffer;
}

// Calls move(address, offset, length), which returns the bytes it could NOT move, for each stretch
// of up to `length` bytes that lies in one segment.
template <class Move>
Result<size_t> IoBuffer::for_each_stretch(size_t length, Move&& move) {
  length = std::min(length, remaining_);
  size_t done = 0;
  while (done < length) {
    const IoVector& segment = segments_ != nullptr ? *segments_ : single_;
    size_t here = std::min<size_t>(segment.length - segment_offset_, length - done);
    size_t missed = here == 0 ? 0 : move(segment.base + segment_offset_, done, here);
    done += here - missed;
    advance(here - missed);
    if (missed != 0) break;
  }
  if (done == 0 && length != 0) return Errno::fault;
  return done;
}

void IoBuffer::advance(size_t bytes) {
  segment_offset_ += bytes;
  remaining_ -= bytes;
  if (segments_ != nullptr && segment_offset_ == segments_->length) {
    ++segments_;
    segment_offset_ = 0;
  }
}

Result<size_t> IoBuffer::copy_in(const void* from, size_t length) {
  return for_each_stretch(length, [&](uint64_t address, size_t offset, size_t bytes) -> size_t {
    const char* source = static_cast<const char*>(from) + offset;
    if (!kernel_) return arch::copy_to_user(UserAddr(address), source, bytes);
    memcpy(reinterpret_cast<void*>(address), source, bytes);
    return 0;
  });
}

Result<size_t> IoBuffer::copy_out(void* to, size_t length) {
  return for_each_stretch(length, [&](uint64_t address, size_t offset, size_t bytes) -> size_t {
    char* target = static_cast<char*>(to) + offset;
    if (!kernel_) return arch::copy_from_user(target, UserAddr(address), bytes);
    memcpy(target, reinterpret_cast<const void*>(address), bytes);
    return 0;
  });
}

Result<size_t> IoBuffer::fill_zero(size_t length) {
  return for_each_stretch(length, [&](uint64_t address, size_t, size_t bytes) -> size_t {
    if (!kernel_) return arch::clear_user(UserAddr(address), bytes);
    memset(reinterpret_cast<void*>(address), 0, bytes);
    return 0;
  });
}

void IoBuffer::skip(size_t length) {
  (void)for_each_stretch(length, [](uint64_t, size_t, size_t) -> size_t { return 0; });
}

}  // namespace tine
