// SPDX-License-Identifier: MIT
//
// Descriptor tables: the lock around the tree of descriptors, and what the running task does with its
// own table. See files_table.h for what the lock guards.
#include "fs/files_table.h"

#include <algorithm>
#include <bit>

#include "fs/file_locks.h"
#include "mm/heap.h"
#include "mm/task_hooks.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine::fs {

// Usually one reference to a tree that others share, or the files of a tree of one's own.
FilesTable::~FilesTable() NO_THREAD_SAFETY_ANALYSIS {
  if (!owns_record_locks_.load(std::memory_order_relaxed)) [[likely]] return;
  for (uint32_t fd = 0; (fd = tree_.find_next(fd, false)) != DescriptorTree::kNone; ++fd) {
    drop_record_locks(*tree_.find(fd), this);
  }
}

Result<uint32_t> FilesTable::find_free(uint32_t lowest, uint64_t nofile) {
  const uint32_t fd = tree_.find_free(lowest);
  if (fd >= nofile) return Errno::mfile;
  if (fd >= capacity_) [[unlikely]] capacity_ = std::bit_ceil(fd + 1);
  return fd;
}

Result<int> FilesTable::reserve(uint32_t lowest, uint64_t nofile, bool close_on_exec) {
  DroppedNodes dropped(readers());
  SpinGuard guard(lock_);
  const uint32_t fd = TRY(find_free(lowest, nofile));
  TRY(tree_.reserve(fd, close_on_exec, dropped));
  return static_cast<int>(fd);
}

Result<int> FilesTable::install(Ref<File> file, uint32_t lowest, uint64_t nofile,
                                bool close_on_exec) {
  DroppedNodes dropped(readers());
  SpinGuard guard(lock_);
  const uint32_t fd = TRY(find_free(lowest, nofile));
  TRY(tree_.put(fd, file, close_on_exec, dropped));
  return static_cast<int>(fd);
}

void FilesTable::fill(int fd, Ref<File> file) {
  SpinGuard guard(lock_);
  tree_.fill(static_cast<uint32_t>(fd), std::move(file));
}

void FilesTable::unreserve(int fd) {
  SpinGuard guard(lock_);
  tree_.unreserve(static_cast<uint32_t>(fd));
}

Ref<File> FilesTable::look_up(int fd) const {
  LookupGuard lookup;
  while (File* file = peek(fd)) {
    if (file->ref_get_unless_zero()) return Ref<File>::adopt(file);
  }  // it has been closed since: see what is there now
  return {};
}

Ref<File> FilesTable::get(int fd) {
  SpinGuard guard(lock_);
  File* file = peek(fd);
  return file != nullptr ? Ref<File>(*file) : Ref<File>();
}

bool FilesTable::is_open(int fd) {
  SpinGuard guard(lock_);
  return peek(fd) != nullptr;
}

Result<Ref<File>> FilesTable::replace(int fd, Ref<File> file, bool close_on_exec) {
  const auto number = static_cast<uint32_t>(fd);
  DroppedNodes dropped(readers());
  SpinGuard guard(lock_);
  if (tree_.find(number) == nullptr && tree_.is_taken(number)) return Errno::busy;
  File* old = TRY(tree_.put(number, file, close_on_exec, dropped));
  capacity_ = std::max(capacity_, std::bit_ceil(number + 1));
  return old != nullptr ? Ref<File>::adopt(old) : Ref<File>();
}

Result<bool> FilesTable::close_on_exec_flag(int fd) {
  SpinGuard guard(lock_);
  if (peek(fd) == nullptr) return Errno::badf;
  return tree_.closes_on_exec(static_cast<uint32_t>(fd));
}

Result<void> FilesTable::set_close_on_exec(int fd, bool on) {
  DroppedNodes dropped(readers());
  SpinGuard guard(lock_);
  if (peek(fd) == nullptr) return Errno::badf;
  return tree_.set_close_on_exec(static_cast<uint32_t>(fd), on, dropped);
}

Result<Ref<File>> FilesTable::take(int fd) {
  DroppedNodes dropped(readers());
  SpinGuard guard(lock_);
  if (peek(fd) == nullptr) return Ref<File>();
  return tree_.take(static_cast<uint32_t>(fd), dropped);
}

Result<Ref<File>> FilesTable::take_next_in(uint32_t& fd, uint32_t last, bool only_close_on_exec) {
  DroppedNodes dropped(readers());
  SpinGuard guard(lock_);
  const uint32_t found = tree_.find_next(fd, only_close_on_exec);
  if (found == DescriptorTree::kNone || found > last) return Ref<File>();
  Ref<File> file = TRY(tree_.take(found, dropped));
  fd = found + 1;
  return file;
}

Result<void> FilesTable::set_close_on_exec_range(uint32_t first, uint32_t last) {
  for (uint32_t fd = first;; ++fd) {
    DroppedNodes dropped(readers());
    SpinGuard guard(lock_);
    fd = tree_.find_next(fd, false);
    if (fd == DescriptorTree::kNone || fd > last) return {};
    TRY(tree_.set_close_on_exec(fd, true, dropped));
  }
}

Result<void> FilesTable::prepare_close_on_exec() {
  if (!may_close_on_exec()) [[likely]] return {};
  for (uint32_t fd = 0;; fd = (fd | (DescriptorNode::kSlots - 1)) + 1) {  // one of each leaf will do
    DroppedNodes dropped(readers());
    SpinGuard guard(lock_);
    fd = tree_.find_next(fd, true);
    if (fd == DescriptorTree::kNone) return {};
    TRY(tree_.own(fd, dropped));
  }
}

Ref<File> FilesTable::next_open(uint32_t& fd) {
  SpinGuard guard(lock_);
  fd = tree_.find_next(fd, false);
  return fd != DescriptorTree::kNone ? Ref<File>(*tree_.find(fd)) : Ref<File>();
}

