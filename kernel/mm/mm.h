// SPDX-License-Identifier: MIT
//
// Mm, a process's address space (Linux: mm_struct).
//
// Two counts, as in Linux (B25): users are the tasks that run in it; references also count those
// who only look (/proc) or borrow it lazily (kernel threads). When the last user goes the mappings
// go (exit_mmap); when the last reference goes, the object. mmap_lock guards the mappings and who
// may add or remove page-table entries; a fault takes it shared. page_table_lock guards the entries
// themselves. The fields that exec sets and prctl changes have no lock: readers in /proc may see
// old ones.
#pragma once

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

#include "core/list.h"
#include "core/ref.h"
#include "core/result.h"
#include "core/types.h"
#include "mm/commit.h"
#include "mm/fork_family.h"
#include "mm/huge_pool.h"
#include "mm/mapping_index.h"
#include "mm/page_table.h"
#include "mm/vma.h"
#include "sync/hint.h"
#include "sync/mutex.h"
#include "sync/spin_lock.h"

namespace tine::mm {

enum class RssKind : uint8_t { anonymous, file, shmem, huge_pool };
inline constexpr unsigned kRssKinds = 4;
inline std::atomic<uint32_t> max_map_count{65530};  // vm.max_map_count
inline constexpr uint64_t kMinMapAddress = 65536;   // vm.mmap_min_addr
inline constexpr uint64_t kStackGuardGap = 256 * kPageSize;

// What exec tells a program about itself: pairs of type and value, AT_NULL last. It never changes
// afterwards, so a fork shares it.
struct AuxiliaryVector final : RefCounted<AuxiliaryVector> {
  static constexpr const char* kCacheName = "auxv";
  static constexpr size_t kMaxEntries = 22;
  AuxiliaryVector() {}
  void add(uint64_t type, uint64_t value) {
    words[count++] = type;
    words[count++] = value;
  }
  std::span<const uint64_t> span() const { return {words, count}; }

  uint64_t words[kMaxEntries * 2];
  size_t count = 0;  // of words
};

struct Mm final : RefCounted<Mm> {
  static constexpr const char* kCacheName = "mm_struct";

  Mm() = default;
  ~Mm();

  std::atomic<uint32_t> users{1};
  std::atomic<uint64_t> loaded_on{0};  // CPUs that have the page table loaded, lazy ones too
  std::atomic<uint64_t> flushes{0};    // of translations, ever: mm/tlb.cpp
  std::atomic<uint64_t> last_visit{0};  // the number of the last for_each_mm() that came here

  RwMutex mmap_lock{LockRank::mmap};
  MappingIndex mappings GUARDED_BY(mmap_lock);
  FamilyPlace family_place;  // among those who may share mappings; see mm/fork_family.h
  uint32_t map_count GUARDED_BY(mmap_lock) = 0;
  uint32_t default_flags GUARDED_BY(mmap_lock) = 0;  // kVmLocked: mlockall(MCL_FUTURE)
  // In pages; written under mmap_lock, read by /proc without.
  Hint<uint64_t> total_vm, data_vm, exec_vm, stack_vm, locked_vm;
  Hint<uint64_t> hiwater_vm;
  CommitCharge committed GUARDED_BY(mmap_lock);  // for its mappings with kVmAccount
  HugeReservation huge_reserved;                 // see mm/huge_tlb.h
  UserAddr mmap_base{0x7fff'f7ff'f000};          // mmap places below it

  SpinLock page_table_lock{LockRank::page_table};
  PageTable page_table GUARDED_BY(page_table_lock);
  std::atomic<PhysAddr> top_table;  // what CPUs load; while the tables are folded, the kernel's
  std::atomic<int64_t> rss[kRssKinds] = {};  // written under page_table_lock
  std::atomic<int64_t> hiwater_rss{0};

  // Set by exec, changed by brk(2) and prctl(2), copied by fork.
  UserAddr start_code, end_code, start_data, end_data;
  UserAddr start_brk, brk;
  UserAddr start_stack, arg_start, arg_end, env_start, env_end;
  UserAddr vdso;
  Ref<AuxiliaryVector> auxv;  // /proc/PID/auxv; null before exec
  Ref<MapName> exe_file;  // /proc/PID/exe; the mappings deny writing
  Hint<uint32_t> dumpable = 1;  // PR_SET_DUMPABLE
  Hint<uint32_t> coredump_filter = 0x33;
  std::atomic<uint32_t> membarrier_registrations{0};  // commands of membarrier(2)
  Hint<bool> no_huge_pages = false;                   // PR_SET_THP_DISABLE; exec keeps it
  bool repeats_places = false;  // ADDR_NO_RANDOMIZE: what earlier runs left decides nothing
  bool has_lost_pool_pages = false;  // the owner of their reservation took them (mm/huge_tlb.h)

  // For a truncation, which looks in under the index's own lock.
  const MappingIndex& mappings_for_truncation() const NO_THREAD_SAFETY_ANALYSIS { return mappings; }
  // To name the tables; walking them needs the lock.
  PageTable& tables() NO_THREAD_SAFETY_ANALYSIS { return page_table; }

