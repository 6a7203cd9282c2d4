// SPDX-License-Identifier: MIT
//
// From names to places: path_resolution(7). resolve() finds what a path names; resolve_parent()
// finds the directory that holds the last component, for calls that create or remove names.
//
// Errors as Linux: ENOENT, ENOTDIR, EACCES (search permission), ELOOP (more than 40 symbolic links),
// ENAMETOOLONG (component over 255 bytes; over 4095 in all is refused while copying the string).
// Takes dentry_lock for cached names, and tree_lock for those that the file system must look up.
#pragma once

#include <string_view>

#include "fs/mount.h"
#include "mm/user_memory.h"

namespace tine::fs {

inline constexpr int kAtFdCwd = -100;

enum WalkFlags : uint32_t {
  kWalkNoFollow = 1,       // the last component is not followed when it is a symbolic link
  kWalkDirectory = 2,      // ENOTDIR unless the result is a directory
  kWalkEmptyOk = 4,        // AT_EMPTY_PATH: "" means the descriptor itself
  kWalkParent = 8,         // internal: stop before the last component
};

// What a symbolic link leads to: text to walk, or (magic links of /proc) a place as such.
struct LinkTarget {
  std::string_view text;          // valid while the inode or `storage` is
  Buffer<char> storage;
  Path jump;
};

// A path argument of a system call, copied: short ones need no allocation.
class PathString {
 public:
  static constexpr size_t kMaxPath = 4096;
  // ENAMETOOLONG, EFAULT, ENOMEM; ENOENT for "" unless allowed.
  Result<void> copy_from(UserString user, bool empty_ok = false);
  std::string_view view() const { return view_; }

 private:
  std::string_view view_;
  Buffer<char> heap_;
  char inline_[152];
};

// The place that `path` names for the running task, starting at its cwd, its root or `directory_fd`.
Result<Path> resolve(int directory_fd, std::string_view path, uint32_t walk_flags);
// The same from a given place, for the kernel's own purposes; root is the task's, or `start` itself
// for a task without FsContext.
Result<Path> resolve_from(const Path& start, std::string_view path, uint32_t walk_flags);

struct ParentPath {
  Path directory;
  std::string_view name;          // last component, within the argument; may be "." or ".."
  bool trailing_slash = false;
  bool is_root = false;           // the path was "/": there is no last component
};
// `path` must outlive the result. Links in the last component are not followed.
Result<ParentPath> resolve_parent(int directory_fd, std::string_view path);
Result<ParentPath> resolve_parent_from(const Path& start, std::string_view path);

}  // namespace tine::fs
