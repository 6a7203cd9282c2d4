// SPDX-License-Identifier: MIT
//
// The path walk. As long as names are in the cache it runs under dentry_lock (and the FsContext's
// lock, which keeps its starting point) from beginning to end, with plain pointers; references are
// taken at the end, or when it must let go of the locks: for a name that the file system has to look
// up, and for symbolic links whose text is computed.
#include "fs/path_walk.h"

#include "arch/user_access.h"
#include "fs/files.h"
#include "fs/fs_context.h"
#include "fs/mount_internal.h"
#include "task/task.h"

namespace tine::fs {

namespace {

constexpr int kMaxLinks = 40;
constexpr size_t kNameMax = 255;

// What is left to walk when a symbolic link interrupts a path, and who owns the link's text.
struct LinkLevel : HeapAllocated {
  static constexpr const char* kCacheName = "link_level";
  std::string_view rest;  // of the path above, after the link
  LinkTarget target;
  Ref<Inode> link;
  Ref<Dentry> entry;      // where the file system does not pin it
  Owned<LinkLevel> below;
};

// Holds its locks across calls, which the static analysis cannot follow; locked_ says what is held.
class Walker {
 public:
  explicit Walker(uint32_t flags) : flags_(flags), context_(current().fs.get()) {}
  ~Walker() { unlock_all(); }
  Walker(const Walker&) = delete;
  Walker& operator=(const Walker&) = delete;

  Result<void> start_at_task(bool absolute);
  Result<void> start_at_file(File& file);
  void start_at(const Path& path);
  // Walks; afterwards result() and, with kWalkParent, last_name() tell.
  Result<void> walk(std::string_view path);
  Result<Path> result();
  std::string_view last_name() const { return last_name_; }
  bool has_trailing_slash() const { return trailing_slash_; }

 private:
  Result<void> step(std::string_view name, bool is_last);
  Result<void> step_up();
  Result<void> look_up_slowly(std::string_view name);
  Result<void> follow_link(Owned<LinkLevel> level);
  void leave_link();
  void cross_mounts();
  void go_to_root();
  void lock_all() NO_THREAD_SAFETY_ANALYSIS;
  void unlock_all() NO_THREAD_SAFETY_ANALYSIS;
  Result<void> unlock_holding();
  // The next component of remaining_, which loses it; empty at the end.
  std::string_view take_component();

