// SPDX-License-Identifier: MIT
//
// Opening: from a name to a File. The order of checks is open(2)'s: find or create, type against
// flags, permission, ETXTBSY, truncation; each failure gives back what was taken before it.
#include "fs/open.h"

#include "fs/dentry.h"
#include "fs/fs_context.h"
#include "fs/names.h"
#include "fs/opened_file.h"
#include "fs/pipe.h"
#include "task/task.h"

namespace tine::fs {

namespace {

constinit CharacterDevice* character_devices = nullptr;

uint32_t access_of(uint32_t flags) {
  switch (flags & kAccessMode) {
    case kReadOnly: return kMayRead;
    case kWriteOnly: return kMayWrite;
    default: return kMayRead | kMayWrite;
  }
}

// May the running task open this existing file so?
Result<void> check_open(const Path& path, uint32_t flags) {
  Inode& inode = path.inode();
  uint32_t access = access_of(flags) | (flags & kTruncate ? uint32_t{kMayWrite} : 0);
  switch (inode.type()) {
    case kTypeSymlink: return Errno::loop;
    case kTypeDirectory:
      if (access & kMayWrite) return Errno::isdir;
      break;
    case kTypeCharacter:
    case kTypeBlock:
      if (path.mount->flags & kMountNoDev) return Errno::acces;
      break;
    case kTypeRegular:
      if (access & kMayWrite) TRY(check_mount_writable(*path.mount));
      break;
    default: break;
  }
  TRY(check_access(inode, access));
  if ((flags & kNoAtime) && !is_owner_or_capable(inode)) return Errno::perm;
  return {};
}

// Opens the last component, which may not exist yet. `path` may lead through symbolic links, also
// through one whose target is to be created.
Result<Path> find_or_create(int directory_fd, std::string_view path, uint32_t flags, uint32_t mode,
                            bool& created) {
  bool exclusive = flags & kExclusive;
  if (!exclusive) {
    auto found = resolve(directory_fd, path, flags & kNoFollow ? uint32_t{kWalkNoFollow} : 0);
    if (found || found.error() != Errno::noent) return found;
  }
  ParentPath parent = TRY(resolve_parent(directory_fd, path));
  LinkTarget target;
  for (int links = 0;; ++links) {
    if (parent.is_root || parent.name == "." || parent.name == "..") {
      return exclusive ? Errno::exist : Errno::isdir;
    }
    if (parent.trailing_slash) return Errno::isdir;
    uint32_t umask = current().fs ? current().fs->umask() : 0;
    auto made = create_name(parent.directory, parent.name,
                            {.mode = kTypeRegular | (mode & kPermissionMask & ~umask)});
    if (made) {
      created = true;
      return made;
    }
    if (made.error() != Errno::exist || exclusive) return made.error();
    if (links == 40) return Errno::loop;
    // Somebody made it meanwhile, or it is a symbolic link to nowhere.
    Path existing = TRY(resolve_from(parent.directory, parent.name, kWalkNoFollow));
    if (existing.inode().type() != kTypeSymlink || (flags & kNoFollow)) return existing;
    LinkTarget next;
    TRY(existing.inode().read_link(next));
    if (next.jump) return std::move(next.jump);
    parent = TRY(resolve_parent_from(parent.directory, next.text));
    target = std::move(next);  // parent.name is part of it
  }
}

}  // namespace

Result<Ref<File>> open_path(const Path& path, uint32_t flags) {
  Inode& inode = path.inode();
  bool writes = inode.type() == kTypeRegular && (flags & kAccessMode) != kReadOnly;
  if (!writes) return inode.open(path, flags);
  TRY(inode.get_write_access());
  auto opened = inode.open(path, flags);
  if (!opened || (*opened)->path() == nullptr) {
    inode.put_write_access();
    return opened;
  }
  static_cast<PathFile&>(**opened).holds_write_access_ = true;
  return opened;
}

Result<Ref<File>> open_file(int directory_fd, std::string_view path, uint32_t flags, uint32_t mode) {
  uint32_t walk = (flags & kNoFollow ? uint32_t{kWalkNoFollow} : 0) |
                  (flags & kDirectory ? uint32_t{kWalkDirectory} : 0);
  if (flags & kPath) {
    Path place = TRY(resolve(directory_fd, path, walk));
    return Ref<File>(TRY(make_ref<PathOnlyFile>(
        std::move(place), flags & (kPath | kDirectory | kNoFollow | kCloseOnExec))));
  }
  bool created = false;
  Path place = flags & kCreate ? TRY(find_or_create(directory_fd, path, flags, mode, created))
                               : TRY(resolve(directory_fd, path, walk));
  if (!created) {
    if ((flags & kCreate) && is_directory(place.inode().mode())) return Errno::isdir;
    TRY(check_open(place, flags));
  }
  constexpr uint32_t kOnlyAtOpen = kCreate | kExclusive | kNoCtty | kTruncate | kCloseOnExec;
  uint32_t kept = (flags & ~kOnlyAtOpen) | (flags & kNoCtty);
  Ref<File> file = TRY(open_path(place, kept));
  file->set_flags(file->flags() & ~kNoCtty);
  if ((flags & kTruncate) && !created && place.inode().type() == kTypeRegular) {
    TRY(place.inode().set_attributes({.what = AttributeChange::size_bit, .size = 0}));
  }
  return file;
}

Result<Ref<File>> Inode::open(const Path& path, uint32_t flags) {
  switch (type()) {
    case kTypeRegular: return Ref<File>(TRY(make_ref<RegularFile>(path, flags)));
    case kTypeDirectory: return Ref<File>(TRY(make_ref<DirectoryFile>(path, flags)));
    case kTypeFifo: return open_fifo(path, flags);
    case kTypeCharacter: return open_character_device(path, special_device, flags);
    case kTypeSymlink: return Errno::loop;
    default: return Errno::nxio;  // sockets; block devices, of which there are none
  }
}

void register_character_device(CharacterDevice& device) {
  device.next = character_devices;
  character_devices = &device;
}

CharacterDevice* first_character_device() { return character_devices; }

Result<Ref<File>> open_character_device(const Path& path, uint64_t device, uint32_t flags) {
  for (CharacterDevice* driver = character_devices; driver != nullptr; driver = driver->next) {
    if (driver->major == device_major(device) && device_minor(device) >= driver->first_minor &&
        device_minor(device) - driver->first_minor < driver->count) {
      return driver->open(path, device, flags);
    }
  }
  return Errno::nxio;
}

Result<void> make_node(std::string_view path, uint32_t mode, uint64_t device) {
  Path root{Ref<Mount>(root_mount()), root_mount().root};
  ParentPath parent = TRY(resolve_parent_from(root, path));
  TRY(create_name(parent.directory, parent.name, {.mode = mode, .device = device}));
  return {};
}

Result<void> make_symlink(std::string_view target, std::string_view path) {
  Path root{Ref<Mount>(root_mount()), root_mount().root};
  ParentPath parent = TRY(resolve_parent_from(root, path));
  TRY(create_name(parent.directory, parent.name, {.mode = kTypeSymlink | 0777, .target = target}));
  return {};
}

}  // namespace tine::fs
