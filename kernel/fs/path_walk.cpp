// SPDX-License-Identifier: MIT
//
// The path walk. It begins by looking: under a LookupGuard, without locks or references, through
// names that are cached, up and down and across mounts. What it has come to, or the error, counts if
// tree_sequence is what it was; references are taken first, on the place it came to alone.
//
// Where that does not do (a symbolic link, a name that the file system must look up, the way up out
// of a mount) it takes dentry_lock, and the FsContext's lock, which keeps its starting point, and goes
// on from where it is with plain pointers; if the tree has changed, from the start. It lets go of the
// locks for names that the file system looks up and for links whose text is computed, with references.
#include "fs/path_walk.h"

#include <optional>

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

  // A path that is not absolute starts here instead of the task's cwd; the caller keeps the place.
  void start_at(const Path& path) { start_ = &path; }
  // Walks; afterwards result() and, with kWalkParent, last_name() tell.
  Result<void> walk(std::string_view path);
  Result<Path> result();
  std::string_view last_name() const { return last_name_; }
  bool has_trailing_slash() const { return trailing_slash_; }

 private:
  void go_to_start();
  bool end_looking(bool has_arrived);
  bool lock_here();
  void look_ahead();
  Result<void> walk_on();
  Result<void> step(std::string_view name, bool is_last);
  Result<void> step_up();
  Result<void> look_up_slowly(std::string_view name);
  Result<void> follow_link(Owned<LinkLevel> level);
  void leave_link();
  void cross_mounts();
  void go_to_root();
  void lock_all() NO_THREAD_SAFETY_ANALYSIS;
  void lock_context() NO_THREAD_SAFETY_ANALYSIS;
  void unlock_all() NO_THREAD_SAFETY_ANALYSIS;
  Result<void> unlock_holding();
  // The next component of remaining_, which loses it; empty at the end.
  std::string_view take_component();

  uint32_t flags_;
  FsContext* context_;
  const Path* start_ = nullptr;
  FsContext::Places places_{};    // the task's when the walk began
  std::string_view path_;
  std::optional<LookupGuard> looking_;
  uint32_t since_ = 0;            // tree_sequence then
  bool locked_ = false;
  bool context_locked_ = false;
  bool trailing_slash_ = false;
  int links_ = 0;
  std::string_view remaining_;
  std::string_view last_name_;
  Owned<LinkLevel> level_;
  Owned<LinkLevel> spent_;
  // Where the walk is. The references are empty while the guard or the locks keep the place.
  Mount* mount_ = nullptr;
  Dentry* dentry_ = nullptr;
  Ref<Mount> mount_held_;
  Ref<Dentry> dentry_held_;
  Path root_held_;
};

void Walker::lock_context() {
  if (context_ == nullptr) return;
  context_->lock.lock();
  context_locked_ = true;
}

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
  Ref<Mount> old_mount;  // these go when the lock is free again, the dentry first
  Ref<Dentry> old_dentry;
  if (dentry_held_.get() != dentry_) {
    if (!dentry_->ref_get_unless_zero()) return Errno::noent;
    old_dentry = std::exchange(dentry_held_, Ref<Dentry>::adopt(dentry_));
  }
  if (mount_held_.get() != mount_) old_mount = std::exchange(mount_held_, Ref<Mount>(*mount_));
  if (!root_held_) root_held_ = Path{Ref<Mount>(*places_.root_mount), Ref<Dentry>(*places_.root)};
  unlock_all();
  return {};
}

// All of the path lies ahead. The root is the task's, or the tree's for the kernel's own threads.
void Walker::go_to_start() {
  if (context_ != nullptr) {
    places_ = context_->look();
  } else {
    places_.cwd_mount = places_.root_mount = &root_mount();
    places_.cwd = places_.root = root_mount().root.get();
  }
  mount_ = start_ != nullptr ? start_->mount.get() : places_.cwd_mount;
  dentry_ = start_ != nullptr ? start_->dentry.get() : places_.cwd;
  remaining_ = path_;
  if (path_.starts_with('/')) go_to_root();
}

// Looking is over. False: what was seen may never have been so; all is to be done again. References
// come before the last look at the sequence: who unmounts begins a change and then counts them.
bool Walker::end_looking(bool has_arrived) {
  bool was_so = true;
  if (has_arrived) {
    // The mount first, for no dentry outlives its file system. What is taken in vain goes with the
    // walk: here it might be the last one.
    was_so = mount_->ref_get_unless_zero();
    if (was_so) mount_held_ = Ref<Mount>::adopt(mount_);
    was_so = was_so && dentry_->ref_get_unless_zero();
    if (was_so) dentry_held_ = Ref<Dentry>::adopt(dentry_);
  }
  was_so = was_so && tree_sequence.is_unchanged(since_);
  looking_.reset();
  return was_so;
}