Result<Ref<FilesTable>> FilesTable::copy() {
  DescriptorTree tree;
  uint32_t capacity;
  {
    SpinGuard guard(lock_);
    tree = TRY(tree_.copy());
    capacity = capacity_;
  }
  return make_ref<FilesTable>(std::move(tree), capacity);
}

// --- Of the running task -------------------------------------------------------------------------

namespace {

FilesTable& table() { return *current().files; }

uint64_t nofile_limit() {
  uint64_t limit = soft_limit(kLimitNofile);
  return limit < FilesTable::kMaxSlots ? limit : FilesTable::kMaxSlots;
}

// Of a table with several users. Not inlined: what it needs is no burden on the way of the only user.
[[gnu::noinline]] Result<BorrowedFile> borrow_from_shared(const FilesTable& files, int fd,
                                                          uint32_t refused_flags) {
  Ref<File> file = files.look_up(fd);
  if (!file || (file->flags() & refused_flags)) return Errno::badf;
  return BorrowedFile(file.leak(), true);
}

Result<BorrowedFile> borrow(int fd, uint32_t refused_flags) {
  const FilesTable& files = table();
  if (!files.is_only_reference()) [[unlikely]] return borrow_from_shared(files, fd, refused_flags);
  File* file = files.peek(fd);
  if (file == nullptr || (file->flags() & refused_flags)) return Errno::badf;
  return BorrowedFile(file, false);
}

}  // namespace

Result<BorrowedFile> borrow_file_or_path(int fd) { return borrow(fd, 0); }
Result<BorrowedFile> borrow_file(int fd) { return borrow(fd, kPath); }
Result<Ref<File>> get_file_or_path(int fd) { return TRY(borrow(fd, 0)).keep(); }
Result<Ref<File>> get_file(int fd) { return TRY(borrow(fd, kPath)).keep(); }

ReservedFd::ReservedFd() = default;
ReservedFd::ReservedFd(ReservedFd&& other) noexcept
    : table_(std::move(other.table_)), fd_(std::exchange(other.fd_, -1)) {}
ReservedFd& ReservedFd::operator=(ReservedFd other) noexcept {
  std::swap(table_, other.table_);
  std::swap(fd_, other.fd_);
  return *this;
}
ReservedFd::ReservedFd(Ref<FilesTable> table, int fd) : table_(std::move(table)), fd_(fd) {}
ReservedFd::~ReservedFd() {
  if (fd_ >= 0) table_->unreserve(fd_);
}
int ReservedFd::install(Ref<File> file) {
  table_->fill(fd_, std::move(file));
  table_.reset();
  return std::exchange(fd_, -1);
}

Result<ReservedFd> reserve_fd(uint32_t open_flags, int lowest) {
  FilesTable& files = table();
  int fd = TRY(files.reserve(static_cast<uint32_t>(lowest), nofile_limit(),
                             open_flags & kCloseOnExec));
  return ReservedFd(Ref<FilesTable>(files), fd);
}

Result<int> install_file(Ref<File> file, uint32_t open_flags, int lowest) {
  return table().install(std::move(file), static_cast<uint32_t>(lowest), nofile_limit(),
                         open_flags & kCloseOnExec);
}

void finish_close(Ref<File> file, FilesTable& table) {
  if (record_locks_exist()) [[unlikely]] drop_record_locks(*file, &table);
}

// close(2) may have to copy nodes that another process shares, yet programs rely on its never
// failing for want of memory: somebody else has to give some. A task that is dying itself may keep
// its descriptor: its exit closes it without copying.
template <class Take>
static Result<Ref<File>> take_surely(Take&& take) {
  for (bool is_again = false;; is_again = true) {
    Result<Ref<File>> file = take();
    if (file || file.error() != Errno::nomem) return file;
    Task& task = current();
    if (is_again && (!task.mm || !mm::oom_kill(*task.mm))) return file;
  }
}

Result<void> close_fd(int fd) {
  Ref<File> file = TRY(take_surely([fd] { return table().take(fd); }));
  if (!file) return Errno::badf;
  finish_close(std::move(file), table());
  return {};
}

Result<void> close_range(uint32_t first, uint32_t last) {
  for (;;) {
    Ref<File> file = TRY(take_surely([&] { return table().take_next_in(first, last, false); }));
    if (!file) return {};
    finish_close(std::move(file), table());
  }
}

Result<Ref<FilesTable>> make_files_table() {
  return make_ref<FilesTable>(TRY(DescriptorTree::make()));
}

Result<Ref<FilesTable>> dup_files(FilesTable& old_files) { return old_files.copy(); }

Result<void> prepare_close_on_exec(FilesTable& files) { return files.prepare_close_on_exec(); }

void close_on_exec(FilesTable& files) {
  if (!files.may_close_on_exec()) [[likely]] return;
  uint32_t fd = 0;
  for (;;) {
    Result<Ref<File>> file = files.take_next_in(fd, ~0u, true);
    if (!file || !*file) return;  // it was prepared, so it is not for want of memory
    finish_close(std::move(*file), files);
  }
}

void for_each_file(FilesTable& files, void* context,
                   bool (*visit)(void* context, int fd, File& file)) {
  for (uint32_t fd = 0;; ++fd) {
    Ref<File> file = files.next_open(fd);
    if (!file || !visit(context, static_cast<int>(fd), *file)) return;
  }
}

Result<Ref<File>> file_of(FilesTable& files, int fd) {
  Ref<File> file = files.get(fd);
  if (!file) return Errno::badf;
  return file;
}

uint32_t fd_table_size(FilesTable& files) { return files.capacity(); }

}  // namespace tine::fs
