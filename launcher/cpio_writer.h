// SPDX-License-Identifier: MIT
//
// Writes a "newc" cpio archive, the format of Linux's initramfs, as a stream. What is special: the
// data of every file of at least a page starts at a multiple of 4096 bytes in the archive, so that
// a guest kernel can map those pages where they lie instead of copying them. The name field is
// padded with NULs to get there (namesize counts them and stays <= 4096), and where too little room
// is left for that, a repeated entry for "." fills the page up. Both are plain newc: every reader
// of the format accepts the result.
//
// The descriptor is borrowed. Anything may throw Failure: a full disk, a name or file too large for
// the format. begin() .. data() .. end() belong together; data() must add up to the entry's size.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tine::launcher {

inline constexpr uint64_t kPageSize = 4096;

struct CpioEntry {
  std::string path;  // relative to the root, without a leading '/'; "." is the root itself
  mode_t mode = 0;   // type and permissions
  uid_t uid = 0;
  gid_t gid = 0;
  uint32_t modified = 0;  // seconds since the epoch
  uint32_t links = 1;
  uint32_t inode = 0;  // 0: a fresh one; the same number with links > 1 makes hard links
  dev_t device = 0;    // for device nodes
  uint64_t size = 0;   // of the data that follows
};

class CpioWriter {
 public:
  explicit CpioWriter(int fd) : fd_(fd) { buffer_.reserve(kBufferSize); }

  // Writes the header; returns the offset in the archive at which the data will start.
  uint64_t begin(const CpioEntry& entry);
  void data(std::string_view bytes);
  void zeros_of_data(uint64_t count);  // a hole of a sparse file
  void end();

  uint64_t add(const CpioEntry& entry, std::string_view content);

  // Writes the trailer and everything still buffered; returns the size of the archive.
  uint64_t finish();

  // Makes everything written so far readable through the descriptor.
  void flush();

  uint32_t fresh_inode() { return ++last_inode_; }

 private:
  static constexpr size_t kBufferSize = 256 * 1024;

  void put(std::string_view bytes);
  void zeros(uint64_t count);
  void put_header(const CpioEntry& entry, uint32_t inode, uint64_t name_size);
  void pad_to_page();

  int fd_;
  uint64_t offset_ = 0;  // of the next byte in the archive
  uint64_t unwritten_ = 0;
  uint32_t last_inode_ = 0;
  std::string buffer_;
};

}  // namespace tine::launcher
