// SPDX-License-Identifier: MIT
//
// What a process has open: /proc/PID/fd, fdinfo, and the links cwd, root and exe. The links are
// "magic": following one leads to the very file, even where its name is gone.
#include <charconv>

#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "fs/nameless.h"
#include "fs/proc/proc.h"

namespace tine::fs::proc {

namespace {

constexpr size_t kLongestLink = 4096;

// Fills `out` with a place, both as text and as a jump.
Result<void> link_to(const Path& path, LinkTarget& out) {
  out.storage = TRY(Buffer<char>::make_for_overwrite(kLongestLink));
  out.text = {out.storage.data(), write_path(path, current().fs->root(), out.storage.span())};
  out.jump = path;
  return {};
}

class FdLink final : public LinkInode {
 public:
  static constexpr const char* kCacheName = "proc_fd_link";
  FdLink(Superblock& superblock, Ref<Task> task, int fd)
      : LinkInode(superblock), task_(std::move(task)), fd_(fd) {
    may_go_stale = true;
  }
  Result<void> read_link(LinkTarget& out) override {
    Ref<FilesTable> files = files_of(*task_);
    if (!files) return Errno::noent;
    Ref<File> file = TRY(file_of(*files, fd_));
    if (const Path* path = file->path()) return link_to(*path, out);
    out.storage = TRY(Buffer<char>::make(128));
    out.text = {out.storage.data(), file->write_description(out.storage.span())};
    out.jump = TRY(place_of_nameless(std::move(file)));
    return {};
  }
  // Descriptors come and go, and asking is cheap.
  bool is_stale() override { return true; }

 private:
  Ref<Task> task_;
  const int fd_;
};

class FdInfoFile final : public TextFile {
 public:
  static constexpr const char* kCacheName = "proc_fdinfo";
  FdInfoFile(Superblock& superblock, Ref<Task> task, int fd)
      : TextFile(superblock, 0400), task_(std::move(task)), fd_(fd) {
    may_go_stale = true;
  }
  Result<void> show(TextBuilder& out) override {
    Ref<FilesTable> files = files_of(*task_);
    if (!files) return Errno::noent;
    Ref<File> file = TRY(file_of(*files, fd_));
    // Its lock is not taken: this may be the very file that is being read.
    out.print("pos:\t{}\nflags:\t0{:o}\n", uint64_t{file->position}, file->flags());
    return {};
  }
  bool is_stale() override { return true; }

 private:
  Ref<Task> task_;
  const int fd_;
};

// Names are looked up under the directory's lock, where nothing may be closed: if the task has let go
// of its table meanwhile, a thread closes what is in it.
class BorrowedTable {
 public:
  static Result<BorrowedTable> of(Task& task) {
    BorrowedTable table;
    table.end_ = TRY(make<End>());
    Ref<FilesTable> files = files_of(task);
    if (!files) return Errno::noent;
    table.end_->table = files.leak();
    return table;
  }
  BorrowedTable(BorrowedTable&&) = default;
  ~BorrowedTable() {
    if (!end_ || end_->table == nullptr || !end_->table->ref_drop_is_last()) return;
    hand_over(*end_.leak(), [](Reclaimable& end) {
      const auto its = Owned<End>::adopt(static_cast<End*>(&end));
      its->table->last_ref_dropped();
    });
  }
  FilesTable* operator->() const { return end_->table; }

 private:
  struct End : HeapAllocated, Reclaimable {
    static constexpr const char* kCacheName = "proc_borrowed_table";
    FilesTable* table = nullptr;
  };
  BorrowedTable() = default;
  Owned<End> end_;
};

// /proc/PID/fd and fdinfo: a name for each open descriptor.
template <class Entry>
class DescriptorDirectory final : public SyntheticDirectory {
 public:
  static constexpr const char* kCacheName = "proc_fd";
  DescriptorDirectory(Superblock& superblock, Ref<Task> task, uint32_t mode)
      : SyntheticDirectory(superblock, mode & kPermissionMask), task_(std::move(task)) {
    Ref<const Creds> creds = creds_of(*task_);
    set_owner(creds->euid, creds->egid);
  }

  Result<Ref<Inode>> find(std::string_view name) override {
    int fd = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), fd);
    if (error != std::errc() || end != name.data() + name.size()) return Errno::noent;
    const BorrowedTable files = TRY(BorrowedTable::of(*task_));
    if (!files->is_open(fd)) return Errno::noent;
    return Ref<Inode>(TRY(make_ref<Entry>(superblock(), task_, fd)));
  }

  Result<void> list(DirectorySink& sink, int64_t& position) override {
    Ref<FilesTable> files = files_of(*task_);
    if (!files) return {};
    constexpr uint32_t kType = std::is_same_v<Entry, FdLink> ? kTypeSymlink : kTypeRegular;
    for (auto fd = static_cast<uint32_t>(position - 2); files->next_open(fd); ++fd) {
      char name[12];
      size_t length = format_to(name, "{}", fd);
      position = fd + 2;
      if (!sink.entry({name, length}, uint64_t{fd} + 1, directory_entry_type(kType), fd + 3)) {
        return {};
      }
      position = fd + 3;
    }
    return {};
  }

 private:
  Ref<Task> task_;
};

template <class Entry>
Result<Ref<Inode>> make_descriptors(TableDirectory& directory, uint32_t mode) {
  Ref<Task> task(static_cast<ProcessDirectory&>(directory).task());
  return Ref<Inode>(
      TRY(make_ref<DescriptorDirectory<Entry>>(directory.superblock(), std::move(task), mode)));
}

enum class Place : uint8_t { cwd, root, exe };

class PlaceLink final : public LinkInode {
 public:
  static constexpr const char* kCacheName = "proc_place_link";
  PlaceLink(Superblock& superblock, Ref<Task> task, Place place)
      : LinkInode(superblock), task_(std::move(task)), place_(place) {}
  Result<void> read_link(LinkTarget& out) override {
    if (place_ == Place::exe) {
      Ref<mm::Mm> mm = mm_of(*task_);
      if (!mm || !mm->exe_file) return Errno::noent;
      return link_to(place_of(*mm->exe_file), out);
    }
    Ref<FsContext> context = fs_context_of(*task_);
    if (!context) return Errno::noent;
    return link_to(place_ == Place::cwd ? context->cwd() : context->root(), out);
  }

 private:
  Ref<Task> task_;
  const Place place_;
};

Result<Ref<Inode>> make_place(TableDirectory& directory, Place place) {
  Ref<Task> task(static_cast<ProcessDirectory&>(directory).task());
  return Ref<Inode>(TRY(make_ref<PlaceLink>(directory.superblock(), std::move(task), place)));
}

}  // namespace

Result<Ref<Inode>> make_fd_directory(TableDirectory& directory, uint32_t mode) {
  return make_descriptors<FdLink>(directory, mode);
}
Result<Ref<Inode>> make_fdinfo_directory(TableDirectory& directory, uint32_t mode) {
  return make_descriptors<FdInfoFile>(directory, mode);
}
Result<Ref<Inode>> make_cwd_link(TableDirectory& directory, uint32_t) {
  return make_place(directory, Place::cwd);
}
Result<Ref<Inode>> make_root_link(TableDirectory& directory, uint32_t) {
  return make_place(directory, Place::root);
}
Result<Ref<Inode>> make_exe_link(TableDirectory& directory, uint32_t) {
  return make_place(directory, Place::exe);
}

}  // namespace tine::fs::proc
