// SPDX-License-Identifier: MIT
//
// Bases for file systems that are made of code: /proc, and directories such as /dev/pts. An inode is
// made when a name is looked up and dies when nobody uses it any more; nothing is kept that can be
// computed.
//
//   SyntheticSuperblock    a file system without storage; give it a root with set_root()
//   SyntheticDirectory     overrides find() and list()
//   TableDirectory         names from a constant table, and what the derived class adds
//   TextFile               overrides show(), which writes the whole text; write() if it takes input
//   LinkInode              overrides read_link()
//
// All methods run in task context and may sleep; names run under the superblock's tree_lock.
#pragma once

#include "core/format.h"
#include "fs/inode.h"
#include "fs/opened_file.h"
#include "fs/path_walk.h"

namespace tine::fs {

class SyntheticSuperblock final : public Superblock {
 public:
  static constexpr const char* kCacheName = "synthetic_superblock";
  using Superblock::Superblock;
};

// Text that grows: a line at a time, in memory that doubles. Once it has failed it stays failed
// (ENOMEM), so that a show() need not check each line.
//
// What may be long is made in parts, so that no reader holds all of it: once is_full(), the maker
// says where it will go on, and is called again with that place and an empty text.
class TextBuilder {
 public:
  static constexpr size_t kPartBytes = 64 * 1024;
  explicit TextBuilder(uint64_t place = 0) : place_(place) {}
  uint64_t place() const { return place_; }  // 0: the beginning; else what go_on_at() was told
  bool is_full() const { return length_ >= kPartBytes; }
  void go_on_at(uint64_t next_place) { next_place_ = next_place; }
  uint64_t next_place() const { return next_place_; }  // 0: the text is complete

  template <class... Arguments>
  void print(std::string_view format, const Arguments&... arguments) {
    vprint(format, {FormatArgument(arguments)...});
  }
  void append(std::string_view text);
  void append(char c) { append(std::string_view(&c, 1)); }
  std::string_view text() const { return {buffer_.data(), length_}; }
  bool has_failed() const { return failed_; }

 private:
  void vprint(std::string_view format, std::initializer_list<FormatArgument> arguments);
  bool grow(size_t needed);
  Buffer<char> buffer_;
  size_t length_ = 0;
  bool failed_ = false;
  uint64_t place_, next_place_ = 0;
};

class SyntheticDirectory : public Inode {
 public:
  SyntheticDirectory(Superblock& superblock, uint32_t permissions = 0555, KernelUid uid = {},
                     KernelGid gid = {})
      : Inode(superblock, superblock.next_inode_number(), kTypeDirectory | permissions, uid, gid) {
    add_links(1);
  }
  // ENOENT if there is no such name.
  virtual Result<Ref<Inode>> find(std::string_view name) = 0;
  // Entries from `position` on (the first is 2). To each pass the position of the one after it; stop
  // and leave `position` at the entry that the sink refused.
  virtual Result<void> list(DirectorySink& sink, int64_t& position) = 0;

  Result<Ref<Inode>> lookup(std::string_view name) final { return find(name); }
  // What is there is there; for every other name Linux says that it does not exist, also to makers.
  Result<Ref<Inode>> create(std::string_view, const NewInode&) override { return Errno::noent; }
  Result<void> link(std::string_view, Inode&) override { return Errno::noent; }
  Result<void> read_directory(const Path&, DirectorySink& sink, int64_t& position) final {
    return list(sink, position);
  }
};

// One line of a TableDirectory.
struct TableEntry {
  std::string_view name;
  uint32_t mode;                                    // with type, for getdents
  Result<Ref<Inode>> (*make)(class TableDirectory& directory, uint32_t mode);
};

class TableDirectory : public SyntheticDirectory {
 public:
  TableDirectory(Superblock& superblock, std::span<const TableEntry> entries,
                 uint32_t permissions = 0555, KernelUid uid = {}, KernelGid gid = {})
      : SyntheticDirectory(superblock, permissions, uid, gid), entries_(entries) {}
  Result<Ref<Inode>> find(std::string_view name) override;
  Result<void> list(DirectorySink& sink, int64_t& position) override;

 protected:
  // The position of the first entry after the table's.
  int64_t first_extra_position() const { return 2 + static_cast<int64_t>(entries_.size()); }

 private:
  std::span<const TableEntry> entries_;
};

// The root of a file system that is mounted nowhere.
class EmptyDirectory final : public TableDirectory {
 public:
  static constexpr const char* kCacheName = "empty_directory";
  explicit EmptyDirectory(Superblock& superblock) : TableDirectory(superblock, {}) {}
};

// A file whose text is made anew when it is read from the start; a reader that goes on from there
// sees one consistent text, or, if it is made in parts, one for each part.
class TextFile : public Inode {
 public:
  TextFile(Superblock& superblock, uint32_t permissions, KernelUid uid = {}, KernelGid gid = {})
      : Inode(superblock, superblock.next_inode_number(), kTypeRegular | permissions, uid, gid) {}
  virtual Result<void> show(TextBuilder& out) = 0;
  // The whole of one write(2), at most a page. EINVAL unless overridden.
  virtual Result<void> store(std::string_view) { return Errno::inval; }

  Result<Ref<File>> open(const Path& path, uint32_t flags) override;
  Result<void> set_attributes(const AttributeChange& change) override;  // size 0 is accepted
};

// A file whose text one function writes: `make_inode<FunctionFile>(sb, 0444, &show_uptime)`.
class FunctionFile final : public TextFile {
 public:
  static constexpr const char* kCacheName = "synthetic_file";
  using Show = Result<void> (*)(TextBuilder& out);
  FunctionFile(Superblock& superblock, uint32_t permissions, Show show)
      : TextFile(superblock, permissions), show_(show) {}
  Result<void> show(TextBuilder& out) override { return show_(out); }

 private:
  Show show_;
};

// For TableEntry::make: a FunctionFile of the given function.
template <auto show>
Result<Ref<Inode>> make_text_entry(TableDirectory& directory, uint32_t mode) {
  return Ref<Inode>(TRY(make_ref<FunctionFile>(directory.superblock(), mode & kPermissionMask, show)));
}

class LinkInode : public Inode {
 public:
  LinkInode(Superblock& superblock, KernelUid uid = {}, KernelGid gid = {})
      : Inode(superblock, superblock.next_inode_number(), kTypeSymlink | 0777, uid, gid) {}
  Result<void> read_link(LinkTarget& out) override = 0;
};

}  // namespace tine::fs
