// SPDX-License-Identifier: MIT
//
// tmpfs: superblock, directories, symbolic links and device nodes; regular files are in
// tmpfs_file.cpp. See tmpfs.h for ownership and locks.
#include "fs/tmpfs/tmpfs.h"

#include <charconv>
#include <cstring>

#include "core/format.h"
#include "fs/path_walk.h"
#include "mm/heap.h"

namespace tine::fs {

namespace {

// "64k", "10m", "2g", "4096", "50%" (of `whole`); EINVAL.
Result<uint64_t> parse_size(std::string_view text, uint64_t whole) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value > 1ull << 50) return Errno::inval;
  std::string_view suffix(end, static_cast<size_t>(text.data() + text.size() - end));
  if (suffix.empty()) return value;
  if (suffix.size() != 1) return Errno::inval;
  switch (suffix[0] | 0x20) {
    case 'k': return value << 10;
    case 'm': return value << 20;
    case 'g': return value << 30;
    case '%' | 0x20: return whole / 100 * value;
    default: return Errno::inval;
  }
}

Result<uint32_t> parse_number(std::string_view text, int base) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return Errno::inval;
  return value;
}

}  // namespace

TmpfsSuperblock::TmpfsSuperblock(const char* name) : Superblock(name, kMagic) {
  entries_are_pinned = true;
}

Result<TmpfsSuperblock::Options> TmpfsSuperblock::parse(std::string_view text) {
  uint64_t ram = mm::total_frame_count() << kPageShift;
  Options options{.max_pages = ram >> kPageShift >> 1, .max_inodes = ram >> kPageShift >> 1};
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    std::string_view option = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    size_t equals = option.find('=');
    if (option.empty()) continue;
    if (equals == option.npos) return Errno::inval;
    std::string_view key = option.substr(0, equals), value = option.substr(equals + 1);
    if (key == "size") options.max_pages = page_ceil(TRY(parse_size(value, ram))) >> kPageShift;
    else if (key == "nr_blocks") options.max_pages = TRY(parse_size(value, ram >> kPageShift));
    else if (key == "nr_inodes") options.max_inodes = TRY(parse_size(value, ram >> kPageShift));
    else if (key == "mode") options.mode = TRY(parse_number(value, 8)) & kPermissionMask;
    else if (key == "uid") options.uid = KernelUid(TRY(parse_number(value, 10)));
    else if (key == "gid") options.gid = KernelGid(TRY(parse_number(value, 10)));
    else return Errno::inval;
  }
  return options;
}

Result<Ref<Superblock>> TmpfsSuperblock::create(const char* type, const Options& options) {
  Ref<TmpfsSuperblock> superblock = TRY(make_ref<TmpfsSuperblock>(type));
  superblock->max_pages_ = options.max_pages;
  superblock->max_inodes_ = options.max_inodes;
  NewInode root{.mode = kTypeDirectory | options.mode, .uid = options.uid, .gid = options.gid};
  Ref<Inode> inode = TRY(superblock->make_inode(root));
  TRY(superblock->set_root(std::move(inode)));
  return Ref<Superblock>(std::move(superblock));
}

uint64_t TmpfsSuperblock::free_pages() const {
  if (max_pages_ == 0) return ~0ull >> kPageShift;
  uint64_t used = used_pages_.load(std::memory_order_relaxed);
  return used < max_pages_ ? max_pages_ - used : 0;
}

bool TmpfsSuperblock::charge_inode() {
  uint64_t before = used_inodes_.fetch_add(1, std::memory_order_relaxed);
  if (max_inodes_ == 0 || before < max_inodes_) return true;
  uncharge_inode();
  return false;
}

void TmpfsSuperblock::statfs(StatFs& out) {
  Superblock::statfs(out);
  uint64_t inodes = used_inodes_.load(std::memory_order_relaxed);
  if (max_pages_ != 0) {
    out.blocks = max_pages_;
    out.blocks_free = out.blocks_available = free_pages();
  }
  if (max_inodes_ != 0) {
    out.files = max_inodes_;
    out.files_free = max_inodes_ > inodes ? max_inodes_ - inodes : 0;
  }
}

size_t TmpfsSuperblock::write_options(std::span<char> out) {
  if (max_pages_ == 0) return 0;
  return format_to(out, ",size={}k,nr_inodes={}", max_pages_ * (kPageSize / 1024), max_inodes_);
}

// The charge for the inode is its destructor's to give back, once there is one.
Result<Ref<Inode>> TmpfsSuperblock::make_inode(const NewInode& what) {
  if (!charge_inode()) return Errno::nospc;
  Result<Ref<Inode>> made = Errno::nomem;
  auto take = [&made](auto inode) {
    if (inode) made = Ref<Inode>(std::move(*inode));
  };
  switch (type_of(what.mode)) {
    case kTypeRegular: take(make_ref<TmpfsFile>(*this, what)); break;
    case kTypeDirectory: take(make_ref<TmpfsDirectory>(*this, what)); break;
    case kTypeSymlink: take(make_ref<TmpfsSymlink>(*this, what)); break;
    default: take(make_ref<TmpfsInode>(*this, what)); break;
  }
  if (!made) {
    uncharge_inode();
  } else if (is_symlink(what.mode)) {
    TRY(static_cast<TmpfsSymlink&>(**made).set_target(what.target));
  }
  return made;
}

