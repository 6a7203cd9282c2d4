// SPDX-License-Identifier: MIT
//
// Reading newc archives (cpio(5), initramfs: 070701 and 070702) without copying: CpioReader steps
// from entry to entry of a stretch of memory and gives views into it. It trusts nothing: sizes are
// checked against what is left before they are used, and a broken archive ends with an error and the
// offset at which it broke. Several archives may follow each other, with zeros in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tine::fs {

struct CpioEntry {
  std::string_view name;             // without NULs at its end
  std::span<const std::byte> data;   // contents, or the target of a symbolic link
  uint32_t inode_number = 0, mode = 0, uid = 0, gid = 0, link_count = 0, modify_time = 0;
  uint32_t device_major = 0, device_minor = 0;    // of the file system it was on
  uint32_t special_major = 0, special_minor = 0;  // of a device node
};

class CpioReader {
 public:
  enum class Step : uint8_t { entry, end_of_archive, end, compressed, bad };

  explicit CpioReader(std::span<const std::byte> archive) : archive_(archive) {}
  // entry: `out` is filled in. end_of_archive: a trailer; there may be more archives behind it.
  // compressed: what follows is gzip, xz or the like. bad: see error() and offset().
  Step next(CpioEntry& out);
  size_t offset() const { return offset_; }
  const char* error() const { return error_; }

 private:
  Step fail(const char* why) { error_ = why; return Step::bad; }
  std::span<const std::byte> archive_;
  size_t offset_ = 0;
  const char* error_ = "";
};

}  // namespace tine::fs
