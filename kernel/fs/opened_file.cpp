// SPDX-License-Identifier: MIT
//
// Files opened by name: transfers at the inode, offsets, directory reading.
// Contents are the inode's; what is here is the open file's own: its place and its write access.
#include "fs/opened_file.h"

#include "fs/inode.h"
#include "fs/ioctl.h"
#include "mm/memory_object.h"
#include "mm/mm.h"

namespace tine::fs {

PathFile::~PathFile() {
  if (holds_write_access_) file_inode().put_write_access();
}

Result<void> PathFile::stat(StatData& out) {
  file_inode().stat(out);
  return {};
}

Ref<mm::MapName> PathFile::map_name() { return make_map_name(path_); }

size_t PathFile::write_description(std::span<char> out) {
  return write_path(path_, Path{Ref<Mount>(root_mount()), root_mount().root}, out);
}

Result<size_t> RegularFile::read(IoBuffer& buffer, uint64_t& position) {
  size_t count = TRY(file_inode().read_at(buffer, position));
  position += count;
  file_inode().touch_accessed(flags());
  return count;
}

Result<size_t> RegularFile::write(IoBuffer& buffer, uint64_t& position) {
  size_t count = TRY(file_inode().write_at(buffer, position, flags() & kAppend));
  position += count;
  return count;
}

Result<uint64_t> seek_within(int64_t offset, int whence, uint64_t current, uint64_t size) {
  int64_t base = 0;
  switch (whence) {
    case 0: break;
    case 1: base = static_cast<int64_t>(current); break;
    case 2: base = static_cast<int64_t>(size); break;
    default: return Errno::inval;
  }
  int64_t target;
  if (__builtin_add_overflow(base, offset, &target)) return Errno::overflow;
  if (target < 0) return Errno::inval;
  return static_cast<uint64_t>(target);
}

Result<uint64_t> PathFile::seek_without_end(int64_t offset, int whence) {
  MutexGuard guard(position_lock);
  if (whence == 2) return Errno::inval;
  position = TRY(seek_within(offset, whence, position, 0));
  return position;
}

Result<uint64_t> RegularFile::seek(int64_t offset, int whence) {
  MutexGuard guard(position_lock);
  uint64_t target;
  if (whence == 3 || whence == 4) {  // SEEK_DATA, SEEK_HOLE
    if (offset < 0) return Errno::nxio;
    target = TRY(file_inode().seek_data(static_cast<uint64_t>(offset), whence == 4));
  } else {
    target = TRY(seek_within(offset, whence, position, file_inode().size()));
  }
  position = target;
  return target;
}

Result<long> RegularFile::ioctl(uint32_t command, uint64_t argument) {
  int value;
  if (command == kFionread) {
    MutexGuard guard(position_lock);
    uint64_t size = file_inode().size();
    value = static_cast<int>(size > position ? size - position : 0);
  } else if (command == kFigetbsz) {
    value = kPageSize;
  } else {
    return Errno::notty;
  }
  TRY(UserOut<int>(UserAddr(argument)).write(value));
  return 0;
}

Result<Ref<mm::MemoryObject>> RegularFile::memory_object() { return file_inode().memory_object(); }

Result<size_t> DirectoryFile::read(IoBuffer&, uint64_t&) { return Errno::isdir; }

Result<void> DirectoryFile::read_directory(DirectorySink& sink) {
  MutexGuard position_guard(position_lock);
  Dentry& entry = *file_path().dentry;
  Inode& inode = file_inode();
  MutexGuard guard(inode.superblock().tree_lock);
  if (entry.is_unlinked) return Errno::noent;
  int64_t at = static_cast<int64_t>(position);
  if (at == 0) {
    if (!sink.entry(".", inode.number(), 4, 1)) return {};
    position = at = 1;
  }
  if (at == 1) {
    if (!sink.entry("..", entry.parent->inode->number(), 4, 2)) return {};
    position = at = 2;
  }
  auto outcome = inode.read_directory(file_path(), sink, at);
  position = static_cast<uint64_t>(at);
  inode.touch_accessed(flags());
  return outcome;
}

}  // namespace tine::fs
