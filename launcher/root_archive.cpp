// SPDX-License-Identifier: MIT
//
// See root_archive.h. libarchive does all reading, of directories and of archives alike; the order
// it gives (a directory before what is in it) is the order the guest unpacks in.
#include "root_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <ctime>
#include <memory>
#include <vector>

namespace tine::launcher {
namespace {

constexpr int kSymlinkLimit = 40;  // as in Linux; more is ELOOP there
constexpr size_t kReadSize = 128 * 1024;

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

[[noreturn]] void give_up(archive* source, const std::string& what) {
  const char* why = archive_error_string(source);
  throw Failure(fmt::format("cannot read {}: {}", what, why != nullptr ? why : "unknown error"));
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

std::optional<std::string> normalise(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return std::nullopt;
    } else {
      parts.pop_back();
    }
  }
  if (parts.empty()) return ".";
  return fmt::format("{}", fmt::join(parts, "/"));
}

RootArchive::RootArchive()
    : fd_(::memfd_create("tine-root", MFD_CLOEXEC)),
      writer_(fd_.get()),
      packed_at_(static_cast<uint32_t>(std::time(nullptr))) {
  if (!fd_) throw Failure::from_errno("cannot make a memory file for the root archive");
}

CpioEntry RootArchive::own_entry(const std::string& path, mode_t mode) const {
  CpioEntry entry;
  entry.path = path;
  entry.mode = mode;
  entry.modified = packed_at_;
  return entry;
}

uint64_t RootArchive::begin(const CpioEntry& entry, std::string link_target) {
  const uint64_t offset = writer_.begin(entry);
  index_[entry.path] = Node{entry.mode, offset, entry.size, std::move(link_target)};
  return offset;
}

void RootArchive::add_directory(const std::string& path, mode_t permissions) {
  CpioEntry entry = own_entry(path, S_IFDIR | permissions);
  entry.links = 2;
  begin(entry, "");
  writer_.end();
}

void RootArchive::add_directories(const std::string& path) {
  if (path == "." || find(path) != nullptr) return;
  add_directories(parent_of(path));
  add_directory(path, 0755);
}

void RootArchive::add_symlink(const std::string& path, const std::string& target) {
  CpioEntry entry = own_entry(path, S_IFLNK | 0777);
  entry.size = target.size();
  begin(entry, target);
  writer_.data(target);
  writer_.end();
}

void RootArchive::add_file(const std::string& path, mode_t permissions, std::string_view content) {
  CpioEntry entry = own_entry(path, S_IFREG | permissions);
  entry.size = content.size();
  begin(entry, "");
  writer_.data(content);
  writer_.end();
}

void RootArchive::add_host_file(const std::string& path, mode_t permissions,
                                const std::string& host_path) {
  const UniqueFd host(::open(host_path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!host || ::fstat(host.get(), &status) != 0) {
    throw Failure::from_errno("cannot read " + host_path);
  }
  CpioEntry entry = own_entry(path, S_IFREG | permissions);
  entry.size = static_cast<uint64_t>(status.st_size);
  entry.modified = static_cast<uint32_t>(status.st_mtime);
  begin(entry, "");
  std::vector<char> block(kReadSize);
  for (uint64_t done = 0; done < entry.size;) {
    const size_t want = std::min<uint64_t>(block.size(), entry.size - done);
    const size_t got = read_at(host.get(), block.data(), want, static_cast<off_t>(done), host_path);
    if (got == 0) break;
    writer_.data({block.data(), got});
    done += got;
  }
  writer_.end();
}

void RootArchive::add_host_root(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) throw Failure::from_errno("--root " + path);
  if (S_ISDIR(status.st_mode)) {
    const Reader disk(archive_read_disk_new(), archive_read_free);
    archive_read_disk_set_symlink_physical(disk.get());
    archive_read_disk_set_behavior(disk.get(),
                                   ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS | ARCHIVE_READDISK_NO_XATTR |
                                       ARCHIVE_READDISK_NO_ACL | ARCHIVE_READDISK_NO_FFLAGS);
    if (archive_read_disk_open(disk.get(), path.c_str()) != ARCHIVE_OK) give_up(disk.get(), path);
    add_all(disk.get(), path, path);
    return;
  }
  const Reader packed(archive_read_new(), archive_read_free);
  archive_read_support_format_all(packed.get());
  archive_read_support_filter_all(packed.get());
  if (archive_read_open_filename(packed.get(), path.c_str(), kReadSize) != ARCHIVE_OK) {
    give_up(packed.get(), "--root " + path);
  }
  add_all(packed.get(), path, "");
}

void RootArchive::add_all(archive* source, const std::string& source_name,
                          const std::string& strip) {
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> member(archive_entry_new(),
                                                                             archive_entry_free);
  for (;;) {
    const int result = archive_read_next_header2(source, member.get());
    if (result == ARCHIVE_EOF) return;
    if (result < ARCHIVE_WARN) give_up(source, source_name);
    const char* name = archive_entry_pathname(member.get());
    if (name == nullptr) throw Failure(source_name + ": a member without a name");
    std::string_view relative(name);
    if (relative.starts_with(strip)) relative.remove_prefix(strip.size());
    const std::optional<std::string> path = normalise(relative);
    if (!path) throw Failure(fmt::format("{}: the member {} leaves the root", source_name, name));
    if (*path != ".tine" && !path->starts_with(".tine/")) {  // the launcher's own place
      add_member(source, member.get(), *path);
    }
    if (!strip.empty()) archive_read_disk_descend(source);
  }
}

bool RootArchive::add_hard_link(archive_entry* member, CpioEntry& entry, bool& has_data) {
  if (const char* target = archive_entry_hardlink(member); target != nullptr) {  // tar
    const std::optional<std::string> path = normalise(target);
    const auto found = path ? inode_of_path_.find(*path) : inode_of_path_.end();
    if (found == inode_of_path_.end()) {
      throw Failure(
          fmt::format("{}: a hard link to {}, which does not come before it", entry.path, target));
    }
    entry.inode = found->second;
    index_[entry.path] = index_[*path];
    has_data = archive_entry_size_is_set(member) && archive_entry_size(member) > 0;
    return !has_data;
  }
  const auto key = std::pair(archive_entry_dev(member), archive_entry_ino64(member));
  if (archive_entry_nlink(member) < 2 || key.second == 0) return false;
  const auto [at, is_first] = host_inodes_.try_emplace(key, writer_.fresh_inode(), entry.path);
  entry.inode = at->second.first;
  if (is_first) return false;
  index_[entry.path] = index_[at->second.second];
  return true;
}

void RootArchive::add_member(archive* source, archive_entry* member, const std::string& path) {
  if (path != ".") add_directories(parent_of(path));
  CpioEntry entry = own_entry(path, archive_entry_mode(member));
  const bool as_root = ::geteuid() == 0;
  const auto uid = static_cast<uid_t>(archive_entry_uid(member));
  const auto gid = static_cast<gid_t>(archive_entry_gid(member));
  entry.uid = !as_root && uid == ::geteuid() ? 0 : uid;
  entry.gid = !as_root && gid == ::getegid() ? 0 : gid;
  entry.modified = static_cast<uint32_t>(archive_entry_mtime(member));
  const mode_t type = entry.mode & S_IFMT;
  if (type == S_IFLNK) {
    const char* target = archive_entry_symlink(member);
    if (target == nullptr) throw Failure(path + ": a symbolic link without a target");
    entry.size = std::string_view(target).size();
    begin(entry, target);
    writer_.data(target);
    writer_.end();
    return;
  }
  if (type == S_IFBLK || type == S_IFCHR) entry.device = archive_entry_rdev(member);
  if (type == S_IFDIR) entry.links = 2;
  bool has_data = type == S_IFREG || type == 0;
  if (has_data) {
    // At least 2, so that a later member of a tar archive can still be a hard link to this one.
    entry.mode = S_IFREG | (entry.mode & 07777);
    entry.links = std::max(2U, archive_entry_nlink(member));
    if (add_hard_link(member, entry, has_data)) {
      writer_.begin(entry);
      writer_.end();
      return;
    }
    if (entry.inode == 0) entry.inode = writer_.fresh_inode();
    if (archive_format(source) != 0) inode_of_path_[path] = entry.inode;
  }
  if (has_data) entry.size = static_cast<uint64_t>(archive_entry_size(member));
  begin(entry, "");
  if (has_data) add_data(source, entry.size, path);
  writer_.end();
}

void RootArchive::add_data(archive* source, uint64_t size, const std::string& path) {
  uint64_t done = 0;
  while (done < size) {
    const void* block = nullptr;
    size_t block_size = 0;
    la_int64_t block_offset = 0;
    const int result = archive_read_data_block(source, &block, &block_size, &block_offset);
    if (result == ARCHIVE_EOF) return;
    if (result < ARCHIVE_WARN) give_up(source, path);
    const auto offset = static_cast<uint64_t>(block_offset);
    if (offset > done && offset <= size) {  // a hole of a sparse file
      writer_.zeros_of_data(offset - done);
      done = offset;
    }
    // A file that grows while it is packed keeps the size it had at first.
    const size_t part = std::min<uint64_t>(block_size, size - done);
    writer_.data({static_cast<const char*>(block), part});
    done += part;
  }
}

const RootArchive::Node* RootArchive::find(std::string_view path) const {
  std::string pending(path);
  std::string resolved = ".";
  int symlinks = 0;
  const Node* node = nullptr;
  static const Node kRoot{S_IFDIR | 0755, 0, 0, ""};
  node = &kRoot;
  while (!pending.empty()) {
    const size_t slash = pending.find('/');
    const std::string part = pending.substr(0, slash);
    pending.erase(0, slash == std::string::npos ? pending.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (!S_ISDIR(node->mode)) return nullptr;
    if (part == "..") {
      resolved = parent_of(resolved);
    } else {
      const std::string next = resolved == "." ? part : resolved + "/" + part;
      const auto found = index_.find(next);
      if (found == index_.end()) return nullptr;
      if (S_ISLNK(found->second.mode)) {
        if (++symlinks > kSymlinkLimit) return nullptr;
        const std::string& target = found->second.link_target;
        if (target.starts_with('/')) {
          resolved = ".";
          node = &kRoot;
        }
        pending = target + "/" + pending;
        continue;
      }
      resolved = next;
    }
    const auto here = index_.find(resolved);
    node = here == index_.end() ? &kRoot : &here->second;
  }
  return node;
}

}  // namespace tine::launcher
