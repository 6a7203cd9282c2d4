// SPDX-License-Identifier: MIT
//
// Unpacking: each entry of the archive becomes an entry of the dentry cache and a tmpfs inode. The
// directory of the previous entry is remembered, since neighbours mostly share it; names are looked
// up in the cache directly, as nothing is mounted yet and symbolic links lead nowhere here.
//
// Refused, with a log line each: names with "..", names that go through something that is no
// directory, unknown kinds. Absolute names are taken below the root. A later entry replaces an
// earlier one of the same name, a directory keeps its contents and takes the new mode (as Linux's
// initramfs does). Hard links: the entries of one inode of the archive with more than one link; the
// contents come with one of them, usually the last.
#include "fs/initrd/unpack.h"

#include "core/log.h"
#include "fs/initrd/cpio.h"
#include "fs/tmpfs/tmpfs.h"

namespace tine::fs {

namespace {

// Files of the archive with several names, until all of them have come.
class LinkTable {
 public:
  ~LinkTable() { clear(); }
  TmpfsFile* find(const CpioEntry& entry) {
    for (Link* link = buckets_[bucket(entry)]; link != nullptr; link = link->next) {
      if (link->inode_number == entry.inode_number && link->major == entry.device_major &&
          link->minor == entry.device_minor) {
        return link->file.get();
      }
    }
    return nullptr;
  }
  Result<void> add(const CpioEntry& entry, Ref<TmpfsFile> file) {
    Owned<Link> link = TRY(make<Link>());
    link->inode_number = entry.inode_number;
    link->major = entry.device_major;
    link->minor = entry.device_minor;
    link->file = std::move(file);
    link->next = buckets_[bucket(entry)];
    buckets_[bucket(entry)] = link.leak();
    return {};
  }
  // Numbers of one archive mean nothing in the next.
  void clear() {
    for (Link*& head : buckets_) {
      while (head != nullptr) delete std::exchange(head, head->next);
    }
  }

 private:
  struct Link : HeapAllocated {
    static constexpr const char* kCacheName = "archive_link";
    Link* next = nullptr;
    uint32_t inode_number = 0, major = 0, minor = 0;
    Ref<TmpfsFile> file;
  };
  static size_t bucket(const CpioEntry& entry) { return entry.inode_number * 0x9e37'79b9u >> 26; }
  Link* buckets_[64] = {};
};

class Unpacker {
 public:
  explicit Unpacker(const Path& root)
      : superblock_(static_cast<TmpfsSuperblock&>(root.inode().superblock())),
        root_(root.dentry), directory_(root.dentry) {}

  void run(std::span<const std::byte> archive);
  const UnpackResult& result() const { return result_; }

 private:
  Result<void> add(const CpioEntry& entry);
  Result<void> enter_directory(std::string_view path);
  Result<Ref<Inode>> make(const CpioEntry& entry, std::string_view name);
  void apply_attributes(const CpioEntry& entry, Inode& inode);
  void skip(std::string_view name, const char* why);

