// SPDX-License-Identifier: MIT
//
// FilesTable from inside (fs/files.h is the interface): a persistent tree of descriptors
// (fs/descriptor_tree.h), which fork shares whole and changes copy where they happen (B39-B43).
// A descriptor that is taken and has no file is reserved (ReservedFd).
//
// The lock guards every change, and whoever looks into another task's table (/proc). Tasks look up
// their own descriptors without: the only user of a table plainly, since nobody else can change it
// (other tables that share its nodes change copies); one of several under a LookupGuard, taking a
// reference unless the file is on its way out. So whoever changes a table with several users keeps
// the memory of what he drops (fs/descriptor_tree.h). Whatever changes a number may fail with
// ENOMEM, for it may have to copy. Files are dropped outside the lock: the last reference may sleep.
#pragma once

#include <atomic>

#include "fs/descriptor_tree.h"
#include "fs/files.h"
#include "sync/spin_lock.h"

namespace tine::fs {

class FilesTable : public RefCounted<FilesTable> {
 public:
  static constexpr const char* kCacheName = "files_cache";
  static constexpr uint32_t kMaxSlots = DescriptorTree::kMaxSlots;

  explicit FilesTable(DescriptorTree tree, uint32_t capacity = 64)
      : lock_(LockRank::files), capacity_(capacity), tree_(std::move(tree)) {}
  ~FilesTable();

  // The file behind `fd` or null, without a reference: for the table's only user, see borrow_file.
  File* peek(int fd) const NO_THREAD_SAFETY_ANALYSIS {
    return tree_.find(static_cast<uint32_t>(fd));
  }
  // The same with a reference, for one of several users; no lock.
  Ref<File> look_up(int fd) const NO_THREAD_SAFETY_ANALYSIS;
  Ref<File> get(int fd);  // for anybody
  bool is_open(int fd);   // likewise
  // Lowest free number from `lowest` on, below `nofile`. EMFILE, ENOMEM.
  Result<int> reserve(uint32_t lowest, uint64_t nofile, bool close_on_exec);
  Result<int> install(Ref<File> file, uint32_t lowest, uint64_t nofile, bool close_on_exec);
  void fill(int fd, Ref<File> file);      // a reserved one
  void unreserve(int fd);
  // dup2: puts `file` at exactly `fd`, and gives what was there. EBUSY when it is reserved.
  Result<Ref<File>> replace(int fd, Ref<File> file, bool close_on_exec);
  Result<bool> close_on_exec_flag(int fd);
  Result<void> set_close_on_exec(int fd, bool on);
  Result<Ref<File>> take(int fd);  // close: null when it is not open
  // Closes the next open descriptor of [fd, last] and moves `fd` behind it; null: no more.
  Result<Ref<File>> take_next_in(uint32_t& fd, uint32_t last, bool only_close_on_exec);
  Result<void> set_close_on_exec_range(uint32_t first, uint32_t last);
  // The next two are for the table's only user. False: exec closes nothing.
  bool may_close_on_exec() const NO_THREAD_SAFETY_ANALYSIS { return tree_.may_close_on_exec(); }
  // After it, closing what exec closes cannot fail, as long as the task does not fork.
  Result<void> prepare_close_on_exec();
  // The first open file at `fd` or after; `fd` becomes its number. Null: there is none.
  Ref<File> next_open(uint32_t& fd);
  Result<Ref<FilesTable>> copy();         // for fork: shares the tree
  uint32_t capacity() const { return capacity_; }
  // The table has become the owner of record locks, which must go when it closes a file.
  void note_record_lock() { owns_record_locks_.store(true, std::memory_order_relaxed); }

 private:
  Result<uint32_t> find_free(uint32_t lowest, uint64_t nofile) REQUIRES(lock_);
  // Asked by a user: when he is the only one, another comes by his own doing alone.
  Readers readers() const { return is_only_reference() ? Readers::none : Readers::others; }

  SpinLock lock_;
  uint32_t capacity_;                     // a power of 2 above every number ever used
  std::atomic<bool> owns_record_locks_{false};
  DescriptorTree tree_ GUARDED_BY(lock_);
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
  // For longer than the call.
  Ref<File> keep() && {
    if (!std::exchange(counted_, false)) file_->ref_get();
    return Ref<File>::adopt(file_);
  }
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

// Closes what is open in [first, last], of the running task's table.
Result<void> close_range(uint32_t first, uint32_t last);

// What close(2) does beyond dropping the reference: the process's record locks go.
void finish_close(Ref<File> file, FilesTable& table);

}  // namespace tine::fs
