// SPDX-License-Identifier: MIT
//
// Start-up of /dev. See dev.h.
#include "fs/dev/dev.h"

#include "fs/mount.h"
#include "fs/open.h"
#include "fs/path_walk.h"

namespace tine::fs {

namespace {

// Fine where the archive has the directory already.
Result<void> make_directory_if_absent(std::string_view path, uint32_t permissions) {
  Result<void> made = make_node(path, kTypeDirectory | permissions);
  if (!made && made.error() != Errno::exist) return made;
  return {};
}

}  // namespace

Result<void> mount_kernel_file_system(std::string_view type, std::string_view path) {
  TRY(make_directory_if_absent(path, 0755));
  Path root{Ref<Mount>(root_mount()), Ref<Dentry>(root_mount().root)};
  Path where = TRY(resolve_from(root, path, kWalkDirectory));
  return attach_mount(TRY(make_file_system(type, "")), where, 0, type);
}

Result<void> init_dev() {
  TRY(mount_kernel_file_system("devtmpfs", "/dev"));
  TRY(init_memory_devices());
  TRY(init_terminals());
  TRY(make_directory_if_absent("/dev/shm", 01777));
  TRY(make_symlink("/proc/self/fd", "/dev/fd"));
  TRY(make_symlink("/proc/self/fd/0", "/dev/stdin"));
  TRY(make_symlink("/proc/self/fd/1", "/dev/stdout"));
  return make_symlink("/proc/self/fd/2", "/dev/stderr");
}

}  // namespace tine::fs