  TmpfsSuperblock& superblock_;
  Ref<Dentry> root_;
  Ref<Dentry> directory_;               // of the last entry...
  std::string_view directory_path_;     // ...and its name in the archive
  LinkTable links_;
  UnpackResult result_;
};

const char* reason(Errno error) {
  switch (error) {
    case Errno::inval: return "its name leads out of the archive";
    case Errno::notdir: return "a part of its name is no directory";
    case Errno::nametoolong: return "its name is too long";
    case Errno::nomem: return "out of memory";
    case Errno::notempty: return "a directory with contents has its name";
    case Errno::isdir: return "a directory has its name";
    case Errno::exist: return "something else has its name";
    default: return "its kind is unknown";
  }
}

void Unpacker::skip(std::string_view name, const char* why) {
  log_warning("initrd: skipped {}: {}", name.substr(0, 200), why);
  ++result_.skipped;
}

// Makes `directory_` the place that `path` names, making what is missing on the way.
Result<void> Unpacker::enter_directory(std::string_view path) {
  if (path == directory_path_) return {};
  Ref<Dentry> at = root_;
  for (std::string_view rest = path; !rest.empty();) {
    size_t slash = std::min(rest.find('/'), rest.size());
    std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (name == "..") return Errno::inval;
    if (name.size() > superblock_.name_max) return Errno::nametoolong;
    auto next = lookup_entry(*at, name);
    if (!next) {
      Ref<Inode> made =
          TRY(at->inode->create(name, {.mode = kTypeDirectory | 0755}));
      next = add_entry(*at, name, std::move(made));
      if (!next) return next.error();
    }
    if (!is_directory((*next)->inode->mode())) return Errno::notdir;
    at = std::move(*next);
  }
  directory_ = std::move(at);
  directory_path_ = path;
  return {};
}

void Unpacker::apply_attributes(const CpioEntry& entry, Inode& inode) {
  inode.set_mode((entry.mode & kTypeMask) | (entry.mode & kPermissionMask));
  inode.set_owner(KernelUid(entry.uid), KernelGid(entry.gid));
  Nanoseconds time = Nanoseconds{entry.modify_time} * kNsPerSecond;
  inode.modify_time.store(time, std::memory_order_relaxed);
  inode.access_time.store(time, std::memory_order_relaxed);
}

Result<Ref<Inode>> Unpacker::make(const CpioEntry& entry, std::string_view name) {
  NewInode what{.mode = entry.mode & (kTypeMask | kPermissionMask),
                .uid = KernelUid(entry.uid), .gid = KernelGid(entry.gid)};
  std::string_view contents(reinterpret_cast<const char*>(entry.data.data()), entry.data.size());
  switch (type_of(entry.mode)) {
    case kTypeSymlink:
      what.target = contents.substr(0, contents.find('\0'));
      if (what.target.empty() || what.target.size() >= 4096) return Errno::nametoolong;
      break;
    case kTypeCharacter:
    case kTypeBlock:
      what.device = make_device(entry.special_major, entry.special_minor);
      break;
    case kTypeRegular:
    case kTypeDirectory:
    case kTypeFifo:
    case kTypeSocket: break;
    default: return Errno::opnotsupp;
  }
  return directory_->inode->create(name, what);
}

Result<void> Unpacker::add(const CpioEntry& entry) {
  std::string_view path = entry.name;
  while (path.ends_with('/')) path.remove_suffix(1);
  size_t slash = path.rfind('/');
  std::string_view name = path.substr(slash == path.npos ? 0 : slash + 1);
  TRY(enter_directory(slash == path.npos ? std::string_view() : path.substr(0, slash)));
  if (name == "..") return Errno::inval;
  bool is_root = (name.empty() || name == ".") && directory_ == root_;
  if (name.size() > superblock_.name_max) return Errno::nametoolong;

  Ref<Dentry> existing = is_root ? root_ : nullptr;
  if (!is_root) {
    if (auto found = lookup_entry(*directory_, name)) existing = std::move(*found);
  }
  if (existing) {
    if (is_directory(existing->inode->mode()) != is_directory(entry.mode)) return Errno::isdir;
    if (is_directory(entry.mode)) {
      apply_attributes(entry, *existing->inode);
      return {};
    }
    TRY(remove_entry(*existing));
    (void)directory_->inode->unlink(name, *existing->inode);
  }

  bool is_linked = type_of(entry.mode) == kTypeRegular && entry.link_count > 1;
  if (is_linked) {
    if (TmpfsFile* first = links_.find(entry)) {
      TRY(directory_->inode->link(name, *first));
      TRY(add_entry(*directory_, name, Ref<Inode>(*first)));
      if (!entry.data.empty() && first->size() == 0) first->set_archive(entry.data);
      apply_attributes(entry, *first);
      return {};
    }
  }
  Ref<Inode> inode = TRY(make(entry, name));
  TRY(add_entry(*directory_, name, inode));
  if (type_of(entry.mode) == kTypeRegular) {
    auto& file = static_cast<TmpfsFile&>(*inode);
    file.set_archive(entry.data);
    if (is_linked) TRY(links_.add(entry, Ref<TmpfsFile>(file)));
  }
  apply_attributes(entry, *inode);
  return {};
}

void Unpacker::run(std::span<const std::byte> archive) {
  CpioReader reader(archive);
  CpioEntry entry;
  for (;;) {
    size_t at = reader.offset();
    switch (reader.next(entry)) {
      case CpioReader::Step::entry: {
        auto added = add(entry);
        if (added) ++result_.entries;
        else skip(entry.name, reason(added.error()));
        break;
      }
      case CpioReader::Step::end_of_archive: links_.clear(); break;
      case CpioReader::Step::end: return;
      case CpioReader::Step::bad:
        log_error("initrd: {} at offset {}; what follows is ignored", reader.error(), at);
        result_.complete = false;
        return;
      case CpioReader::Step::compressed:
        log_error("initrd: the archive at offset {} is compressed, which Tine cannot read; ignored",
                  reader.offset());
        result_.complete = false;
        return;
    }
  }
}

}  // namespace

UnpackResult unpack_archive(std::span<const std::byte> archive, const Path& root) {
  Unpacker unpacker(root);
  MutexGuard guard(root.inode().superblock().tree_lock);
  unpacker.run(archive);
  return unpacker.result();
}

}  // namespace tine::fs
