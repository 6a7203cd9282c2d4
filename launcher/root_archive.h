// SPDX-License-Identifier: MIT
//
// The guest's root file system as one archive in memory (a memfd), built entry by entry: from a
// directory of the host, from a tar or cpio archive (whatever libarchive reads), or from the tiny
// default root. It keeps an index of what it holds, so that the launcher can say before any VM
// starts whether the program is there and can be executed.
//
// Kept: modes, ownership, times, symbolic and hard links, device nodes. For everybody but root the
// own uid and gid become 0 in the guest. A later entry for the same path wins in the index, as it
// does when the kernel unpacks. Everything may throw Failure (unreadable file, no memory).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cpio_writer.h"
#include "unique_fd.h"

struct archive;
struct archive_entry;

namespace tine::launcher {

class RootArchive {
 public:
  struct Node {
    mode_t mode = 0;
    uint64_t data_offset = 0;  // regular files: where in the archive
    uint64_t size = 0;
    std::string link_target;  // symbolic links
  };

  RootArchive();

  // A directory, or a file that libarchive understands.
  void add_host_root(const std::string& path);

  void add_directory(const std::string& path, mode_t permissions);
  // The missing ones among path's parents, and path itself, as 0755.
  void add_directories(const std::string& path);
  void add_symlink(const std::string& path, const std::string& target);
  void add_file(const std::string& path, mode_t permissions, std::string_view content);
  void add_host_file(const std::string& path, mode_t permissions, const std::string& host_path);

  // Follows symbolic links inside the root. nullptr where the path does not exist.
  const Node* find(std::string_view path) const;

  // Makes every byte written so far readable through fd().
  void flush() { writer_.flush(); }
  int fd() const { return fd_.get(); }

  // The trailer. Returns the size of the archive; nothing may be added any more.
  uint64_t finish() { return writer_.finish(); }

 private:
  void add_all(archive* source, const std::string& source_name, const std::string& strip);
  void add_member(archive* source, archive_entry* member, const std::string& path);
  void add_data(archive* source, uint64_t size, const std::string& path);
  bool add_hard_link(archive_entry* member, CpioEntry& entry, bool& has_data);
  uint64_t begin(const CpioEntry& entry, std::string link_target);
  CpioEntry own_entry(const std::string& path, mode_t mode) const;

  UniqueFd fd_;
  CpioWriter writer_;
  std::unordered_map<std::string, Node> index_;
  std::map<std::pair<dev_t, ino64_t>, std::pair<uint32_t, std::string>> host_inodes_;
  std::unordered_map<std::string, uint32_t> inode_of_path_;  // of members that may be linked to
  uint32_t packed_at_;
};

// "a//b/./c/" -> "a/b/c", "/" -> ".", nullopt if the path leaves the root by "..".
std::optional<std::string> normalise(std::string_view path);

}  // namespace tine::launcher
