// SPDX-License-Identifier: MIT
//
// Files that were opened by name: PathFile, which knows the place, and the kinds that every file
// system shares: RegularFile, DirectoryFile, and PathOnlyFile (O_PATH). fs/open.h opens them.
#pragma once

#include "fs/file.h"
#include "fs/mount.h"

namespace tine::fs {

// Base of whatever has a name: device drivers' files derive from it too.
class PathFile : public File {
 public:
  PathFile(Path path, uint32_t flags) : File(flags), path_(std::move(path)) {}
  ~PathFile() override;
  Result<void> stat(StatData& out) override;
  Inode* inode() override { return &path_.inode(); }
  Dentry* dentry() override { return path_.dentry.get(); }
  const Path* path() override { return &path_; }
  Ref<mm::MapName> map_name() override;
  size_t write_description(std::span<char> out) override;

 protected:
  Inode& file_inode() const { return path_.inode(); }
  const Path& file_path() const { return path_; }
  // lseek(2) in what has no end: SEEK_END is EINVAL.
  Result<uint64_t> seek_without_end(int64_t offset, int whence);

 private:
  friend Result<Ref<File>> open_path(const Path&, uint32_t);
  Path path_;
  // What open() acquired and the destructor gives back.
  bool holds_write_access_ = false;
};

class RegularFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "regular_file";
  using PathFile::PathFile;
  Result<size_t> read(IoBuffer& buffer, uint64_t& position) override;
  Result<size_t> write(IoBuffer& buffer, uint64_t& position) override;
  Result<uint64_t> seek(int64_t offset, int whence) override;
  Result<long> ioctl(uint32_t command, uint64_t argument) override;
  Result<Ref<mm::MemoryObject>> memory_object() override;
  bool is_seekable() const override { return true; }
  bool can_poll() const override { return false; }
};

class DirectoryFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "directory_file";
  using PathFile::PathFile;
  Result<size_t> read(IoBuffer& buffer, uint64_t& position) override;  // EISDIR
  Result<uint64_t> seek(int64_t offset, int whence) override {
    return seek_without_end(offset, whence);
  }
  Result<void> read_directory(DirectorySink& sink) override;
  bool is_seekable() const override { return true; }
  bool can_poll() const override { return false; }
};

class PathOnlyFile final : public PathFile {
 public:
  static constexpr const char* kCacheName = "path_only_file";
  using PathFile::PathFile;
};

// The offset arithmetic of lseek(2) for a file of `size` bytes: SEEK_SET, SEEK_CUR, SEEK_END.
Result<uint64_t> seek_within(int64_t offset, int whence, uint64_t current, uint64_t size);

}  // namespace tine::fs
