// SPDX-License-Identifier: MIT
//
// The newc decoder, see cpio.h. Nothing here allocates, sleeps or depends on the kernel's state.
#include "fs/initrd/cpio.h"

#include <cstring>

namespace tine::fs {

namespace {

constexpr size_t kHeaderSize = 110;   // 6 of magic and 13 numbers of 8 hexadecimal digits
constexpr size_t kNameMax = 4096;
constexpr size_t kFields = 13;
enum Field { kInode, kMode, kUid, kGid, kLinks, kTime, kSize, kMajor, kMinor, kSpecialMajor,
             kSpecialMinor, kNameSize, kCheck };

// 8 digits at once; false if one of them is none.
bool parse_hex(const char* digits, uint32_t& out) {
  uint32_t value = 0;
  for (int i = 0; i < 8; ++i) {
    uint32_t c = static_cast<uint8_t>(digits[i]);
    uint32_t digit = c - '0';
    if (digit > 9) {
      digit = (c | 0x20) - 'a' + 10;
      if (digit < 10 || digit > 15) return false;
    }
    value = value << 4 | digit;
  }
  out = value;
  return true;
}

// The magic numbers of gzip, xz, zstd, lz4 and bzip2.
bool is_compressed(std::span<const std::byte> data) {
  constexpr std::string_view kMagics[] = {"\x1f\x8b", "\xfd" "7zXZ", "\x28\xb5\x2f\xfd",
                                          "\x02\x21\x4c\x18", "BZh"};
  for (std::string_view magic : kMagics) {
    if (data.size() >= magic.size() && std::memcmp(data.data(), magic.data(), magic.size()) == 0) {
      return true;
    }
  }
  return false;
}

constexpr size_t align4(size_t value) { return (value + 3) & ~size_t{3}; }

}  // namespace

CpioReader::Step CpioReader::next(CpioEntry& out) {
  while (offset_ < archive_.size() && archive_[offset_] == std::byte{0}) ++offset_;
  if (offset_ == archive_.size()) return Step::end;
  std::span<const std::byte> left = archive_.subspan(offset_);
  const char* text = reinterpret_cast<const char*>(left.data());
  if (is_compressed(left)) return Step::compressed;
  if (offset_ % 4 != 0) return fail("an archive that does not begin at a multiple of 4");
  if (left.size() < kHeaderSize) return fail("a header that is cut off");
  if (std::memcmp(text, "07070", 5) != 0 || (text[5] != '1' && text[5] != '2')) {
    return fail("no newc header");
  }
  uint32_t fields[kFields];
  for (size_t i = 0; i < kFields; ++i) {
    if (!parse_hex(text + 6 + 8 * i, fields[i])) return fail("a header with bad digits");
  }
  size_t name_size = fields[kNameSize];
  if (name_size == 0 || name_size > kNameMax) return fail("a name of impossible length");
  size_t data_start = align4(kHeaderSize + name_size);  // the header began at a multiple of 4
  if (data_start > left.size()) return fail("a name that is cut off");
  size_t data_size = fields[kSize];
  if (data_size > left.size() - data_start) return fail("a file that is cut off");

  const char* name = text + kHeaderSize;
  if (name[name_size - 1] != '\0') return fail("a name without an end");
  out.name = {name, strnlen(name, name_size)};
  out.data = left.subspan(data_start, data_size);
  out.inode_number = fields[kInode];
  out.mode = fields[kMode];
  out.uid = fields[kUid];
  out.gid = fields[kGid];
  out.link_count = fields[kLinks];
  out.modify_time = fields[kTime];
  out.device_major = fields[kMajor];
  out.device_minor = fields[kMinor];
  out.special_major = fields[kSpecialMajor];
  out.special_minor = fields[kSpecialMinor];
  size_t end = offset_ + align4(data_start + data_size);
  offset_ = end < archive_.size() ? end : archive_.size();
  return out.name == "TRAILER!!!" ? Step::end_of_archive : Step::entry;
}

}  // namespace tine::fs