// Goes on under the locks, here if nothing has changed meanwhile; else (false) from the start. With
// the lock held no place dies that still counts, and the tree stays.
bool Walker::lock_here() {
  lock_context();
  lock_all();
  const bool is_same = tree_sequence.is_unchanged(since_) && dentry_->ref_count() != 0 &&
                       mount_->ref_count() != 0 &&
                       (context_ == nullptr || context_->look() == places_);
  looking_.reset();
  if (!is_same) go_to_start();
  return is_same;
}

Result<void> Walker::walk(std::string_view path) {
  path_ = path;
  looking_.emplace();
  since_ = tree_sequence.begin_read();
  go_to_start();
  Result<void> outcome = walk_on();
  if (!looking_ || end_looking(outcome.has_value())) return outcome;
  lock_context();
  lock_all();
  go_to_start();
  return walk_on();
}

void Walker::go_to_root() {
  mount_ = places_.root_mount;
  dentry_ = places_.root;
}

void Walker::cross_mounts() {
  while (Mount* child = mount_at(*mount_, *dentry_)) {
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

// The usual case of walk_on() in one loop: cached names in directories that everybody may search. It
// stops before anything else, which is walk_on()'s, and takes the last name only where no slash follows.
void Walker::look_ahead() {
  constexpr uint32_t kSearchable = kTypeDirectory | 0111;
  const Dentry* place = dentry_;
  const char* at = remaining_.data();
  const char* const end = at + remaining_.size();
  while (place->entries_are_pinned) {
    const char* const name = at != end && *at == '/' ? at + 1 : at;
    const char* stop = name;
    while (stop != end && *stop != '/') ++stop;
    const auto length = static_cast<size_t>(stop - name);
    if (length == 0 || length > kNameMax || *name == '.') break;
    if (stop == end ? (flags_ & kWalkParent) != 0 : stop + 1 == end || stop[1] == '/') break;
    if ((place->inode->mode() & (kTypeMask | 0111)) != kSearchable) break;
    Dentry* const next = find_entry(*place, {name, length});
    if (next == nullptr || next->inode->type() == kTypeSymlink) break;
    dentry_ = next;
    if (load_link(next->first_mount) != nullptr) cross_mounts();
    place = dentry_;
    at = stop;
  }
  remaining_ = {at, static_cast<size_t>(end - at)};
}

Result<void> Walker::walk_on() {
  for (;;) {
    look_ahead();
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
  if (dentry_->entries_are_pinned) {
    Dentry* next = find_entry(*dentry_, name);
    if (next == nullptr) return Errno::noent;
    if (next->inode->type() != kTypeSymlink ||
        (is_last && !trailing_slash_ && (flags_ & kWalkNoFollow))) {
      dentry_ = next;
      cross_mounts();
      return {};
    }
    if (looking_) {
      if (!lock_here()) return {};
      if (next->ref_count() == 0) return Errno::noent;  // it has just lost its name
    }
    Owned<LinkLevel> level = TRY(make<LinkLevel>());
    TRY(next->inode->read_link(level->target));
    level->link = next->inode;
    return follow_link(std::move(level));
  }
  if (looking_ && !lock_here()) return {};
  dentry_lock.assert_held();
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
    if (mount_ == places_.root_mount && dentry_ == places_.root) break;
    if (dentry_ != mount_->root.get()) {
      dentry_ = load_link(dentry_->parent);
      break;
    }
    if (load_link(mount_->parent) == nullptr) break;
    if (looking_ && !lock_here()) return {};
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

// Makes the walk start where the path says: at /, at the cwd, or at a descriptor.
Result<void> start(Walker& walker, int directory_fd, std::string_view path, Ref<File>& file) {
  if (path.starts_with('/') || directory_fd == kAtFdCwd) return {};
  file = TRY(get_file_or_path(directory_fd));
  if (file->path() == nullptr) return Errno::notdir;
  walker.start_at(*file->path());
  return {};
}

}  // namespace

Result<Path> resolve(int directory_fd, std::string_view path, uint32_t walk_flags) {
  if (path.empty() && !(walk_flags & kWalkEmptyOk)) return Errno::noent;
  Ref<File> file;
  Walker walker(walk_flags);
  TRY(start(walker, directory_fd, path, file));
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
  TRY(start(walker, directory_fd, path, file));
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
