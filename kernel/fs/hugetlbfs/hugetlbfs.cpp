// SPDX-License-Identifier: MIT
//
// Files of huge pages. See hugetlbfs.h. The contents are mm's HugeObject; here are sizes, limits,
// seals and times.
#include "fs/hugetlbfs/hugetlbfs.h"

#include <algorithm>

#include "fs/synthetic.h"
#include "mm/huge_tlb.h"

namespace tine::fs {

namespace {

constexpr uint64_t kMaxFileSize = INT64_MAX;

}  // namespace

Result<Ref<Superblock>> HugeSuperblock::create() {
  Ref<HugeSuperblock> superblock = TRY(make_ref<HugeSuperblock>());
  Ref<EmptyDirectory> root = TRY(make_ref<EmptyDirectory>(*superblock));
  TRY(superblock->set_root(std::move(root)));
  return Ref<Superblock>(std::move(superblock));
}

void HugeSuperblock::statfs(StatFs& out) {
  Superblock::statfs(out);
  out.block_size = kHugePageSize;
}

Result<Ref<Inode>> HugeFile::create(Superblock& superblock, uint32_t mode) {
  Ref<mm::HugeObject> pages = TRY(make_ref<mm::HugeObject>(uint64_t{0}));
  return Ref<Inode>(TRY(make_ref<HugeFile>(superblock, mode, std::move(pages))));
}

Result<size_t> HugeFile::read_at(IoBuffer& buffer, uint64_t offset) {
  MutexGuard guard(lock);
  return pages_->read(buffer, offset);
}

Result<void> HugeFile::allocate(int mode, uint64_t offset, uint64_t length) {
  uint64_t end;
  if (__builtin_add_overflow(offset, length, &end) || end > kMaxFileSize) return Errno::fbig;
  if (mode & ~(kKeepSize | kPunchHole)) return Errno::opnotsupp;
  MutexGuard guard(lock);
  if (mode & kPunchHole) {
    if (!(mode & kKeepSize)) return Errno::opnotsupp;
    if (seals_.has(kSealAnyWrite)) return Errno::perm;
    touch_modified();
    return pages_->punch_hole(offset, length);
  }
  if (end > size()) TRY(length_within_limit(end - 1, 1));
  TRY(seals_.check_resize(size(), std::max(size(), end)));
  TRY(pages_->allocate(offset, length));
  if (!(mode & kKeepSize)) pages_->extend_to(end);
  touch_changed();
  return {};
}

// As Linux has it, without a look at what is there.
Result<uint64_t> HugeFile::seek_data(uint64_t offset, bool hole) {
  const uint64_t end = size();
  if (offset >= end) return Errno::nxio;
  return hole ? end : offset;
}

Result<Ref<mm::MemoryObject>> HugeFile::memory_object() { return Ref<mm::MemoryObject>(pages_); }

void HugeFile::stat(StatData& out) {
  Inode::stat(out);
  out.block_size = kHugePageSize;
  out.blocks = pages_->pages_in_use() * (kHugePageSize / 512);
}

Result<void> HugeFile::set_attributes(const AttributeChange& change) {
  if (change.what & AttributeChange::size_bit) {
    MutexGuard guard(lock);
    if (change.size > size()) TRY(length_within_limit(change.size - 1, 1));
    if (!mm::is_huge_aligned(change.size)) return Errno::inval;
    TRY(seals_.check_resize(size(), change.size));
    TRY(pages_->resize(change.size));
    touch_modified();
  }
  AttributeChange rest = change;
  rest.what &= ~AttributeChange::size_bit;
  return rest.what != 0 ? Inode::set_attributes(rest) : Result<void>();
}

}  // namespace tine::fs
