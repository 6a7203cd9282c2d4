// SPDX-License-Identifier: MIT
//
// Opening by name: open(2) without its decoding, and the table of character devices by which a
// device node of any file system finds its driver.
#pragma once

#include "fs/file.h"
#include "fs/path_walk.h"

namespace tine::fs {

// openat(2): finds or creates, checks permission and opens. `mode` is for O_CREAT and is cut by the
// task's umask here.
Result<Ref<File>> open_file(int directory_fd, std::string_view path, uint32_t flags, uint32_t mode);
// Opens an existing place; permission has been checked by the caller. Takes write access.
Result<Ref<File>> open_path(const Path& path, uint32_t flags);

// A driver's range of device numbers: `count` minors from `first_minor` on. Registered at start-up,
// never unregistered. open() may return a file that is not the node itself (ptmx, /dev/tty).
struct CharacterDevice {
  std::string_view name;             // /proc/devices
  uint32_t major;
  uint32_t first_minor;
  uint32_t count;
  Result<Ref<File>> (*open)(const Path& path, uint64_t device, uint32_t flags);
  CharacterDevice* next = nullptr;
};
void register_character_device(CharacterDevice& device);
CharacterDevice* first_character_device();
// ENXIO if no driver has the number.
Result<Ref<File>> open_character_device(const Path& path, uint64_t device, uint32_t flags);

// Making names from inside the kernel (boot, /dev): as mkdir(2), mknod(2), symlink(2), for root,
// without umask. `path` is absolute.
Result<void> make_node(std::string_view path, uint32_t mode, uint64_t device = 0);
Result<void> make_symlink(std::string_view target, std::string_view path);

}  // namespace tine::fs
