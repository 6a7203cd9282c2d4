// SPDX-License-Identifier: MIT
//
// memfds live on a tmpfs of their own that is mounted nowhere; each is the unlinked entry
// "memfd:NAME" of its root. The instance is made by the first memfd and stays.
#include "fs/tmpfs/memfd.h"

#include <cstring>

#include "fs/mount_internal.h"
#include "fs/open.h"
#include "fs/tmpfs/tmpfs.h"

namespace tine::fs {

namespace {

[[clang::no_destroy]] constinit Ref<Mount> memory_mount;
constinit Mutex memory_mount_lock{LockRank::rename};

Result<Ref<Mount>> hidden_mount() {
  MutexGuard guard(memory_mount_lock);
  if (!memory_mount) {
    Ref<Superblock> superblock = TRY(TmpfsSuperblock::create("tmpfs", {}));
    Ref<Dentry> root(superblock->root());
    memory_mount = TRY(make_mount(std::move(superblock), std::move(root), 0, "tmpfs"));
  }
  return memory_mount;
}

TmpfsFile* sealable(File& file) {
  Inode* inode = file.inode();
  if (inode == nullptr || !is_regular(inode->mode())) return nullptr;
  if (inode->superblock().magic != TmpfsSuperblock::kMagic) return nullptr;
  return static_cast<TmpfsFile*>(inode);
}

}  // namespace

Result<Ref<File>> make_memfd(std::string_view name, uint32_t flags) {
  Ref<Mount> mount = TRY(hidden_mount());
  auto& superblock = static_cast<TmpfsSuperblock&>(*mount->superblock);
  const bool never_executable = flags & kMemfdNoExecSeal;
  const uint32_t mode = kTypeRegular | (never_executable ? 0666 : 0777);
  Ref<Inode> inode = TRY(superblock.make_inode({.mode = mode}));
  if (flags & (kMemfdAllowSealing | kMemfdNoExecSeal)) {
    MutexGuard guard(inode->lock);
    static_cast<TmpfsFile&>(*inode).seals = never_executable ? TmpfsFile::kSealExec : 0;
  }
  inode->add_links(-1);
  char text[256];
  std::string_view prefix = "memfd:";
  std::memcpy(text, prefix.data(), prefix.size());
  std::memcpy(text + prefix.size(), name.data(), name.size());
  Ref<Dentry> entry =
      TRY(make_detached_entry(*mount->root, {text, prefix.size() + name.size()}, std::move(inode)));
  return open_path({std::move(mount), std::move(entry)}, kReadWrite | kLargeFile);
}

Result<long> add_seals(File& file, uint32_t seals) {
  TmpfsFile* memory = sealable(file);
  if (!file.is_writable()) return Errno::perm;
  if (memory == nullptr || (seals & ~uint32_t{TmpfsFile::kAllSeals})) return Errno::inval;
  TRY(memory->add_seals(seals));
  return 0;
}

Result<long> get_seals(File& file) {
  TmpfsFile* memory = sealable(file);
  if (memory == nullptr) return Errno::inval;
  MutexGuard guard(memory->lock);
  return static_cast<long>(memory->seals);
}

}  // namespace tine::fs
