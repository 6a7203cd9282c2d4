// SPDX-License-Identifier: MIT
//
// hugetlbfs: files whose contents are pages of the pool of huge pages (mm/huge_pool.h), for
// memfd_create(2) with MFD_HUGETLB. They are read and mapped; write(2) they do not have (EINVAL, as
// with Linux). It is mounted nowhere.
//
// A file's pages are its HugeObject's. Sizes are multiples of 2 MiB, but for what fallocate(2)
// makes. Locks: contents, size and seals under Inode::lock; mmap may extend the file without
// (HugeObject).
#pragma once

#include "fs/inode.h"
#include "fs/seals.h"
#include "mm/huge_object.h"

namespace tine::fs {

class HugeSuperblock final : public Superblock {
 public:
  static constexpr const char* kCacheName = "hugetlbfs_superblock";
  HugeSuperblock() : Superblock("hugetlbfs", 0x9584'58f6) {}
  static Result<Ref<Superblock>> create();  // with a root that is empty and stays so
  void statfs(StatFs& out) override;
};

class HugeFile final : public Inode {
 public:
  static constexpr const char* kCacheName = "hugetlbfs_inode";
  HugeFile(Superblock& superblock, uint32_t mode, Ref<mm::HugeObject> pages)
      : Inode(superblock, superblock.next_inode_number(), mode), pages_(std::move(pages)) {}
  static Result<Ref<Inode>> create(Superblock& superblock, uint32_t mode);

  Result<size_t> read_at(IoBuffer& buffer, uint64_t offset) override;
  Result<void> allocate(int mode, uint64_t offset, uint64_t length) override;
  Result<uint64_t> seek_data(uint64_t offset, bool hole) override;
  Result<Ref<mm::MemoryObject>> memory_object() override;
  uint64_t size() const override { return pages_->size_bytes(); }
  void stat(StatData& out) override;
  Result<void> set_attributes(const AttributeChange& change) override;
  Seals* seals() override { return &seals_; }
  Result<void> seal_writes(bool only_unmapped) override REQUIRES(lock) {
    return pages_->seal_writes(only_unmapped);
  }

 private:
  Seals seals_;  // under Inode::lock
  const Ref<mm::HugeObject> pages_;
};

}  // namespace tine::fs
