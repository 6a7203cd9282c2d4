// SPDX-License-Identifier: MIT
//
// See cpio_writer.h. Layout of an entry: 110 bytes of header in ASCII hex, the name with its NULs,
// padding to 4 bytes, the data, padding to 4 bytes.
#include "cpio_writer.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <limits>

#include "unique_fd.h"

namespace tine::launcher {
namespace {

constexpr uint64_t kHeaderSize = 110;
constexpr uint64_t kNameLimit = 4096;  // PATH_MAX, with the NUL: what Linux accepts

uint64_t align_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

}  // namespace

void CpioWriter::put(std::string_view bytes) {
  offset_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferSize) flush();
  if (bytes.size() >= kBufferSize) {
    write_all(fd_, bytes.data(), bytes.size(), "the root archive");
  } else {
    buffer_ += bytes;
  }
}

void CpioWriter::flush() {
  write_all(fd_, buffer_.data(), buffer_.size(), "the root archive");
  buffer_.clear();
}

void CpioWriter::put_header(const CpioEntry& entry, uint32_t inode, uint64_t name_size) {
  put(
      fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}"
                  "{:08x}",
                  inode, entry.mode, entry.uid, entry.gid, entry.links, entry.modified, entry.size,
                  0, 0, major(entry.device), minor(entry.device), name_size, 0));
  put(entry.path);
  zeros(align_up(kHeaderSize + name_size, 4) - kHeaderSize - entry.path.size());
}

void CpioWriter::pad_to_page() {
  CpioEntry filler;
  filler.path = ".";
  filler.mode = S_IFDIR | 0755;
  filler.links = 2;
  uint64_t next_page = align_up(offset_, kPageSize);
  if (next_page - offset_ < kHeaderSize + sizeof ".") next_page += kPageSize;
  put_header(filler, fresh_inode(), next_page - offset_ - kHeaderSize);
}

uint64_t CpioWriter::begin(const CpioEntry& entry) {
  uint64_t name_size = entry.path.size() + 1;
  if (name_size > kNameLimit) throw Failure("name too long for the guest: " + entry.path);
  if (entry.size > std::numeric_limits<uint32_t>::max()) {
    throw Failure(entry.path + ": files of 4 GiB and more do not fit into the root archive");
  }
  const bool aligned =
      S_ISREG(entry.mode) && entry.size >= kPageSize && kHeaderSize + name_size <= kPageSize;
  if (aligned) {
    const uint64_t in_page = offset_ % kPageSize;
    if (in_page + kHeaderSize + name_size > kPageSize) pad_to_page();
    name_size = kPageSize - offset_ % kPageSize - kHeaderSize;
  }
  put_header(entry, entry.inode != 0 ? entry.inode : fresh_inode(), name_size);
  unwritten_ = entry.size;
  return offset_;
}

void CpioWriter::data(std::string_view bytes) {
  if (bytes.size() > unwritten_) throw Failure("a file grew while it was packed");
  unwritten_ -= bytes.size();
  put(bytes);
}

void CpioWriter::zeros_of_data(uint64_t count) {
  if (count > unwritten_) throw Failure("a file grew while it was packed");
  unwritten_ -= count;
  zeros(count);
}

void CpioWriter::zeros(uint64_t count) {
  static constexpr char kZeros[kPageSize] = {};
  while (count > 0) {
    const uint64_t part = std::min<uint64_t>(count, sizeof kZeros);
    put({kZeros, part});
    count -= part;
  }
}

void CpioWriter::end() {
  // A file that shrank while it was packed: the format needs all its bytes, so zeros stand for
  // what is gone, as a read of a mapping would show them.
  zeros(unwritten_);
  unwritten_ = 0;
  zeros(align_up(offset_, 4) - offset_);
}

uint64_t CpioWriter::add(const CpioEntry& entry, std::string_view content) {
  CpioEntry sized = entry;
  sized.size = content.size();
  const uint64_t start = begin(sized);
  data(content);
  end();
  return start;
}

uint64_t CpioWriter::finish() {
  CpioEntry trailer;
  trailer.path = "TRAILER!!!";
  put_header(trailer, 0, trailer.path.size() + 1);
  flush();
  return offset_;
}

}  // namespace tine::launcher
