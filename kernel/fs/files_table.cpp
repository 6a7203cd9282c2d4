// SPDX-License-Identifier: MIT
//
// Descriptor tables: allocation of numbers, growth, copies for fork, closing. See files_table.h for
// what the lock guards. Files are dropped outside the lock: the last reference may sleep.
#include "fs/files_table.h"

#include <bit>
#include <cstring>

#include "fs/file_locks.h"
#include "mm/heap.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine::fs {

FilesTable::~FilesTable() {
  for (uint32_t word = 0; word * kWordBits < limit_; ++word) {
    for (uint64_t bits = used_[word]; bits != 0; bits &= bits - 1) {
      File* file = slots_[word * kWordBits + static_cast<uint32_t>(std::countr_zero(bits))];
      if (file != nullptr) finish_close(Ref<File>::adopt(file), *this);
    }
  }
  if (slots_ != inline_slots_) {
    heap_free(slots_);
    heap_free(used_);
  }
}

// New arrays are made without the lock (which may be wanted meanwhile, so growth is re-checked).
Result<void> FilesTable::grow(uint32_t needed) {
  uint32_t wanted = std::bit_ceil(needed + 1);
  if (wanted > kMaxSlots) return Errno::mfile;
  auto* new_slots = static_cast<File**>(heap_allocate(wanted * sizeof(File*)));
  size_t bitmap_bytes = wanted / 8;
  auto* new_bitmaps = static_cast<uint64_t*>(heap_allocate(2 * bitmap_bytes));
  if (new_slots == nullptr || new_bitmaps == nullptr) {
    if (new_slots != nullptr) heap_free(new_slots);
    if (new_bitmaps != nullptr) heap_free(new_bitmaps);
    return Errno::nomem;
  }
  std::memset(new_bitmaps, 0, 2 * bitmap_bytes);
  File** old_slots = new_slots;
  uint64_t* old_bitmaps = new_bitmaps;
  {
    SpinGuard guard(lock_);
    if (capacity_ < wanted) {
      uint64_t* new_close_on_exec = new_bitmaps + wanted / kWordBits;
      std::memcpy(new_slots, slots_, limit_ * sizeof(File*));
      std::memcpy(new_bitmaps, used_, capacity_ / 8);
      std::memcpy(new_close_on_exec, close_on_exec_, capacity_ / 8);
      old_slots = slots_ == inline_slots_ ? nullptr : slots_;
      old_bitmaps = old_slots == nullptr ? nullptr : used_;
      slots_ = new_slots;
      used_ = new_bitmaps;
      close_on_exec_ = new_close_on_exec;
      capacity_ = wanted;
    }
  }
  if (old_slots != nullptr) heap_free(old_slots);
  if (old_bitmaps != nullptr) heap_free(old_bitmaps);
  return {};
}

void FilesTable::extend_limit(uint32_t fd) {
  while (limit_ <= fd) slots_[limit_++] = nullptr;
}

uint32_t FilesTable::find_free(uint32_t lowest) const {
  uint32_t fd = lowest > next_free_ ? lowest : next_free_;
  for (uint32_t word = fd / kWordBits; word < words(); ++word) {
    uint64_t free_bits = ~used_[word];
    if (word == fd / kWordBits) free_bits &= ~0ull << (fd % kWordBits);
    if (free_bits != 0) {
      return word * kWordBits + static_cast<uint32_t>(std::countr_zero(free_bits));
    }
  }
  return fd > capacity_ ? fd : capacity_;
}

Result<int> FilesTable::reserve(uint32_t lowest, uint64_t nofile, bool close_on_exec) {
  for (;;) {
    uint32_t fd;
    {
      SpinGuard guard(lock_);
      fd = find_free(lowest);
      if (fd >= nofile) return Errno::mfile;
      if (fd < capacity_) {
        extend_limit(fd);
        set_bit(used_, fd, true);
        set_bit(close_on_exec_, fd, close_on_exec);
        if (lowest <= next_free_) next_free_ = fd + 1;
        return static_cast<int>(fd);
      }
    }
    TRY(grow(fd));
  }
}

void FilesTable::fill(int fd, Ref<File> file) {
  SpinGuard guard(lock_);
  slots_[fd] = file.leak();
}

void FilesTable::unreserve(int fd) {
  SpinGuard guard(lock_);
  uint32_t number = static_cast<uint32_t>(fd);
  set_bit(used_, number, false);
  if (number < next_free_) next_free_ = number;
}

Ref<File> FilesTable::get(int fd) {
  SpinGuard guard(lock_);
  File* file = peek(fd);
  return file != nullptr ? Ref<File>(*file) : Ref<File>();
}

Ref<File> FilesTable::take(int fd) {
  SpinGuard guard(lock_);
  File* file = peek(fd);
  if (file == nullptr) return {};
  slots_[fd] = nullptr;
  uint32_t number = static_cast<uint32_t>(fd);
  set_bit(used_, number, false);
  if (number < next_free_) next_free_ = number;
  return Ref<File>::adopt(file);
}

Result<Ref<File>> FilesTable::replace(int fd, Ref<File> file, bool close_on_exec) {
  uint32_t number = static_cast<uint32_t>(fd);
  for (;;) {
    {
      SpinGuard guard(lock_);
      if (number < capacity_) {
        extend_limit(number);
        if (is_used(number) && slots_[fd] == nullptr) return Errno::busy;
        set_bit(used_, number, true);
        set_bit(close_on_exec_, number, close_on_exec);
        File* old = std::exchange(slots_[fd], file.leak());
        return old != nullptr ? Ref<File>::adopt(old) : Ref<File>();
      }
    }
    TRY(grow(number));
  }
}

