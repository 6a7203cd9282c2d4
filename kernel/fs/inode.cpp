// SPDX-License-Identifier: MIT
//
// What inodes and superblocks do unless their file system says otherwise, and who may access what
// (path_resolution(7), capabilities(7)).
//
// Nothing here sleeps but the defaults that take Inode::lock. Failures are the errno Linux gives for
// an operation that a file does not offer.
#include "fs/inode.h"

#include <algorithm>

#include "fs/dentry.h"
#include "fs/file_locks.h"
#include "fs/mount.h"
#include "fs/path_walk.h"
#include "fs/seals.h"
#include "sched/timer.h"
#include "task/signal_state.h"
#include "task/task.h"

namespace tine::fs {

Nanoseconds file_time_now() { return time::realtime_now(); }

Inode::Inode(Superblock& superblock, uint64_t number, uint32_t mode, KernelUid uid, KernelGid gid)
    : superblock_(superblock), number_(number), mode_(mode), uid_(uid.value), gid_(gid.value) {
  Nanoseconds now = file_time_now();
  access_time.store(now, std::memory_order_relaxed);
  modify_time.store(now, std::memory_order_relaxed);
  change_time.store(now, std::memory_order_relaxed);
  birth_time = now;
}

Inode::~Inode() {
  if (InodeLocks* made = locks.load(std::memory_order_relaxed)) delete made;
}

Result<Ref<Inode>> Inode::lookup(std::string_view) { return Errno::noent; }
Result<Ref<Inode>> Inode::create(std::string_view, const NewInode&) { return Errno::perm; }
Result<void> Inode::link(std::string_view, Inode&) { return Errno::perm; }
Result<void> Inode::unlink(std::string_view, Inode&) { return Errno::perm; }
Result<void> Inode::rename(std::string_view, Inode&, Inode&, std::string_view, Inode*, bool) {
  return Errno::perm;
}
Result<void> Inode::read_directory(const Path&, DirectorySink&, int64_t&) { return Errno::notdir; }
Result<void> Inode::read_link(LinkTarget&) { return Errno::inval; }
Result<size_t> Inode::read_at(IoBuffer&, uint64_t) { return Errno::inval; }
Result<size_t> Inode::write_at(IoBuffer&, uint64_t&, bool) { return Errno::inval; }
Result<void> Inode::allocate(int, uint64_t, uint64_t) { return Errno::opnotsupp; }
Result<uint64_t> Inode::seek_data(uint64_t, bool) { return Errno::inval; }
Result<Ref<mm::MemoryObject>> Inode::memory_object() { return Errno::nodev; }
Result<void> Inode::seal_writes(bool) { return Errno::inval; }

void Inode::stat(StatData& out) {
  out.device = superblock_.device;
  out.inode_number = number_;
  out.mode = mode();
  out.link_count = link_count();
  out.uid = uid();
  out.gid = gid();
  out.special_device = special_device;
  out.size = size();
  out.access_time = access_time.load(std::memory_order_relaxed);
  out.modify_time = modify_time.load(std::memory_order_relaxed);
  out.change_time = change_time.load(std::memory_order_relaxed);
  out.birth_time = birth_time;
}

Result<void> Inode::set_attributes(const AttributeChange& change) {
  if (change.what & AttributeChange::size_bit) return Errno::inval;
  MutexGuard guard(lock);
  if (change.what & AttributeChange::mode_bit) {
    if (const Seals* its_seals = seals()) TRY(its_seals->check_mode(mode(), change.mode));
    set_mode((mode() & kTypeMask) | (change.mode & kPermissionMask));
  }
  set_owner(change.what & AttributeChange::uid_bit ? change.uid : uid(),
            change.what & AttributeChange::gid_bit ? change.gid : gid());
  if (change.what & AttributeChange::atime_bit) access_time = change.access_time;
  if (change.what & AttributeChange::mtime_bit) modify_time = change.modify_time;
  touch_changed();
  return {};
}

void Inode::touch_modified() {
  Nanoseconds now = file_time_now();
  modify_time.store(now, std::memory_order_relaxed);
  change_time.store(now, std::memory_order_relaxed);
}

void Inode::touch_changed() { change_time.store(file_time_now(), std::memory_order_relaxed); }

// relatime without its once-a-day rule: the time of the first access after a change is kept.
void Inode::touch_accessed(uint32_t open_flags) {
  Nanoseconds accessed = access_time.load(std::memory_order_relaxed);
  if (accessed > modify_time.load(std::memory_order_relaxed) &&
      accessed > change_time.load(std::memory_order_relaxed)) {
    return;
  }
  if (open_flags & kNoAtime) return;
  access_time.store(file_time_now(), std::memory_order_relaxed);
}

namespace {
std::atomic<uint32_t> next_anonymous_device{1};
}

Superblock::Superblock(const char* type, uint64_t magic_number)
    : type_name(type),
      magic(magic_number),
      device(make_device(0, next_anonymous_device.fetch_add(1, std::memory_order_relaxed))) {}

void Superblock::last_ref_dropped() {
  if (root_) {
    if (entries_are_pinned) drop_tree(*root_);
    root_.reset();
  }
  delete this;
}

void Superblock::statfs(StatFs& out) {
  out.type = magic;
  out.identifier = device;
  out.name_length = name_max;
}

Result<void> Superblock::set_root(Ref<Inode> inode) {
  Ref<Dentry> root = TRY(make_ref<Dentry>());
  root->parent = root.get();
  root->inode = std::move(inode);
  root->entries_are_pinned = entries_are_pinned;
  root->inline_name.hash = root->inline_name.length = 0;
  root->name_link = &root->inline_name;
  root_ = std::move(root);
  return {};
}

Result<uint64_t> length_within_limit(uint64_t offset, uint64_t length) {
  const uint64_t limit = current().signal ? soft_limit(kLimitFsize) : ~uint64_t{0};
  if (offset < limit) return std::min(length, limit - offset);
  (void)signal::send_to_task(current(), signal::kSigXfsz);
  return Errno::fbig;
}

Result<void> check_access(const Inode& inode, uint32_t mask) {
  uint32_t mode = inode.mode();
  // Search permission that everybody has is by far the most frequent question.
  if ((mask & ~kMayExecute) == 0 && (mode & 0111) == 0111) return {};
  if (!current().real_creds) return {};  // the kernel itself, before there are processes
  const Creds& creds = current().creds();
  uint32_t granted = mode;
  if (creds.fsuid == inode.uid()) granted >>= 6;
  else if (in_group(creds, inode.gid())) granted >>= 3;
  if ((granted & mask) == mask) return {};
  if (is_directory(mode)) {
    if (has_capability(creds, kCapDacOverride)) return {};
    if (!(mask & kMayWrite) && has_capability(creds, kCapDacReadSearch)) return {};
    return Errno::acces;
  }
  // Root may execute only what somebody may.
  if (has_capability(creds, kCapDacOverride) && (!(mask & kMayExecute) || (mode & 0111))) return {};
  if (mask == kMayRead && has_capability(creds, kCapDacReadSearch)) return {};
  return Errno::acces;
}

bool is_owner_or_capable(const Inode& inode) {
  const Creds& creds = current().creds();
  return creds.fsuid == inode.uid() || has_capability(creds, kCapFowner);
}

}  // namespace tine::fs