  // VmPTE; without the lock it is a little old.
  uint64_t table_bytes() const NO_THREAD_SAFETY_ANALYSIS {
    return page_table.table_count() << kPageShift;
  }

  int64_t rss_of(RssKind kind) const {
    return rss[static_cast<unsigned>(kind)].load(std::memory_order_relaxed);
  }
  int64_t rss_pages() const {  // pages of the pool are not counted
    return rss_of(RssKind::anonymous) + rss_of(RssKind::file) + rss_of(RssKind::shmem);
  }
  void add_rss(RssKind kind, int64_t pages) REQUIRES(page_table_lock) {
    auto& counter = rss[static_cast<unsigned>(kind)];
    counter.store(counter.load(std::memory_order_relaxed) + pages, std::memory_order_relaxed);
  }
  int64_t peak_rss_pages() const { return std::max(rss_pages(), hiwater_rss.load()); }
  void note_peak_rss() {  // before it falls
    int64_t now = rss_pages();
    if (now > hiwater_rss.load(std::memory_order_relaxed)) {
      hiwater_rss.store(now, std::memory_order_relaxed);
    }
  }
};

// Dropping the last user tears the mappings down; see MmUser.
Result<Ref<Mm>> mm_alloc();          // for exec: empty, one user
Result<Ref<Mm>> dup_mm(Mm& old_mm);  // for fork: copy-on-write copy, one user (E74)
inline void mm_get_user(Mm& mm) { mm.users.fetch_add(1, std::memory_order_relaxed); }  // CLONE_VM
void mm_put_user(Mm& mm);              // may sleep; exit_mmap at zero
bool mm_get_user_unless_zero(Mm& mm);  // for /proc and ptrace

// A move-only user of an Mm: what Task::mm holds.
class MmUser {
 public:
  MmUser() = default;
  MmUser(MmUser&& other) noexcept = default;
  MmUser& operator=(MmUser other) noexcept {
    std::swap(mm_, other.mm_);
    return *this;
  }
  ~MmUser() {
    if (mm_) mm_put_user(*mm_);
  }
  static MmUser adopt(Ref<Mm> mm) {
    MmUser user;
    user.mm_ = std::move(mm);
    return user;
  }
  [[nodiscard]] Ref<Mm> release() { return std::move(mm_); }  // the user goes to the caller
  static MmUser share(Mm& mm) {
    mm_get_user(mm);
    return adopt(Ref<Mm>(mm));
  }
  Mm* get() const { return mm_.get(); }
  Mm& operator*() const { return *mm_; }
  Mm* operator->() const { return mm_.get(); }
  explicit operator bool() const { return static_cast<bool>(mm_); }

 private:
  Ref<Mm> mm_;
};

// What a mapping request says; mmap(2), exec and shmat use it.
struct MapRequest {
  UserAddr address;  // hint, or exact with `fixed`
  uint64_t length = 0;
  uint32_t flags = 0;  // VmFlags; kVmDenyWrite: the mapping takes its own deny_write
  Ref<MemoryObject> object;
  uint64_t object_page = 0;
  Ref<MapName> name;
  bool fixed = false;
  bool fixed_noreplace = false;
  bool populate = false;
  bool below_4g = false;  // MAP_32BIT
};

// Where do_mmap() would put what is asked for. Holds as long as nobody maps anything: for exec, whose
// address space nobody else knows. ENOMEM.
Result<UserAddr> find_place(Mm& mm, const MapRequest& request);

// All take and release mm's mmap_lock. Errors as mmap(2), munmap(2), mprotect(2), brk(2),
// mremap(2).
Result<UserAddr> do_mmap(Mm& mm, MapRequest request);
Result<void> do_munmap(Mm& mm, UserAddr start, uint64_t length);
enum class Grows : uint8_t { no, down, up };  // PROT_GROWSDOWN: from where the mapping starts
Result<void> do_mprotect(Mm& mm, UserAddr start, uint64_t length, uint32_t rights,
                         Grows grows = Grows::no);
UserAddr do_brk(Mm& mm, UserAddr new_end);  // the end in force afterwards, as the raw call does
struct RemapRequest {
  UserAddr old_address;
  uint64_t old_length;
  uint64_t new_length;
  bool may_move;
  bool fixed;
  UserAddr new_address;
  bool keep_source = false;  // MREMAP_DONTUNMAP
};
Result<UserAddr> do_mremap(Mm& mm, const RemapRequest& request);
// Maps the range, which shows one object that is shared, anew: other pages of it. The range is
// page-aligned; errors as remap_file_pages(2), which Linux emulates like this too.
Result<void> do_remap_file_pages(Mm& mm, UserAddr start, uint64_t length, uint64_t object_page,
                                 bool populate);

// Kernel frames shown to the program at a fixed place (vDSO): read-only or executable, never
// counted, never freed. `frames` must outlive every address space.
Result<void> map_special(Mm& mm, UserAddr start, std::span<Frame* const> frames, uint32_t flags,
                         Ref<MapName> name);

// Switching (sched): loads `next`'s page table; a null `next` (kernel thread) keeps what is loaded,
// lazily.
// Interrupts off.
void switch_address_space(void* next_mm);
Mm* current_mm();  // of the running task; null for kernel threads

}  // namespace tine::mm
