// SPDX-License-Identifier: MIT
//
// tmpfs: files that live in memory (tmpfs(5)). The root, /tmp, /dev and memfds are instances of it.
//
// Names live in the dentry cache alone (Superblock::entries_are_pinned); an inode holds what a file
// is, and a regular one the ShmemObject with its pages. A file of the boot archive is read where it
// lies; its pages are made of the archive's frames when it is first mapped or written. Fails with ENOSPC at the limits of pages or inodes, and with
// ENOMEM before that if memory is short.
// Locks as in fs/inode.h: names under tree_lock, contents and attributes under Inode::lock; the
// counters of the superblock are atomic.
#pragma once

#include "fs/inode.h"
#include "fs/mount.h"
#include "fs/seals.h"
#include "mm/shmem.h"

namespace tine::fs {

class TmpfsSuperblock final : public Superblock {
 public:
  static constexpr const char* kCacheName = "tmpfs_superblock";
  static constexpr uint64_t kMagic = 0x0102'1994;
  explicit TmpfsSuperblock(const char* name);

  struct Options { uint64_t max_pages = 0, max_inodes = 0; uint32_t mode = 01777; KernelUid uid; KernelGid gid; };
  // "size=64m,mode=1777,nr_inodes=10k,uid=0,gid=0": EINVAL for what is not understood.
  static Result<Options> parse(std::string_view text);
  // A new instance with an empty root directory.
  static Result<Ref<Superblock>> create(const char* type, const Options& options);

  // Pages are counted after the fact, since faults make them too; room is asked for before a write.
  void count_pages(int64_t change) {
    used_pages_.fetch_add(static_cast<uint64_t>(change), std::memory_order_relaxed);
  }
  uint64_t free_pages() const;
  bool charge_inode();
  void uncharge_inode() { used_inodes_.fetch_sub(1, std::memory_order_relaxed); }
  void statfs(StatFs& out) override;
  size_t write_options(std::span<char> out) override;

  // A file without a name in the tree: memfd_create(2), O_TMPFILE.
  Result<Ref<Inode>> make_inode(const NewInode& what);

 private:
  std::atomic<uint64_t> used_pages_{0}, used_inodes_{0};
  uint64_t max_pages_ = 0, max_inodes_ = 0;  // 0: no limit
};

class TmpfsInode : public Inode {
 public:
  static constexpr const char* kCacheName = "tmpfs_inode";  // devices, fifos, sockets
  TmpfsInode(TmpfsSuperblock& superblock, const NewInode& what);
  ~TmpfsInode() override { tmpfs().uncharge_inode(); }
  TmpfsSuperblock& tmpfs() const { return static_cast<TmpfsSuperblock&>(superblock()); }
};

class TmpfsDirectory final : public TmpfsInode {
 public:
  static constexpr const char* kCacheName = "tmpfs_directory";
  using TmpfsInode::TmpfsInode;
  Result<Ref<Inode>> create(std::string_view name, const NewInode& what) override;
  Result<void> link(std::string_view name, Inode& target) override;
  Result<void> unlink(std::string_view name, Inode& victim) override;
  Result<void> rename(std::string_view from, Inode& moved, Inode& to_directory, std::string_view to,
                      Inode* replaced, bool exchange) override;
  Result<void> read_directory(const Path& self, DirectorySink& sink, int64_t& position) override;
  void stat(StatData& out) override;

 private:
  void count_entry(int change);
  std::atomic<uint32_t> entries_{0};
};

class TmpfsSymlink final : public TmpfsInode {
 public:
  static constexpr const char* kCacheName = "tmpfs_symlink";
  using TmpfsInode::TmpfsInode;
  ~TmpfsSymlink() override;
  Result<void> set_target(std::string_view target);  // ENOMEM; once, before anybody sees it
  Result<void> read_link(LinkTarget& out) override;
  uint64_t size() const override { return length_; }

 private:
  static constexpr size_t kInline = 32;
  const char* text() const { return heap_ != nullptr ? heap_ : inline_; }
  char* heap_ = nullptr;
  uint32_t length_ = 0;
  char inline_[kInline];
};

class TmpfsFile final : public TmpfsInode {
 public:
  static constexpr const char* kCacheName = "tmpfs_file";
  using TmpfsInode::TmpfsInode;
  ~TmpfsFile() override;
  // At unpacking, before anybody sees the file: its contents are these bytes of the boot archive,
  // whose frames it holds from now on.
  void set_archive(std::span<const std::byte> data);

  Result<size_t> read_at(IoBuffer& buffer, uint64_t offset) override;
  Result<size_t> write_at(IoBuffer& buffer, uint64_t& offset, bool append) override;
  Result<void> allocate(int mode, uint64_t offset, uint64_t length) override;
  Result<uint64_t> seek_data(uint64_t offset, bool hole) override;
  Result<Ref<mm::MemoryObject>> memory_object() override;
  uint64_t size() const override;
  void stat(StatData& out) override;
  Result<void> set_attributes(const AttributeChange& change) override;
  Result<void> get_write_access() override;
  void put_write_access() override;

  Seals* seals() override { return &seals_; }
  Result<void> seal_writes(bool only_unmapped) override REQUIRES(lock);

 private:
  Result<void> make_pages() REQUIRES(lock);          // pages_ exists afterwards
  Result<void> leave_archive() REQUIRES(lock);       // pages_ holds all contents afterwards
  void release_archive() REQUIRES(lock);
  Result<void> resize(uint64_t size) REQUIRES(lock);
  void count_pages() REQUIRES(lock);
  Result<uint64_t> length_within_size(uint64_t offset) const;
  uint64_t pages_to_charge() const;

  Seals seals_;                                      // under lock
  Ref<mm::ShmemObject> pages_;                       // set once, under lock
  std::atomic<bool> has_pages_{false};               // for size(), which reads pages_ without
  std::atomic<uint64_t> archive_length_{0};          // not zero: contents still in the archive
  const std::byte* archive_ GUARDED_BY(lock) = nullptr;
  std::atomic<uint64_t> archive_offset_{0};          // where in the file those contents begin
  uint64_t counted_pages_ GUARDED_BY(lock) = 0;
};

void register_tmpfs();

}  // namespace tine::fs
