// SPDX-License-Identifier: MIT
//
// What is known about a file from outside: mode bits, times, StatData (all that stat(2), statx(2)
// tell), StatFs (statfs(2)) and AttributeChange (chmod, chown, utimensat, truncate). Plain values;
// the numbers are Linux's.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace tine::fs {

enum FileMode : uint32_t {
  kTypeMask = 0170000, kTypeSocket = 0140000, kTypeSymlink = 0120000, kTypeRegular = 0100000,
  kTypeBlock = 0060000, kTypeDirectory = 0040000, kTypeCharacter = 0020000, kTypeFifo = 0010000,
  kSetUid = 04000, kSetGid = 02000, kSticky = 01000, kPermissionMask = 07777,
};
constexpr uint32_t type_of(uint32_t mode) { return mode & kTypeMask; }
constexpr bool is_directory(uint32_t mode) { return type_of(mode) == kTypeDirectory; }
constexpr bool is_symlink(uint32_t mode) { return type_of(mode) == kTypeSymlink; }
constexpr bool is_regular(uint32_t mode) { return type_of(mode) == kTypeRegular; }
// d_type of getdents64(2).
constexpr uint8_t directory_entry_type(uint32_t mode) { return (mode & kTypeMask) >> 12; }

// Device numbers as the kernel keeps them; stat's encoding is made at the system call.
constexpr uint64_t make_device(uint32_t major, uint32_t minor) { return uint64_t{major} << 20 | minor; }
constexpr uint32_t device_major(uint64_t device) { return static_cast<uint32_t>(device >> 20); }
constexpr uint32_t device_minor(uint64_t device) { return device & 0xfffff; }
// How user space sees a device number (makedev(3)), in stat, mknod and /proc.
constexpr uint64_t encode_device(uint64_t device) {
  uint64_t major = device_major(device), minor = device_minor(device);
  return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffull) << 12 | (major & ~0xfffull) << 32;
}
constexpr uint64_t decode_device(uint64_t encoded) {
  return make_device(static_cast<uint32_t>((encoded >> 8 & 0xfff) | (encoded >> 32 & ~0xfffull)),
                     static_cast<uint32_t>((encoded & 0xff) | (encoded >> 12 & 0xfff00)));
}

struct StatData {
  uint64_t device = 0;           // of the file system
  uint64_t inode_number = 0;
  uint32_t mode = 0;
  uint32_t link_count = 1;
  KernelUid uid{};
  KernelGid gid{};
  uint64_t special_device = 0;   // of a device node
  uint64_t size = 0;
  uint64_t blocks = 0;           // of 512 bytes
  uint32_t block_size = 4096;
  Nanoseconds access_time = 0, modify_time = 0, change_time = 0, birth_time = 0;  // since 1970
};

struct StatFs {
  uint64_t type = 0, block_size = 4096, blocks = 0, blocks_free = 0, blocks_available = 0;
  uint64_t files = 0, files_free = 0, identifier = 0, name_length = 255, flags = 0;
};

// Fields whose bit is set in `what` are to change.
struct AttributeChange {
  enum What : uint32_t { mode_bit = 1, uid_bit = 2, gid_bit = 4, size_bit = 8, atime_bit = 16, mtime_bit = 32 };
  uint32_t what = 0;
  uint32_t mode = 0;             // permission bits alone
  KernelUid uid{};
  KernelGid gid{};
  uint64_t size = 0;
  Nanoseconds access_time = 0, modify_time = 0;
};

}  // namespace tine::fs
