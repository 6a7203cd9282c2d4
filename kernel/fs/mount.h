// SPDX-License-Identifier: MIT
//
// Mount: a file system (or a part of one, for bind mounts) attached to a place in the tree.
// Path: a place in the tree as a program sees it: a dentry and the mount through which it is reached.
//
// The mount tree (parent, children, mount points) is guarded by dentry_lock and tree_sequence like
// that of names; changes also hold mount_mutex. Every process sees one tree.
// A mount keeps its superblock and, while attached, its parent and mount point; the tree keeps each
// attached mount. A mount that has been detached lives on for those who have files open on it.
#pragma once

#include "core/list.h"
#include "core/ref.h"
#include "fs/dentry.h"
#include "fs/inode.h"
#include "mm/heap.h"

namespace tine::fs {

enum MountFlags : uint32_t {  // mount(2)
  kMountReadOnly = 1, kMountNoSuid = 2, kMountNoDev = 4, kMountNoExec = 8,
  kMountNoAtime = 1024, kMountRelAtime = 1u << 21,
};

struct Mount;

struct Path {
  Ref<Mount> mount;
  Ref<Dentry> dentry;
  Inode& inode() const { return *dentry->inode; }
  explicit operator bool() const { return static_cast<bool>(dentry); }
  bool operator==(const Path&) const = default;
};

struct Mount : RefCounted<Mount>, Reclaimable {
  static constexpr const char* kCacheName = "mnt_cache";
  Mount(Ref<Superblock> of, Ref<Dentry> root_entry, uint32_t mount_flags);
  ~Mount();
  void last_ref_dropped();

  Ref<Superblock> superblock;
  Ref<Dentry> root;
  std::atomic<uint32_t> flags;
  int id;                               // /proc/PID/mountinfo
  // Guarded by dentry_lock; lookups follow the links.
  Mount* parent = nullptr;              // link; holds a reference; null: root of the tree, or detached
  Mount* next_here = nullptr;           // link: the next one on the same dentry
  Ref<Dentry> mount_point;              // in the parent
  ListNode sibling_node;
  List<Mount, &Mount::sibling_node> children;
  bool is_attached = false;
  const char* source = "none";          // what mount(2) was told, for /proc/mounts
  char source_buffer[32] = {};

  bool is_read_only() const { return flags.load(std::memory_order_relaxed) & kMountReadOnly; }
};

extern Mutex mount_mutex;               // rank mount_namespace

Mount& root_mount();                    // of the tree; set by init
// Attaches a file system at `where`. ENOMEM, EBUSY, ENOENT (where has been unlinked), ENOTDIR.
Result<void> attach_mount(Ref<Superblock> superblock, const Path& where, uint32_t flags,
                          std::string_view source);
// mount(2) and umount2(2) with paths resolved; privileges checked by the system call.
Result<void> bind_mount(const Path& from, const Path& to, bool recursive);
Result<void> move_mount(const Path& from, const Path& to);
// `lazy`: at once, with all below it; EBUSY otherwise if it is in use.
Result<void> detach_mount(Path what, bool lazy);
Result<void> pivot_root(const Path& new_root, const Path& put_old);
// Calls `visit` for every attached mount, parents first: /proc/mounts, mountinfo.
void for_each_mount(void* context, void (*visit)(void* context, Mount& mount));

// A file system that mount(2) can make by name. Registered at start-up; never unregistered.
struct FileSystemType {
  const char* name;
  Result<Ref<Superblock>> (*make)(std::string_view options);
  bool needs_device;                    // false: "nodev" in /proc/filesystems
  FileSystemType* next;
};
void register_file_system(FileSystemType& type);
FileSystemType* first_file_system();
Result<Ref<Superblock>> make_file_system(std::string_view type_name, std::string_view options);

// EROFS if the mount is read-only.
inline Result<void> check_mount_writable(const Mount& mount) {
  if (mount.is_read_only()) return Errno::rofs;
  return {};
}

// Writes the absolute name of `path` below `root` and returns its length; names that have been
// unlinked end in " (deleted)". Places outside `root` begin with "(unreachable)" if it is to be told,
// as getcwd(2) does; links of /proc do not. Too long a name is cut at the front: `out.size()` is
// returned then.
enum class Unreachable : bool { is_not_told, is_told };
size_t write_path(const Path& path, const Path& root, std::span<char> out,
                  Unreachable unreachable = Unreachable::is_not_told);

// The identity of a mapped file for /proc/PID/maps.
Ref<mm::MapName> make_map_name(const Path& path);  // null when there is no memory
const Path& place_of(const mm::MapName& name);     // of one that make_map_name() made

}  // namespace tine::fs