  uint32_t flags_;
  FsContext* context_;
  bool locked_ = false;
  bool context_locked_ = false;
  bool trailing_slash_ = false;
  int links_ = 0;
  std::string_view remaining_;
  std::string_view last_name_;
  Owned<LinkLevel> level_;
  Owned<LinkLevel> spent_;
  // Where the walk is. The references are empty while the locks alone keep the place alive.
  Mount* mount_ = nullptr;
  Dentry* dentry_ = nullptr;
  Ref<Mount> mount_held_;
  Ref<Dentry> dentry_held_;
  Mount* root_mount_ = nullptr;
  Dentry* root_dentry_ = nullptr;
  Path root_held_;
};

void Walker::lock_all() {
  dentry_lock.lock();
  locked_ = true;
}

void Walker::unlock_all() {
  if (locked_) dentry_lock.unlock();
  if (context_locked_) context_->lock.unlock();
  locked_ = context_locked_ = false;
}

// Lets go of the locks, with references on all that the walk still needs.
Result<void> Walker::unlock_holding() {
  Ref<Dentry> old_dentry;  // these go when the lock is free again
  Ref<Mount> old_mount;
  if (dentry_held_.get() != dentry_) {
    if (!dentry_->ref_get_unless_zero()) return Errno::noent;
    old_dentry = std::exchange(dentry_held_, Ref<Dentry>::adopt(dentry_));
  }
  if (mount_held_.get() != mount_) old_mount = std::exchange(mount_held_, Ref<Mount>(*mount_));
  if (!root_held_) root_held_ = Path{Ref<Mount>(*root_mount_), Ref<Dentry>(*root_dentry_)};
  unlock_all();
  return {};
}

Result<void> Walker::start_at_task(bool absolute) NO_THREAD_SAFETY_ANALYSIS {
  context_->lock.lock();
  context_locked_ = true;
  lock_all();
  root_mount_ = context_->root_locked().mount.get();
  root_dentry_ = context_->root_locked().dentry.get();
  mount_ = absolute ? root_mount_ : context_->cwd_locked().mount.get();
  dentry_ = absolute ? root_dentry_ : context_->cwd_locked().dentry.get();
  return {};
}

Result<void> Walker::start_at_file(File& file) {
  const Path* path = file.path();
  if (path == nullptr) return Errno::notdir;
  TRY(start_at_task(true));
  mount_ = path->mount.get();
  dentry_ = path->dentry.get();
  return {};
}

void Walker::start_at(const Path& path) {
  if (context_ != nullptr) {
    (void)start_at_task(true);
  } else {
    root_mount_ = &root_mount();
    root_dentry_ = root_mount().root.get();
    lock_all();
  }
  mount_ = path.mount.get();
  dentry_ = path.dentry.get();
}

void Walker::go_to_root() {
  mount_ = root_mount_;
  dentry_ = root_dentry_;
}

void Walker::cross_mounts() {
  dentry_lock.assert_held();
  while (dentry_->mounts_here != 0) {
    Mount* child = mount_at_locked(*mount_, *dentry_);
    if (child == nullptr) return;
    mount_ = child;
    dentry_ = child->root.get();
  }
}

std::string_view Walker::take_component() {
  size_t start = 0;
  while (start < remaining_.size() && remaining_[start] == '/') ++start;
  size_t end = start;
  while (end < remaining_.size() && remaining_[end] != '/') ++end;
  std::string_view component = remaining_.substr(start, end - start);
  remaining_.remove_prefix(end);
  return component;
}

bool only_slashes(std::string_view text) {
  for (char c : text) {
    if (c != '/') return false;
  }
  return true;
}

Result<void> Walker::walk(std::string_view path) {
  remaining_ = path;
  if (path.starts_with('/')) go_to_root();
  for (;;) {
    std::string_view name = take_component();
    if (name.empty()) {
      if (!level_) break;
      remaining_ = level_->rest;
      leave_link();
      continue;
    }
    bool outermost_end = only_slashes(remaining_) && !level_;
    if (outermost_end) trailing_slash_ = !remaining_.empty();
    if (!is_directory(dentry_->inode->mode())) return Errno::notdir;
    if (outermost_end && (flags_ & kWalkParent)) {
      last_name_ = name;
      break;
    }
    TRY(step(name, outermost_end));
  }
  if ((trailing_slash_ || (flags_ & kWalkDirectory)) && !(flags_ & kWalkParent) &&
      !is_directory(dentry_->inode->mode())) {
    return Errno::notdir;
  }
  return {};
}

// One component: `name` in the current directory.
Result<void> Walker::step(std::string_view name, bool is_last) {
  TRY(check_access(*dentry_->inode, kMayExecute));
  if (name[0] == '.') {
    if (name.size() == 1) return {};
    if (name == "..") return step_up();
  }
  if (name.size() > kNameMax) return Errno::nametoolong;
  Superblock& superblock = dentry_->inode->superblock();
  dentry_lock.assert_held();
  Dentry* next = superblock.entries_are_pinned
                     ? find_entry_locked(*dentry_, name, hash_name(name)) : nullptr;
  if (next != nullptr) {
    if (next->inode->type() == kTypeSymlink) {
      if (!is_last || trailing_slash_ || !(flags_ & kWalkNoFollow)) {
        Owned<LinkLevel> level = TRY(make<LinkLevel>());
        TRY(next->inode->read_link(level->target));
        level->link = next->inode;
        return follow_link(std::move(level));
      }
    }
    dentry_ = next;
    cross_mounts();
    return {};
  }
  if (superblock.entries_are_pinned) return Errno::noent;
  TRY(look_up_slowly(name));
  Inode& found = *dentry_held_->inode;
  if (found.type() != kTypeSymlink ||
      (is_last && !trailing_slash_ && (flags_ & kWalkNoFollow))) {
    return {};
  }
  // The walk stands on the link itself; its text is relative to the directory that holds it.
  Owned<LinkLevel> level = TRY(make<LinkLevel>());
  level->entry = dentry_held_;
  level->link = level->entry->inode;
  unlock_all();
  TRY(found.read_link(level->target));
  lock_all();
  dentry_ = level->entry->parent;
  return follow_link(std::move(level));
}

// Goes on with the text of a link, or at the place that a magic link names.
Result<void> Walker::follow_link(Owned<LinkLevel> level) {
  level->rest = remaining_;
  level->below = std::move(level_);
  level_ = std::move(level);
  if (++links_ > kMaxLinks) return Errno::loop;
  const LinkTarget& target = level_->target;
  if (target.jump) {
    mount_ = target.jump.mount.get();
    dentry_ = target.jump.dentry.get();
    remaining_ = {};
    return {};
  }
  if (target.text.empty()) return Errno::noent;
  remaining_ = target.text;
  if (remaining_.starts_with('/')) go_to_root();
  return {};
}

// A link's text has been walked. Its level may own things that cannot go under dentry_lock, and the
// place that it led to, so it stays until the walk ends.
void Walker::leave_link() {
  Owned<LinkLevel> level = std::move(level_);
  level_ = std::move(level->below);
  level->below = std::move(spent_);
  spent_ = std::move(level);
}

Result<void> Walker::step_up() {
  for (;;) {
    if (mount_ == root_mount_ && dentry_ == root_dentry_) break;
    if (dentry_ != mount_->root.get()) {
      dentry_ = dentry_->parent;
      break;
    }
    if (mount_->parent == nullptr) break;
    dentry_ = mount_->mount_point.get();
    mount_ = mount_->parent;
  }
  cross_mounts();
  return {};
}

// Asks the file system, without dentry_lock; the walk then stands on what it found.
Result<void> Walker::look_up_slowly(std::string_view name) {
  TRY(unlock_holding());
  Ref<Dentry> found;
  {
    MutexGuard guard(dentry_held_->inode->superblock().tree_lock);
    found = TRY(lookup_entry(*dentry_held_, name));
  }
  dentry_held_ = std::move(found);
  dentry_ = dentry_held_.get();
  lock_all();
  cross_mounts();
  return {};
}

Result<Path> Walker::result() {
  if (dentry_held_.get() == dentry_ && mount_held_.get() == mount_) {
    unlock_all();
    return Path{std::move(mount_held_), std::move(dentry_held_)};
  }
  if (!dentry_->ref_get_unless_zero()) return Errno::noent;
  Path path{Ref<Mount>(*mount_), Ref<Dentry>::adopt(dentry_)};
  unlock_all();
  return path;
}

// Starts where the path says: at /, at the cwd, or at a descriptor.
Result<void> start(Walker& walker, int directory_fd, std::string_view path, uint32_t flags,
                   Ref<File>& file) {
  if (path.starts_with('/')) return walker.start_at_task(true);
  if (directory_fd == kAtFdCwd) return walker.start_at_task(false);
  file = TRY(get_file_or_path(directory_fd));
  if (path.empty() && (flags & kWalkEmptyOk) && file->path() == nullptr) return Errno::notdir;
  return walker.start_at_file(*file);
}

}  // namespace

Result<Path> resolve(int directory_fd, std::string_view path, uint32_t walk_flags) {
  if (path.empty() && !(walk_flags & kWalkEmptyOk)) return Errno::noent;
  Ref<File> file;
  Walker walker(walk_flags);
  TRY(start(walker, directory_fd, path, walk_flags, file));
  TRY(walker.walk(path));
  return walker.result();
}

Result<Path> resolve_from(const Path& from, std::string_view path, uint32_t walk_flags) {
  Walker walker(walk_flags);
  walker.start_at(from);
  TRY(walker.walk(path));
  return walker.result();
}

namespace {

Result<ParentPath> finish_parent(Walker& walker, std::string_view path) {
  TRY(walker.walk(path));
  ParentPath parent;
  parent.name = walker.last_name();
  parent.trailing_slash = walker.has_trailing_slash();
  parent.is_root = parent.name.empty();
  if (parent.name.size() > kNameMax) return Errno::nametoolong;
  parent.directory = TRY(walker.result());
  return parent;
}

}  // namespace

Result<ParentPath> resolve_parent(int directory_fd, std::string_view path) {
  if (path.empty()) return Errno::noent;
  Ref<File> file;
  Walker walker(kWalkParent);
  TRY(start(walker, directory_fd, path, kWalkParent, file));
  return finish_parent(walker, path);
}

Result<ParentPath> resolve_parent_from(const Path& from, std::string_view path) {
  if (path.empty()) return Errno::noent;
  Walker walker(kWalkParent);
  walker.start_at(from);
  return finish_parent(walker, path);
}

Result<void> PathString::copy_from(UserString user, bool empty_ok) {
  auto length = arch::copy_string_from_user(inline_, user.address, sizeof inline_);
  char* data = inline_;
  if (!length && length.error() == Errno::nametoolong) {
    heap_ = TRY(Buffer<char>::make(kMaxPath));
    data = heap_.data();
    length = arch::copy_string_from_user(data, user.address, kMaxPath);
  }
  view_ = {data, TRY(length)};
  if (view_.empty() && !empty_ok) return Errno::noent;
  return {};
}

}  // namespace tine::fs
