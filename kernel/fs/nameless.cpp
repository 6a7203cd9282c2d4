// SPDX-License-Identifier: MIT
//
// The places of files without names: see nameless.h. They lie on a file system that is mounted
// nowhere; the instance is made by the first of them and stays.
//
// nameless_mount_lock guards the making of that instance and is held for nothing else.
#include "fs/nameless.h"

#include "fs/mount_internal.h"
#include "fs/stat.h"
#include "fs/synthetic.h"

namespace tine::fs {

namespace {

constexpr uint64_t kPipeFsMagic = 0x50495045;

[[clang::no_destroy]] constinit Ref<Mount> nameless_mount;
constinit Mutex nameless_mount_lock{LockRank::rename};

class NamelessInode final : public Inode {
 public:
  static constexpr const char* kCacheName = "nameless_inode";
  NamelessInode(Superblock& superblock, Ref<File> file, const StatData& data)
      : Inode(superblock, data.inode_number, data.mode, data.uid, data.gid),
        file_(std::move(file)) {}
  void stat(StatData& out) override {
    if (!file_->stat(out)) Inode::stat(out);
  }
  Result<Ref<File>> open(const Path&, uint32_t flags) override { return file_->reopen(flags); }

 private:
  Ref<File> file_;
};

Result<Ref<Mount>> hidden_mount() {
  MutexGuard guard(nameless_mount_lock);
  if (!nameless_mount) {
    Ref<SyntheticSuperblock> superblock =
        TRY(make_ref<SyntheticSuperblock>("pipefs", kPipeFsMagic));
    Ref<EmptyDirectory> top = TRY(make_ref<EmptyDirectory>(*superblock));
    TRY(superblock->set_root(std::move(top)));
    Ref<Dentry> root(superblock->root());
    nameless_mount = TRY(make_mount(std::move(superblock), std::move(root), 0, "pipefs"));
  }
  return nameless_mount;
}

}  // namespace

Result<Path> place_of_nameless(Ref<File> file) {
  Ref<Mount> mount = TRY(hidden_mount());
  StatData data;
  TRY(file->stat(data));
  char name[128];
  size_t length = file->write_description(name);
  Ref<Inode> inode = TRY(make_ref<NamelessInode>(*mount->superblock, std::move(file), data));
  Ref<Dentry> entry = TRY(make_detached_entry(*mount->root, {name, length}, std::move(inode)));
  return Path{std::move(mount), std::move(entry)};
}

}  // namespace tine::fs
