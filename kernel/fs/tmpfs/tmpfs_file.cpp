// SPDX-License-Identifier: MIT
//
// Regular files of tmpfs: transfers, size, fallocate(2), seals of memfds (fcntl(2)). The contents
// themselves are mm's ShmemObject; here are Inode::lock, limits and times.
#include <algorithm>

#include "fs/tmpfs/tmpfs.h"
#include "task/task.h"

namespace tine::fs {

namespace {

constexpr uint64_t kMaxFileSize = INT64_MAX & ~kPageMask;

}  // namespace

// Nobody else knows it any more, so its lock is not needed; and an unmap may come here (the mapping's
// name was the last to refer to the file), which holds a lock that comes after.
TmpfsFile::~TmpfsFile() {
  release_archive();
  // Mappings may outlive the file; its pages do not count any more.
  tmpfs().count_pages(-static_cast<int64_t>(counted_pages_));
}

// --- The boot archive ---------------------------------------------------------------------------

namespace {

// Calls `act` for every frame that holds some of these bytes.
void for_each_frame(std::span<const std::byte> data, void (*act)(mm::Frame&)) {
  auto start = reinterpret_cast<uintptr_t>(data.data());
  for (uintptr_t at = page_floor(start); at < start + data.size(); at += kPageSize) {
    act(mm::frame_of_pointer(reinterpret_cast<const void*>(at)));
  }
}

}  // namespace

void TmpfsFile::set_archive(std::span<const std::byte> data) {
  MutexGuard guard(lock);
  if (data.empty()) return;
  archive_ = data.data();
  archive_length_.store(data.size(), std::memory_order_relaxed);
  for_each_frame(data, mm::get_frame);
}

void TmpfsFile::release_archive() {
  uint64_t length = archive_length_.exchange(0, std::memory_order_relaxed);
  if (length != 0) for_each_frame({archive_, length}, mm::put_frame);
}

Result<void> TmpfsFile::make_pages() {
  if (pages_) return {};
  pages_ = TRY(mm::make_file_pages());
  has_pages_.store(true, std::memory_order_release);
  return {};
}

// Frames that are wholly this file's become its pages; the rest is copied. If memory is short the
// rest stays in the archive, and the next attempt goes on from there.
Result<void> TmpfsFile::leave_archive() {
  TRY(make_pages());
  uint64_t length = archive_length_.load(std::memory_order_relaxed);
  if (length == 0) return {};
  uint64_t whole = page_floor(length);
  if (whole != 0 && (reinterpret_cast<uintptr_t>(archive_) & kPageMask) == 0) {
    pages_->adopt_boot_pages(arch::direct_map_to_phys(archive_), whole >> kPageShift, whole);
    archive_ += whole;
    length -= whole;
    archive_offset_.store(whole, std::memory_order_relaxed);
    archive_length_.store(length, std::memory_order_relaxed);
  }
  if (length != 0) {
    uint64_t offset = archive_offset_.load(std::memory_order_relaxed);
    auto copied = pages_->write_kernel({archive_, length}, offset);
    if (!copied || *copied != length) {
      (void)pages_->resize(offset);  // shrinking does not fail
      return Errno::nomem;
    }
  }
  release_archive();
  count_pages();
  return {};
}

// --- Sizes --------------------------------------------------------------------------------------

void TmpfsFile::count_pages() {
  uint64_t pages = pages_ ? pages_->pages_in_use() : 0;
  if (pages == counted_pages_) return;
  tmpfs().count_pages(static_cast<int64_t>(pages - counted_pages_));
  counted_pages_ = pages;
}

uint64_t TmpfsFile::size() const {
  uint64_t archived = archive_length_.load(std::memory_order_relaxed);
  if (archived != 0) return archive_offset_.load(std::memory_order_relaxed) + archived;
  return has_pages_.load(std::memory_order_acquire) ? pages_->size_bytes() : 0;
}

Result<void> TmpfsFile::resize(uint64_t new_size) {
  if (new_size == 0) {
    release_archive();
    if (!pages_) return {};
  } else {
    TRY(leave_archive());
  }
  auto outcome = pages_->resize(new_size);
  count_pages();
  return outcome;
}

void TmpfsFile::stat(StatData& out) {
  Inode::stat(out);
  MutexGuard guard(lock);
  count_pages();
  uint64_t archived = page_ceil(archive_length_.load(std::memory_order_relaxed)) >> kPageShift;
  out.blocks = (archived + counted_pages_) * (kPageSize / 512);
}

// --- Transfers ----------------------------------------------------------------------------------

Result<size_t> TmpfsFile::read_at(IoBuffer& buffer, uint64_t offset) {
  MutexGuard guard(lock);
  uint64_t archived = archive_length_.load(std::memory_order_relaxed);
  if (archived == 0) return pages_ ? pages_->read(buffer, offset) : Result<size_t>(0);
  uint64_t start = archive_offset_.load(std::memory_order_relaxed);
  size_t before = offset < start ? TRY(pages_->read(buffer, offset)) : 0;
  offset += before;
  if (offset < start || offset >= start + archived || buffer.remaining() == 0) return before;
  auto moved = buffer.copy_in(archive_ + (offset - start),
                              std::min(buffer.remaining(), start + archived - offset));
  if (!moved) return before != 0 ? Result<size_t>(before) : moved;
  return before + *moved;
}

// F_SEAL_GROW: whole pages up to the end are written, as Linux goes page by page. EPERM: none.
Result<uint64_t> TmpfsFile::length_within_size(uint64_t offset) const {
  uint64_t end = page_floor(size());
  if (offset >= end) return Errno::perm;
  return end - offset;
}

Result<size_t> TmpfsFile::write_at(IoBuffer& buffer, uint64_t& offset, bool append) {
  MutexGuard guard(lock);
  if (append) offset = size();
  if (buffer.remaining() == 0) return size_t{0};
  if (seals_.has(kSealAnyWrite)) return Errno::perm;
  if (seals_.has(kSealGrow) && buffer.remaining() > size() - std::min(size(), offset)) [[unlikely]] {
    buffer.shorten(TRY(length_within_size(offset)));
  }
  if (offset >= kMaxFileSize) return Errno::fbig;
  buffer.shorten(kMaxFileSize - offset);
  buffer.shorten(TRY(length_within_limit(offset, buffer.remaining())));
  TRY(leave_archive());
  // What lies before the end is taken to have its pages already.
  uint64_t room = tmpfs().free_pages() << kPageShift;
  uint64_t end_of_pages = page_ceil(size());
  uint64_t owned = end_of_pages > offset ? end_of_pages - offset : 0;
  if (buffer.remaining() > owned && buffer.remaining() - owned > room) [[unlikely]] {
    if (owned + room == 0) return Errno::nospc;
    buffer.shorten(owned + room);
  }
  size_t written = TRY(pages_->write(buffer, offset));
  count_pages();
  touch_modified();
  // A program that is changed by others than root or itself is no longer trusted.
  if (mode() & (kSetUid | kSetGid)) [[unlikely]] {
    uint32_t dropped = kSetUid | (mode() & 0010 ? uint32_t{kSetGid} : 0);
    if (!capable(kCapFsetid)) set_mode(mode() & ~dropped);
  }
  return written;
}

Result<void> TmpfsFile::allocate(int mode, uint64_t offset, uint64_t length) {
  // No zeroing, collapsing or inserting of ranges, as with Linux's tmpfs.
  if (mode & ~(kKeepSize | kPunchHole) || mode == kPunchHole) return Errno::opnotsupp;
  uint64_t end;
  if (__builtin_add_overflow(offset, length, &end) || end > kMaxFileSize) return Errno::fbig;
  MutexGuard guard(lock);
  if (mode & kPunchHole) {
    if (seals_.has(kSealAnyWrite)) return Errno::perm;
    TRY(leave_archive());
    touch_modified();
    auto outcome = pages_->punch_hole(offset, length);
    count_pages();
    return outcome;
  }
  const uint64_t old_size = size();
  if (end > old_size) {
    TRY(length_within_limit(end - 1, 1));
    TRY(seals_.check_resize(old_size, end));
  }
  TRY(leave_archive());
  auto outcome = pages_->allocate(offset, length, tmpfs().free_pages());
  if (outcome && end > old_size && !(mode & kKeepSize)) outcome = pages_->resize(end);
  count_pages();
  touch_modified();
  return outcome;
}

Result<uint64_t> TmpfsFile::seek_data(uint64_t offset, bool hole) {
  MutexGuard guard(lock);
  uint64_t end = size();
  if (offset >= end) return Errno::nxio;
  if (archive_length_.load(std::memory_order_relaxed) != 0) return hole ? end : offset;
  const uint64_t end_page = page_ceil(end) >> kPageShift;
  const uint64_t page = pages_->find_page(offset >> kPageShift, end_page, hole);
  if (page == end_page) return hole ? Result<uint64_t>(end) : Errno::nxio;
  return std::max(offset, page << kPageShift);
}

Result<Ref<mm::MemoryObject>> TmpfsFile::memory_object() {
  MutexGuard guard(lock);
  TRY(leave_archive());
  return Ref<mm::MemoryObject>(pages_);
}

Result<void> TmpfsFile::get_write_access() {
  MutexGuard guard(lock);
  TRY(make_pages());
  return pages_->get_write_access();
}

void TmpfsFile::put_write_access() { pages_->put_write_access(); }

Result<void> TmpfsFile::seal_writes(bool only_unmapped) {
  TRY(leave_archive());
  return pages_->seal_writes(only_unmapped);
}

Result<void> TmpfsFile::set_attributes(const AttributeChange& change) {
  if (change.what & AttributeChange::size_bit) {
    MutexGuard guard(lock);
    uint64_t old_size = size();
    if (change.size > kMaxFileSize) return Errno::fbig;
    TRY(seals_.check_resize(old_size, change.size));
    if (change.size > old_size) TRY(length_within_limit(change.size - 1, 1));
    TRY(resize(change.size));
    touch_modified();
  }
  AttributeChange rest = change;
  rest.what &= ~AttributeChange::size_bit;
  return rest.what != 0 ? Inode::set_attributes(rest) : Result<void>();
}

}  // namespace tine::fs
