// SPDX-License-Identifier: MIT
//
// The mount tree: attaching, finding and naming; fs/mount_calls.cpp has what mount(2) adds.
//
// Changes run under mount_mutex and, for the moment in which a path walk could see them, under
// dentry_lock. A new Mount is complete before it is attached, so a failure leaves nothing behind.
#include "fs/mount.h"

#include <algorithm>
#include <cstring>

#include "fs/mount_internal.h"
#include "mm/mm.h"

namespace tine::fs {

constinit Mutex mount_mutex{LockRank::mount_namespace};

namespace {

std::atomic<int> next_mount_id{1};
[[clang::no_destroy]] constinit Ref<Mount> the_root;
constinit FileSystemType* file_systems = nullptr;

// The identity of a mapped file.
class PathMapName final : public mm::MapName {
 public:
  static constexpr const char* kCacheName = "map_name";
  explicit PathMapName(const Path& path) : path_(path) {}
  size_t write_path(std::span<char> out) const override {
    return fs::write_path(path_, Path{Ref<Mount>(*the_root), the_root->root}, out);
  }
  uint64_t device() const override { return path_.inode().superblock().device; }
  uint64_t inode_number() const override { return path_.inode().number(); }
  const Path& path() const { return path_; }

 private:
  Path path_;
};

// Fills a buffer from its end.
class BackwardWriter {
 public:
  explicit BackwardWriter(std::span<char> out) : out_(out), start_(out.size()) {}
  void prepend(std::string_view text) {
    if (text.size() > start_) {
      overflowed_ = true;
      text.remove_prefix(text.size() - start_);
    }
    start_ -= text.size();
    std::memcpy(out_.data() + start_, text.data(), text.size());
  }
  bool is_empty() const { return start_ == out_.size(); }
  // Moves the text to the front and returns its length.
  size_t finish() {
    size_t length = out_.size() - start_;
    std::memmove(out_.data(), out_.data() + start_, length);
    return overflowed_ ? out_.size() : length;
  }

 private:
  std::span<char> out_;
  size_t start_;
  bool overflowed_ = false;
};

}  // namespace

Mount::Mount(Ref<Superblock> of, Ref<Dentry> root_entry, uint32_t mount_flags)
    : superblock(std::move(of)),
      root(std::move(root_entry)),
      flags(mount_flags),
      id(next_mount_id.fetch_add(1, std::memory_order_relaxed)) {}

Mount::~Mount() = default;

void Mount::last_ref_dropped() {
  // A path walk under the lock may still look at it; none finds it any more once that has been ours.
  { SpinGuard guard(dentry_lock); }
  destroy_and_reclaim_later(*this);
}

Mount& root_mount() { return *the_root; }
void set_root_mount(Ref<Mount> mount) { the_root = std::move(mount); }
Ref<Mount> exchange_root_mount(Ref<Mount> mount) { return std::exchange(the_root, std::move(mount)); }

Mount* mount_at(const Mount& parent, const Dentry& dentry) {
  Mount* child = load_link(dentry.first_mount);
  while (child != nullptr && load_link(child->parent) != &parent) child = load_link(child->next_here);
  return child;
}

void link_mount(Mount& mount, const Path& where) {
  set_link(mount.parent, where.mount.get());
  mount.parent->ref_get();
  mount.mount_point = where.dentry;
  set_link(mount.next_here, where.dentry->first_mount);
  set_link(where.dentry->first_mount, &mount);
  where.mount->children.push_back(mount);
}

void unlink_mount(Mount& mount) {
  mount.parent->children.erase(mount.parent->children.iterator_to(mount));
  Mount** link = &mount.mount_point->first_mount;
  while (*link != &mount) link = &(*link)->next_here;
  set_link(*link, mount.next_here);
}

Result<Ref<Mount>> make_mount(Ref<Superblock> superblock, Ref<Dentry> root, uint32_t flags,
                              std::string_view source) {
  Ref<Mount> mount = TRY(make_ref<Mount>(std::move(superblock), std::move(root), flags));
  size_t length = std::min(source.size(), sizeof mount->source_buffer - 1);
  if (length != 0) {
    std::memcpy(mount->source_buffer, source.data(), length);
    mount->source = mount->source_buffer;
  }
  return mount;
}

Result<void> attach(Ref<Mount> mount, const Path& where) {
  mount_mutex.assert_held();
  if (is_directory(where.inode().mode()) != is_directory(mount->root->inode->mode())) {
    return Errno::notdir;
  }
  SpinGuard guard(dentry_lock);
  if (where.dentry->is_unlinked) return Errno::noent;
  if (mount_at(*where.mount, *where.dentry) != nullptr) return Errno::busy;
  TreeChange change;
  link_mount(*mount, where);
  mount->is_attached = true;
  (void)mount.leak();  // the tree's reference
  return {};
}

Result<void> attach_mount(Ref<Superblock> superblock, const Path& where, uint32_t flags,
                          std::string_view source) {
  Ref<Dentry> root(superblock->root());
  Ref<Mount> mount = TRY(make_mount(std::move(superblock), std::move(root), flags, source));
  MutexGuard guard(mount_mutex);
  return attach(std::move(mount), where);
}

// Visits the tree in order of attachment. The mutex keeps it still; `visit` may sleep.
void for_each_mount(void* context, void (*visit)(void* context, Mount& mount)) {
  MutexGuard guard(mount_mutex);
  Mount* mount = the_root.get();
  while (mount != nullptr) {
    visit(context, *mount);
    if (!mount->children.empty()) {
      mount = &mount->children.front();
      continue;
    }
    while (mount != the_root.get()) {
      auto next = std::next(mount->parent->children.iterator_to(*mount));
      if (next != mount->parent->children.end()) {
        mount = &*next;
        break;
      }
      mount = mount->parent;
    }
    if (mount == the_root.get()) return;
  }
}

void register_file_system(FileSystemType& type) {
  type.next = file_systems;
  file_systems = &type;
}

FileSystemType* first_file_system() { return file_systems; }

Result<Ref<Superblock>> make_file_system(std::string_view type_name, std::string_view options) {
  for (FileSystemType* type = file_systems; type != nullptr; type = type->next) {
    if (type_name == type->name) return type->make(options);
  }
  return Errno::nodev;
}

size_t write_path(const Path& path, const Path& root, std::span<char> out,
                  Unreachable unreachable) {
  BackwardWriter writer(out);
  SpinGuard guard(dentry_lock);
  const Mount* mount = path.mount.get();
  const Dentry* dentry = path.dentry.get();
  if (dentry->is_unlinked) writer.prepend(" (deleted)");
  bool reached = true;
  while (mount != root.mount.get() || dentry != root.dentry.get()) {
    if (dentry == mount->root.get()) {
      if (mount->parent == nullptr) {
        reached = mount == the_root.get() && root.mount.get() == nullptr;
        break;
      }
      dentry = mount->mount_point.get();
      mount = mount->parent;
      continue;
    }
    writer.prepend(dentry->name());
    writer.prepend("/");
    dentry = dentry->parent;
  }
  if (writer.is_empty()) writer.prepend("/");
  if (!reached && unreachable == Unreachable::is_told) writer.prepend("(unreachable)");
  return writer.finish();
}

Ref<mm::MapName> make_map_name(const Path& path) {
  auto name = make_ref<PathMapName>(path);
  return name ? Ref<mm::MapName>(std::move(*name)) : Ref<mm::MapName>();
}

const Path& place_of(const mm::MapName& name) { return static_cast<const PathMapName&>(name).path(); }

}  // namespace tine::fs
