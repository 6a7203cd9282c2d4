// SPDX-License-Identifier: MIT
//
// /proc/lock_stat, in kernels that count their locks (sync/lock_statistics.h), with Linux's columns
// (locking/lockstat.rst) and one line for each rank. Times are in microseconds. "Bounces", whether
// another CPU had the lock before, are not counted: their columns are left out.
// Writing 0 starts all counts anew; EINVAL for anything else.
#ifdef TINE_LOCK_STATISTICS

#include "fs/proc/proc.h"
#include "sync/lock_statistics.h"

namespace tine::fs::proc {
namespace {

struct Microseconds {
  Nanoseconds whole, hundredths;
  explicit Microseconds(Nanoseconds time) : whole(time / 1000), hundredths(time % 1000 / 10) {}
};

void print_times(TextBuilder& out, Nanoseconds shortest, Nanoseconds longest, Nanoseconds all,
                 uint64_t count) {
  const Nanoseconds average = count == 0 ? 0 : all / static_cast<Nanoseconds>(count);
  for (Nanoseconds time : {shortest, longest, all, average}) {
    const Microseconds shown(time);
    out.print(" {:12}.{:02}", shown.whole, shown.hundredths);
  }
}

class LockStatFile final : public TextFile {
 public:
  static constexpr const char* kCacheName = "proc_lock_stat";
  explicit LockStatFile(Superblock& superblock, uint32_t permissions)
      : TextFile(superblock, permissions) {}

  Result<void> show(TextBuilder& out) override {
    out.append("lock_stat version 0.4\n");
    out.print("{:>20} {:>13} {:>15} {:>15} {:>15} {:>15} {:>13} {:>15} {:>15} {:>15} {:>15}\n",
              "class name", "contentions", "waittime-min", "waittime-max", "waittime-total",
              "waittime-avg", "acquisitions", "holdtime-min", "holdtime-max", "holdtime-total",
              "holdtime-avg");
    LockReport lock;
    for (unsigned index = 0; report_lock(index, lock); ++index) {
      if (lock.acquisitions == 0) continue;
      out.print("{:>20} {:13}", lock.name, lock.contentions);
      print_times(out, lock.shortest_wait, lock.longest_wait, lock.all_waits, lock.contentions);
      out.print(" {:13}", lock.acquisitions);
      print_times(out, lock.shortest_hold, lock.longest_hold, lock.all_holds, lock.holds);
      out.append('\n');
    }
    return {};
  }

  Result<void> store(std::string_view text) override {
    if (TRY(parse_number(text)) != 0) return Errno::inval;
    clear_lock_statistics();
    return {};
  }
};

}  // namespace

Result<Ref<Inode>> make_lock_stat(TableDirectory& directory, uint32_t mode) {
  return Ref<Inode>(TRY(make_ref<LockStatFile>(directory.superblock(), mode & kPermissionMask)));
}

}  // namespace tine::fs::proc

#endif  // TINE_LOCK_STATISTICS
