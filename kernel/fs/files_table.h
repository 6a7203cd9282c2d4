// SPDX-License-Identifier: MIT
//
// FilesTable from inside (fs/files.h is the interface): a bitmap of descriptors in use, one of those
// that exec closes, and an array of files. The first 64 descriptors need no memory of their own;
// more are had by doubling (B39-B43). A descriptor whose bit is set and whose file is null is
// reserved (ReservedFd).
//
// The lock guards everything. One reader goes without: the only task that uses the table looks up
// its own descriptors (borrow_file), since nobody else can change them.
// Slots from limit_ on have never been written, so that a copy for fork touches what is open and no
// more.
#pragma once

#include <atomic>

#include "fs/files.h"
#include "sync/spin_lock.h"

namespace tine::fs {

class FilesTable : public RefCounted<FilesTable> {
 public:
  static constexpr const char* kCacheName = "files_cache";
  static constexpr uint32_t kInlineSlots = 64;
  static constexpr uint32_t kWordBits = 64;
  static constexpr uint32_t kMaxSlots = 1u << 20;  // fs.nr_open

  FilesTable() : lock_(LockRank::files) {}
  ~FilesTable();

  // The file behind `fd` or null, without a reference: for the table's only user, see borrow_file.
  File* peek(int fd) const NO_THREAD_SAFETY_ANALYSIS {
    return static_cast<uint32_t>(fd) < limit_ ? slots_[fd] : nullptr;
  }
  Ref<File> get(int fd);
  // Lowest free number from `lowest` on, below `nofile`. EMFILE, ENOMEM.
  Result<int> reserve(uint32_t lowest, uint64_t nofile, bool close_on_exec);
  void fill(int fd, Ref<File> file);      // a reserved one
  void unreserve(int fd);
  Ref<File> take(int fd);                 // closes; null: was not open
  // dup2: puts `file` at exactly `fd`, and gives what was there. EBUSY when it is reserved.
  Result<Ref<File>> replace(int fd, Ref<File> file, bool close_on_exec);
  Result<bool> close_on_exec_flag(int fd);
  Result<void> set_close_on_exec(int fd, bool on);
  Ref<File> take_next_in(uint32_t& fd, uint32_t last, bool only_close_on_exec);
  void set_close_on_exec_range(uint32_t first, uint32_t last);
  // The first open file at `fd` or after; `fd` becomes its number. Null: there is none.
  Ref<File> next_open(uint32_t& fd);
  Result<void> copy_from(FilesTable& old);
  uint32_t capacity() const { return capacity_; }

 private:
  Result<void> grow(uint32_t needed) EXCLUDES(lock_);
  // Makes slots up to and including `fd` valid (null).
  void extend_limit(uint32_t fd) REQUIRES(lock_);
  uint32_t words() const { return capacity_ / kWordBits; }
  uint32_t find_free(uint32_t lowest) const REQUIRES(lock_);
  bool is_used(uint32_t fd) const REQUIRES(lock_) {
    return fd < capacity_ && (used_[fd / kWordBits] >> (fd % kWordBits) & 1);
  }
  void set_bit(uint64_t* bitmap, uint32_t fd, bool on) {
    uint64_t mask = 1ull << (fd % kWordBits);
    bitmap[fd / kWordBits] = on ? bitmap[fd / kWordBits] | mask : bitmap[fd / kWordBits] & ~mask;
  }

  SpinLock lock_;
  uint32_t limit_ = 0;             // slots below are valid
  uint32_t capacity_ = kInlineSlots;
  uint32_t next_free_ = 0;         // no free descriptor is lower
  File** slots_ = inline_slots_;   // each holds a reference
  uint64_t* used_ = &inline_used_;
  uint64_t* close_on_exec_ = &inline_close_on_exec_;
  uint64_t inline_used_ = 0;
  uint64_t inline_close_on_exec_ = 0;
  File* inline_slots_[kInlineSlots];
};

// The file of a descriptor for the length of one system call: counted only when another task could
// close the descriptor meanwhile (Linux: fdget).
class BorrowedFile {
 public:
  BorrowedFile(File* file, bool counted) : file_(file), counted_(counted) {}
  BorrowedFile(BorrowedFile&& other) noexcept
      : file_(other.file_), counted_(std::exchange(other.counted_, false)) {}
  BorrowedFile& operator=(BorrowedFile other) noexcept {
    std::swap(file_, other.file_);
    std::swap(counted_, other.counted_);
    return *this;
  }
  ~BorrowedFile() { if (counted_) [[unlikely]] file_->ref_put(); }
  File* get() const { return file_; }
  File& operator*() const { return *file_; }
  File* operator->() const { return file_; }

 private:
  File* file_;
  bool counted_;
};

// EBADF. O_PATH descriptors are refused by the first and found by the second.
Result<BorrowedFile> borrow_file(int fd);
Result<BorrowedFile> borrow_file_or_path(int fd);

// What close(2) does beyond dropping the reference: the process's record locks go.
void finish_close(Ref<File> file, FilesTable& table);

}  // namespace tine::fs