Result<bool> FilesTable::close_on_exec_flag(int fd) {
  SpinGuard guard(lock_);
  if (peek(fd) == nullptr) return Errno::badf;
  return (close_on_exec_[fd / kWordBits] >> (fd % kWordBits) & 1) != 0;
}

Result<void> FilesTable::set_close_on_exec(int fd, bool on) {
  SpinGuard guard(lock_);
  if (peek(fd) == nullptr) return Errno::badf;
  set_bit(close_on_exec_, static_cast<uint32_t>(fd), on);
  return {};
}

// Closes the next open descriptor of [fd, last] and moves `fd` behind it; null: no more.
Ref<File> FilesTable::take_next_in(uint32_t& fd, uint32_t last, bool only_close_on_exec) {
  SpinGuard guard(lock_);
  uint32_t end = last < limit_ ? last + 1 : limit_;
  while (fd < end) {
    uint64_t bits = used_[fd / kWordBits];
    if (only_close_on_exec) bits &= close_on_exec_[fd / kWordBits];
    bits >>= fd % kWordBits;
    if (bits == 0) {
      fd = (fd / kWordBits + 1) * kWordBits;
      continue;
    }
    fd += static_cast<uint32_t>(std::countr_zero(bits));
    if (fd >= end) break;
    uint32_t found = fd++;
    File* file = slots_[found];
    if (file == nullptr) continue;
    slots_[found] = nullptr;
    set_bit(used_, found, false);
    if (found < next_free_) next_free_ = found;
    return Ref<File>::adopt(file);
  }
  return {};
}

void FilesTable::set_close_on_exec_range(uint32_t first, uint32_t last) {
  SpinGuard guard(lock_);
  for (uint32_t fd = first; fd <= last && fd < limit_; ++fd) {
    if (slots_[fd] != nullptr) set_bit(close_on_exec_, fd, true);
  }
}

Ref<File> FilesTable::next_open(uint32_t& fd) {
  SpinGuard guard(lock_);
  for (; fd < limit_; ++fd) {
    if (slots_[fd] != nullptr) return Ref<File>(*slots_[fd]);
  }
  return {};
}

// For fork: this table is fresh and nobody else's. The old one may be in use by threads.
Result<void> FilesTable::copy_from(FilesTable& old) NO_THREAD_SAFETY_ANALYSIS {
  for (;;) {
    {
      SpinGuard guard(old.lock_);
      if (old.limit_ <= capacity_) {
        limit_ = old.limit_;
        uint32_t last_open = 0;
        for (uint32_t word = 0; word * kWordBits < limit_; ++word) {
          uint64_t open = 0;
          uint64_t bits = old.used_[word];
          for (; bits != 0; bits &= bits - 1) {
            uint32_t bit = static_cast<uint32_t>(std::countr_zero(bits));
            uint32_t fd = word * kWordBits + bit;
            File* file = old.slots_[fd];
            if (file == nullptr) continue;  // reserved by a thread of the parent
            file->ref_get();
            for (; last_open < fd; ++last_open) slots_[last_open] = nullptr;
            slots_[fd] = file;
            last_open = fd + 1;
            open |= 1ull << bit;
          }
          used_[word] = open;
          close_on_exec_[word] = old.close_on_exec_[word] & open;
        }
        limit_ = last_open;
        next_free_ = old.next_free_ < limit_ ? old.next_free_ : limit_;
        return {};
      }
    }
    TRY(grow(old.limit_ - 1));
  }
}

// --- Of the running task -------------------------------------------------------------------------

namespace {

FilesTable& table() { return *current().files; }

uint64_t nofile_limit() {
  uint64_t limit = soft_limit(kLimitNofile);
  return limit < FilesTable::kMaxSlots ? limit : FilesTable::kMaxSlots;
}

}  // namespace

Result<BorrowedFile> borrow_file_or_path(int fd) {
  FilesTable& files = table();
  if (files.ref_count() == 1) [[likely]] {
    File* file = files.peek(fd);
    if (file == nullptr) return Errno::badf;
    return BorrowedFile(file, false);
  }
  Ref<File> file = files.get(fd);
  if (!file) return Errno::badf;
  return BorrowedFile(file.leak(), true);
}

Result<BorrowedFile> borrow_file(int fd) {
  BorrowedFile file = TRY(borrow_file_or_path(fd));
  if (file->flags() & kPath) return Errno::badf;
  return file;
}

Result<Ref<File>> get_file_or_path(int fd) {
  Ref<File> file = table().get(fd);
  if (!file) return Errno::badf;
  return file;
}

Result<Ref<File>> get_file(int fd) {
  Ref<File> file = TRY(get_file_or_path(fd));
  if (file->flags() & kPath) return Errno::badf;
  return file;
}

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
  FilesTable& files = table();
  int fd = TRY(files.reserve(static_cast<uint32_t>(lowest), nofile_limit(),
                             open_flags & kCloseOnExec));
  files.fill(fd, std::move(file));
  return fd;
}

void finish_close(Ref<File> file, FilesTable& table) {
  if (record_locks_exist()) [[unlikely]] drop_record_locks(*file, &table);
}

Result<void> close_fd(int fd) {
  Ref<File> file = table().take(fd);
  if (!file) return Errno::badf;
  finish_close(std::move(file), table());
  return {};
}

Result<Ref<FilesTable>> make_files_table() { return make_ref<FilesTable>(); }

Result<Ref<FilesTable>> dup_files(FilesTable& old_files) {
  Ref<FilesTable> copy = TRY(make_ref<FilesTable>());
  TRY(copy->copy_from(old_files));
  return copy;
}

void close_on_exec(FilesTable& files) {
  uint32_t fd = 0;
  while (Ref<File> file = files.take_next_in(fd, ~0u, true)) finish_close(std::move(file), files);
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
