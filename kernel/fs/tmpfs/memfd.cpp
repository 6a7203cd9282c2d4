// SPDX-License-Identifier: MIT
//
// memfds live on a tmpfs, or hugetlbfs, of their own that is mounted nowhere; each is the unlinked
// entry "memfd:NAME" of its root. The instance is made by the first memfd and stays.
#include "fs/tmpfs/memfd.h"

#include <cstring>

#include "fs/hugetlbfs/hugetlbfs.h"
#include "fs/mount_internal.h"
#include "fs/open.h"
#include "fs/tmpfs/tmpfs.h"

namespace tine::fs {

namespace {

struct HiddenMount {
  Ref<Mount> mount GUARDED_BY(lock);
  Mutex lock{LockRank::rename};
};
[[clang::no_destroy]] constinit HiddenMount of_small_pages, of_huge_pages;

Result<Ref<Mount>> hidden_mount(bool huge) {
  HiddenMount& hidden = huge ? of_huge_pages : of_small_pages;
  MutexGuard guard(hidden.lock);
  if (!hidden.mount) {
    const char* type = huge ? "hugetlbfs" : "tmpfs";
    auto superblock = TRY(huge ? HugeSuperblock::create() : TmpfsSuperblock::create(type, {}));
    Ref<Dentry> root(superblock->root());
    hidden.mount = TRY(make_mount(std::move(superblock), std::move(root), 0, type));
  }
  return hidden.mount;
}

Result<Ref<Inode>> make_contents(Superblock& superblock, bool huge, uint32_t mode) {
  if (huge) return HugeFile::create(superblock, mode);
  return static_cast<TmpfsSuperblock&>(superblock).make_inode({.mode = mode});
}

Seals* seals_of(File& file) {
  Inode* inode = file.inode();
  return inode != nullptr ? inode->seals() : nullptr;
}

}  // namespace

Result<Ref<File>> make_memfd(std::string_view name, uint32_t flags) {
  const bool huge = flags & kMemfdHugeTlb;
  const uint32_t size_log = (flags & kMemfdHugeSizeMask) >> kMemfdHugeSizeShift;
  if (size_log != 0 && 1ull << size_log != kHugePageSize) return Errno::nodev;
  Ref<Mount> mount = TRY(hidden_mount(huge));
  const bool never_executable = flags & kMemfdNoExecSeal;
  const uint32_t mode = kTypeRegular | (never_executable ? 0666 : 0777);
  Ref<Inode> inode = TRY(make_contents(*mount->superblock, huge, mode));
  if (flags & (kMemfdAllowSealing | kMemfdNoExecSeal)) {
    MutexGuard guard(inode->lock);
    inode->seals()->set(never_executable ? kSealExec : 0);
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

Result<long> add_seals(File& file, uint32_t more) {
  Seals* seals = seals_of(file);
  if (!file.is_writable()) return Errno::perm;
  if (seals == nullptr || (more & ~uint32_t{kAllSeals})) return Errno::inval;
  Inode& inode = *file.inode();
  MutexGuard guard(inode.lock);
  const uint32_t wanted = TRY(seals->with(more, inode.mode()));
  const uint32_t added = wanted & ~seals->bits();
  if (added & kSealAnyWrite) TRY(inode.seal_writes(added & kSealWrite));
  seals->set(wanted);
  return 0;
}

Result<long> get_seals(File& file) {
  Seals* seals = seals_of(file);
  if (seals == nullptr) return Errno::inval;
  MutexGuard guard(file.inode()->lock);
  return static_cast<long>(seals->bits());
}

}  // namespace tine::fs