TmpfsInode::TmpfsInode(TmpfsSuperblock& superblock, const NewInode& what)
    : Inode(superblock, superblock.next_inode_number(), what.mode, what.uid, what.gid) {
  special_device = what.device;
  if (is_directory(what.mode)) add_links(1);
}

// --- Directories --------------------------------------------------------------------------------

void TmpfsDirectory::count_entry(int change) {
  entries_.fetch_add(static_cast<uint32_t>(change), std::memory_order_relaxed);
  touch_modified();
}

Result<Ref<Inode>> TmpfsDirectory::create(std::string_view, const NewInode& what) {
  Ref<Inode> inode = TRY(tmpfs().make_inode(what));
  if (is_directory(what.mode)) add_links(1);
  count_entry(1);
  return inode;
}

Result<void> TmpfsDirectory::link(std::string_view, Inode& target) {
  target.add_links(1);
  target.touch_changed();
  count_entry(1);
  return {};
}

Result<void> TmpfsDirectory::unlink(std::string_view, Inode& victim) {
  if (is_directory(victim.mode())) {
    victim.add_links(-1);  // its own "."
    add_links(-1);         // its ".."
  }
  victim.add_links(-1);
  victim.touch_changed();
  count_entry(-1);
  return {};
}

Result<void> TmpfsDirectory::rename(std::string_view, Inode& moved, Inode& to_directory,
                                    std::string_view, Inode* replaced, bool exchange) {
  auto& to = static_cast<TmpfsDirectory&>(to_directory);
  if (replaced != nullptr && !exchange) (void)to.unlink({}, *replaced);
  bool moved_is_directory = is_directory(moved.mode());
  bool replaced_is_directory = exchange && is_directory(replaced->mode());
  if (&to != this) {
    int change = (moved_is_directory ? 1 : 0) - (replaced_is_directory ? 1 : 0);
    to.add_links(change);
    add_links(-change);
  }
  count_entry(exchange ? 0 : -1);
  to.count_entry(exchange ? 0 : 1);
  moved.touch_changed();
  if (exchange) replaced->touch_changed();
  return {};
}

// The entries are the dentry's children, which only change under tree_lock.
Result<void> TmpfsDirectory::read_directory(const Path& self, DirectorySink& sink,
                                            int64_t& position) {
  for (const Dentry& child : self.dentry->children) {
    if (child.cookie < position) continue;
    const Inode& inode = *child.inode;
    if (!sink.entry(child.name(), inode.number(), directory_entry_type(inode.mode()),
                    child.cookie + 1)) {
      return {};
    }
    position = child.cookie + 1;
  }
  return {};
}

void TmpfsDirectory::stat(StatData& out) {
  Inode::stat(out);
  out.size = (2 + entries_.load(std::memory_order_relaxed)) * 20;  // as Linux's tmpfs counts
}

// --- Symbolic links -----------------------------------------------------------------------------

TmpfsSymlink::~TmpfsSymlink() {
  if (heap_ != nullptr) heap_free(heap_);
}

Result<void> TmpfsSymlink::set_target(std::string_view target) {
  char* place = inline_;
  if (target.size() > kInline) {
    place = heap_ = static_cast<char*>(heap_allocate(target.size()));
    if (place == nullptr) return Errno::nomem;
  }
  std::memcpy(place, target.data(), target.size());
  length_ = static_cast<uint32_t>(target.size());
  return {};
}

Result<void> TmpfsSymlink::read_link(LinkTarget& out) {
  out.text = {text(), length_};
  return {};
}

namespace {

// There is one /dev, however often it is mounted.
Result<Ref<Superblock>> make_devtmpfs(std::string_view) {
  [[clang::no_destroy]] static constinit Ref<Superblock> only;
  static constinit Mutex lock{LockRank::rename};
  MutexGuard guard(lock);
  if (!only) only = TRY(TmpfsSuperblock::create("devtmpfs", {.mode = 0755}));
  return only;
}

constinit FileSystemType devtmpfs_type = {
    .name = "devtmpfs", .make = make_devtmpfs, .needs_device = false, .next = nullptr};
constinit FileSystemType tmpfs_type = {
    .name = "tmpfs",
    .make = [](std::string_view options) -> Result<Ref<Superblock>> {
      return TmpfsSuperblock::create("tmpfs", TRY(TmpfsSuperblock::parse(options)));
    },
    .needs_device = false,
    .next = nullptr};

}  // namespace

void register_tmpfs() {
  register_file_system(tmpfs_type);
  register_file_system(devtmpfs_type);
}

}  // namespace tine::fs
