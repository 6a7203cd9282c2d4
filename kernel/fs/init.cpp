// SPDX-License-Identifier: MIT
//
// Start of the file systems: a tmpfs as the root, the boot archive's files in it, /dev and /proc
// mounted on it; and what exec and boot need to open files without a descriptor.
// Failing here is fatal only where nothing could go on: without a root there is no kernel.
#include "arch/page_table.h"
#include "core/log.h"
#include "core/panic.h"
#include "fs/dev/dev.h"
#include "fs/fs.h"
#include "fs/initrd/unpack.h"
#include "fs/mount_internal.h"
#include "fs/open.h"
#include "fs/opened_file.h"
#include "fs/proc/proc.h"
#include "fs/tmpfs/tmpfs.h"
#include "mm/init.h"
#include "mm/memory_object.h"
#include "task/task.h"

namespace tine::fs {

namespace {

Result<void> mount_root() {
  Ref<Superblock> superblock = TRY(TmpfsSuperblock::create("rootfs", {.mode = 0755}));
  Ref<Dentry> root(superblock->root());
  Ref<Mount> mount = TRY(make_mount(std::move(superblock), std::move(root), 0, "rootfs"));
  mount->is_attached = true;
  set_root_mount(std::move(mount));
  return {};
}

void check(const char* what, Result<void> outcome) {
  if (!outcome) log_error("fs: {} is not available: error {}", what, static_cast<int>(outcome.error()));
}

}  // namespace

Result<void> init_root() {
  register_tmpfs();
  return mount_root();
}

void init(MemoryRange initrd, std::string_view command_line) {
  if (!init_root()) panic("fs: no memory for the root file system");
  if (initrd.length != 0) {
    std::span<const std::byte> archive(arch::direct_map<const std::byte>(initrd.start),
                                       initrd.length);
    UnpackResult unpacked = unpack_archive(archive, {Ref<Mount>(root_mount()), root_mount().root});
    mm::release_reserved(initrd);
    if (!unpacked.complete || unpacked.skipped != 0) {
      log_warning("initrd: {} files unpacked, {} skipped", unpacked.entries, unpacked.skipped);
    }
  }
  check("/dev", init_dev());
  check("/proc", proc::init(command_line));
}

namespace {

// A file that exec has opened: nobody may write to it while it lives.
class ExecutableFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "executable_file";
  ExecutableFile(Path path, Ref<mm::MemoryObject> object)
      : PathFile(std::move(path), kReadOnly), object_(std::move(object)) {}
  ~ExecutableFile() override { object_->allow_write(); }
  Result<size_t> read(IoBuffer& buffer, uint64_t& position) override {
    size_t count = TRY(file_inode().read_at(buffer, position));
    position += count;
    return count;
  }
  Result<Ref<mm::MemoryObject>> memory_object() override { return object_; }
  bool is_seekable() const override { return true; }

 private:
  Ref<mm::MemoryObject> object_;
};

constexpr int kAtSymlinkNoFollow = 0x100, kAtEmptyPath = 0x1000;

}  // namespace

Result<Ref<File>> open_executable(int directory_fd, std::string_view path, int flags) {
  if (flags & ~(kAtSymlinkNoFollow | kAtEmptyPath)) return Errno::inval;
  uint32_t walk = (flags & kAtSymlinkNoFollow ? uint32_t{kWalkNoFollow} : 0) |
                  (flags & kAtEmptyPath ? uint32_t{kWalkEmptyOk} : 0);
  Path place = TRY(resolve(directory_fd, path, walk));
  Inode& inode = place.inode();
  if (inode.type() == kTypeSymlink) return Errno::loop;
  if (inode.type() != kTypeRegular || (place.mount->flags & kMountNoExec)) return Errno::acces;
  TRY(check_access(inode, kMayExecute));
  auto object = inode.memory_object();
  if (!object) return object.error() == Errno::nodev ? Errno::acces : object.error();
  TRY((*object)->deny_write());
  auto file = make_ref<ExecutableFile>(std::move(place), *object);
  if (!file) {
    (*object)->allow_write();
    return file.error();
  }
  return Ref<File>(std::move(*file));
}

Result<Ref<File>> open_kernel(std::string_view path, uint32_t open_flags) {
  Path root{Ref<Mount>(root_mount()), root_mount().root};
  return open_path(TRY(resolve_from(root, path, 0)), open_flags);
}

Result<size_t> read_at(File& file, uint64_t offset, std::span<std::byte> out) {
  IoBuffer buffer = IoBuffer::kernel(out.data(), out.size());
  size_t total = 0;
  while (buffer.remaining() != 0) {
    size_t count = TRY(file.read(buffer, offset));
    if (count == 0) break;
    total += count;
  }
  return total;
}

}  // namespace tine::fs
