// SPDX-License-Identifier: MIT
//
// The memory family: mmap(2), munmap(2), mprotect(2), mremap(2), remap_file_pages(2), brk(2),
// madvise(2), mlock(2), mincore(2), msync(2), pkey_alloc(2). Thin: arguments are checked and
// translated here, the work is mm/'s.
#include <algorithm>

#include "fs/file.h"
#include "fs/files.h"
#include "mm/advice.h"
#include "mm/huge_object.h"
#include "mm/huge_tlb.h"
#include "mm/mm.h"
#include "mm/shmem.h"
#include "mm/task_hooks.h"
#include "syscall/syscalls.h"

namespace tine {
namespace {

using namespace mm;

enum ProtectionBits : uint64_t { kProtRead = 1, kProtWrite = 2, kProtExec = 4, kProtSem = 8 };
enum MapBits : uint64_t {
  kMapTypeMask = 0xf,
  kMapShared = 1,
  kMapPrivate = 2,
  kMapSharedValidate = 3,
  kMapFixed = 0x10,
  kMapAnonymous = 0x20,
  kMap32Bit = 0x40,
  kMapGrowsDown = 0x100,
  kMapLocked = 0x2000,
  kMapNoReserve = 0x4000,
  kMapPopulate = 0x8000,
  kMapNonBlock = 0x10000,
  kMapHugeTlb = 0x40000,
  kMapFixedNoReplace = 0x100000,
  kMapHugeSizeShift = 26,  // the logarithm of the wanted size, or 0
  kMapHugeSizeMask = 0x3f,
  // What MAP_SHARED_VALIDATE accepts: all of the above and those that have no effect here.
  kMapKnown = 0x1fffff & ~uint64_t{0x80000},
};

uint32_t rights_from(uint64_t protection) {
  static_assert(kVmRead == uint64_t{kProtRead} && kVmWrite == uint64_t{kProtWrite} &&
                kVmExec == uint64_t{kProtExec});
  return static_cast<uint32_t>(protection) & kVmAccess;
}

Result<uint32_t> sharing_from(uint64_t map_flags) {
  switch (map_flags & kMapTypeMask) {
    case kMapPrivate:
      return 0;
    case kMapShared:
      return kVmShared;
    case kMapSharedValidate:
      if (map_flags & kMapAnonymous) return Errno::inval;
      if (map_flags & ~uint64_t{kMapKnown}) return Errno::opnotsupp;
      return kVmShared;
    default:
      return Errno::inval;
  }
}

Result<void> describe_file(fs::File& file, uint64_t offset, MapRequest& request) {
  if (request.length > INT64_MAX || offset > INT64_MAX - request.length) return Errno::overflow;
  if (!file.is_readable()) return Errno::acces;
  if ((request.flags & kVmShared) && !file.is_writable()) {
    if (request.flags & kVmWrite) return Errno::acces;
    request.flags &= ~uint32_t{kVmMayWrite};
  }
  request.object = TRY(file.memory_object());
  if (request.flags & kVmGrowsDown) return Errno::inval;
  if ((request.flags & kVmShared) && request.object->is_write_sealed()) {
    if (request.flags & kVmWrite) return Errno::perm;
    request.flags &= ~uint32_t{kVmMayWrite};
  }
  request.object_page = offset >> kPageShift;
  request.name = file.map_name();
  return {};
}

Result<void> describe_flags(uint64_t map_flags, MapRequest& request) {
  if (map_flags & kMapGrowsDown) request.flags |= kVmGrowsDown;
  if ((map_flags & kMapNoReserve) && !is_overcommit_forbidden()) request.flags |= kVmNoReserve;
  if (map_flags & kMapLocked) {
    if (memory_limit(MemoryLimit::locked) == 0 && !may_exceed_locked_limit()) return Errno::perm;
    request.flags |= kVmLocked;
  }
  request.fixed_noreplace = map_flags & kMapFixedNoReplace;
  request.fixed = (map_flags & kMapFixed) && !request.fixed_noreplace;
  request.below_4g = map_flags & kMap32Bit;
  request.populate =
      (map_flags & kMapLocked) || (map_flags & (kMapPopulate | kMapNonBlock)) == kMapPopulate;
  return {};
}

// MAP_HUGETLB, or a file of such pages, which `request` has. EINVAL: pages of another size than 2
// MiB.
Result<void> describe_pool_pages(uint64_t map_flags, uint64_t offset, MapRequest& request) {
  constexpr uint64_t kSizeLog = 21;
  static_assert(kHugePageSize == 1ull << kSizeLog);
  const uint64_t size_log = map_flags >> kMapHugeSizeShift & kMapHugeSizeMask;
  if (!request.object && size_log != 0 && size_log != kSizeLog) return Errno::inval;
  const uint64_t length = huge_page_ceil(request.length);
  if (length < request.length) return Errno::nomem;
  request.length = length;
  if (offset % kHugePageSize != 0 || (map_flags & kMapGrowsDown)) return Errno::inval;
  if (map_flags & kMapNoReserve) request.flags |= kVmNoReserve;  // whatever overcommit says
  request.flags = (request.flags & ~kVmAnyLock) | kVmHugeTlb | kVmDontExpand;
  if ((request.flags & kVmShared) && !request.object) {
    request.object = TRY(make_ref<HugeObject>(length));
  }
  return {};
}

bool has_pool_pages(fs::File& file) {
  const Result<Ref<MemoryObject>> object = file.memory_object();
  return object && (*object)->has_pool_pages();
}

SyscallResult map(UserAddr address, uint64_t length, uint64_t protection, uint64_t map_flags,
                  int fd, uint64_t offset) {
  if (offset & kPageMask) return Errno::inval;
  Ref<fs::File> file;
  if (!(map_flags & kMapAnonymous)) file = TRY(fs::get_file(fd));
  if (length == 0) return Errno::inval;
  MapRequest request{.address = address, .length = length};
  request.flags = TRY(sharing_from(map_flags)) | rights_from(protection) | kVmMayAll;
  TRY(describe_flags(map_flags, request));
  if (file && (map_flags & kMapHugeTlb) && !has_pool_pages(*file)) return Errno::inval;
  if (file) TRY(describe_file(*file, offset, request));
  if ((map_flags & kMapHugeTlb) || (request.object && request.object->has_pool_pages())) {
    TRY(describe_pool_pages(map_flags, offset, request));
  } else if (!file && (request.flags & kVmShared)) {
    if (page_ceil(length) == 0) return Errno::nomem;
    if (request.flags & kVmGrowsDown) return Errno::inval;
    request.object = TRY(make_shmem(page_ceil(length), !(request.flags & kVmNoReserve)));
  }
  return static_cast<long>(TRY(do_mmap(*current_mm(), std::move(request))).value);
}

SyscallResult done(Result<void> result) {
  TRY(std::move(result));
  return 0;
}

}  // namespace

SyscallResult sys_mmap(UserAddr address, uint64_t length, uint64_t protection, uint64_t flags,
                       int fd, uint64_t offset) {
  return map(address, length, protection, flags, fd, offset);
}

SyscallResult sys_munmap(UserAddr address, uint64_t length) {
  return done(do_munmap(*current_mm(), address, length));
}

SyscallResult sys_mprotect(UserAddr address, uint64_t length, uint64_t protection) {
  constexpr uint64_t kGrowsDown = 0x0100'0000, kGrowsUp = 0x0200'0000;
  const uint64_t growth = protection & (kGrowsDown | kGrowsUp);
  if (growth == (kGrowsDown | kGrowsUp) || !address.is_page_aligned()) return Errno::inval;
  if (length == 0) return 0;
  protection &= ~growth;
  if (protection & ~uint64_t{kProtRead | kProtWrite | kProtExec | kProtSem}) return Errno::inval;
  const Grows grows = growth == 0 ? Grows::no : growth == kGrowsDown ? Grows::down : Grows::up;
  return done(do_mprotect(*current_mm(), address, length, rights_from(protection), grows));
}

// Protection keys, as on a processor without them: there is none to be had but "no key".
SyscallResult sys_pkey_mprotect(UserAddr address, uint64_t length, uint64_t protection, int key) {
  if (key != -1) return Errno::inval;
  return sys_mprotect(address, length, protection);
}
SyscallResult sys_pkey_alloc(uint64_t, uint64_t) { return Errno::inval; }
SyscallResult sys_pkey_free(int) { return Errno::inval; }

SyscallResult sys_remap_file_pages(UserAddr address, uint64_t length, uint64_t protection,
                                   uint64_t object_page, uint64_t map_flags) {
  if (protection != 0) return Errno::inval;
  return done(do_remap_file_pages(*current_mm(), address.page_floor(), page_floor(length),
                                  object_page, !(map_flags & kMapNonBlock)));
}

SyscallResult sys_brk(UserAddr end) { return static_cast<long>(do_brk(*current_mm(), end).value); }

SyscallResult sys_mremap(UserAddr old_address, uint64_t old_length, uint64_t new_length,
                         uint64_t flags, UserAddr new_address) {
  constexpr uint64_t kMayMove = 1, kFixed = 2, kDontUnmap = 4;
  if (flags & ~(kMayMove | kFixed | kDontUnmap)) return Errno::inval;
  RemapRequest request{.old_address = old_address,
                       .old_length = old_length,
                       .new_length = new_length,
                       .may_move = (flags & kMayMove) != 0,
                       .fixed = (flags & kFixed) != 0,
                       .new_address = new_address,
                       .keep_source = (flags & kDontUnmap) != 0};
  return static_cast<long>(TRY(do_mremap(*current_mm(), request)).value);
}

SyscallResult sys_madvise(UserAddr address, uint64_t length, int advice) {
  return done(do_madvise(*current_mm(), address, length, advice));
}

SyscallResult sys_mlock(UserAddr address, uint64_t length) {
  return done(do_mlock(*current_mm(), address, length, true, true));
}

SyscallResult sys_mlock2(UserAddr address, uint64_t length, uint32_t flags) {
  constexpr uint32_t kOnFault = 1;
  if (flags & ~kOnFault) return Errno::inval;
  return done(do_mlock(*current_mm(), address, length, true, !(flags & kOnFault)));
}

SyscallResult sys_munlock(UserAddr address, uint64_t length) {
  return done(do_mlock(*current_mm(), address, length, false, false));
}

SyscallResult sys_mlockall(int flags) {
  constexpr int kCurrent = 1, kFuture = 2, kOnFault = 4;
  if (flags == 0 || flags == kOnFault || (flags & ~(kCurrent | kFuture | kOnFault))) {
    return Errno::inval;
  }
  return done(do_mlockall(*current_mm(), {.current = (flags & kCurrent) != 0,
                                          .future = (flags & kFuture) != 0,
                                          .populate = !(flags & kOnFault)}));
}

SyscallResult sys_munlockall() {
  return done(do_mlockall(*current_mm(), {.current = false, .future = false, .populate = false}));
}

SyscallResult sys_mincore(UserAddr address, uint64_t length, UserOut<uint8_t> vector) {
  if (!address.is_page_aligned()) return Errno::inval;
  uint64_t bytes = page_ceil(length);
  if (bytes < length || !arch::is_user_range(address, bytes)) return Errno::nomem;
  uint8_t chunk[256];
  for (uint64_t first = 0, pages = bytes >> kPageShift; first < pages; first += sizeof chunk) {
    std::span<uint8_t> part(chunk, std::min<uint64_t>(pages - first, sizeof chunk));
    TRY(do_mincore(*current_mm(), address + (first << kPageShift), part));
    TRY((vector + first).write_array(part));
  }
  return 0;
}

SyscallResult sys_msync(UserAddr address, uint64_t length, int flags) {
  constexpr int kAsync = 1, kInvalidate = 2, kSync = 4;
  if ((flags & ~(kAsync | kInvalidate | kSync)) || ((flags & kAsync) && (flags & kSync)) ||
      !address.is_page_aligned()) {
    return Errno::inval;
  }
  return done(do_msync(*current_mm(), address, length, (flags & kInvalidate) != 0));
}

}  // namespace tine
