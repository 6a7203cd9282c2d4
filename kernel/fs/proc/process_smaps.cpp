// SPDX-License-Identifier: MIT
//
// /proc/PID/smaps and smaps_rollup (proc_pid_smaps(5)): what of each mapping is in memory, and what
// of it is shared. The counting is mm/report.h's; here is the format. A task without memory has
// empty files. ENOMEM.
#include <algorithm>

#include "fs/proc/proc.h"
#include "fs/proc/process_memory.h"
#include "mm/huge_page.h"

namespace tine::fs::proc {

namespace {

constexpr uint64_t kKibPerPage = kPageSize / 1024;

struct FlagName {
  uint32_t flag;
  std::string_view name;
};
constexpr FlagName kFlagNames[] = {
    {mm::kVmRead, "rd"},       {mm::kVmWrite, "wr"},       {mm::kVmExec, "ex"},
    {mm::kVmShared, "sh"},     {mm::kVmMayRead, "mr"},     {mm::kVmMayWrite, "mw"},
    {mm::kVmMayExec, "me"},    {mm::kVmShared, "ms"},      {mm::kVmGrowsDown, "gd"},
    {mm::kVmSpecial, "pf"},    {mm::kVmLocked, "lo"},      {mm::kVmDontFork, "dc"},
    {mm::kVmDontExpand, "de"}, {mm::kVmLockOnFault, "lf"}, {mm::kVmAccount, "ac"},
    {mm::kVmNoReserve, "nr"},  {mm::kVmWipeOnFork, "wf"},  {mm::kVmDontDump, "dd"},
    {mm::kVmHugeTlb, "ht"},    {mm::kVmHugePage, "hg"},   {mm::kVmNoHugePage, "nh"},
};

// "Name:", blanks up to the number, which ends at column 24 unless it is longer than 8 digits, "kB".
// Two dozen of these lines tell of each mapping, so they are put together by hand.
void print_kib(TextBuilder& out, std::string_view name, uint64_t kib) {
  constexpr size_t kNumberColumn = 16, kWidth = 8, kMostDigits = 20;
  constexpr std::string_view kUnit = " kB\n";
  char digits[kMostDigits];
  char* const end = digits + kMostDigits;
  char* first = end;
  do *--first = static_cast<char>('0' + kib % 10);
  while ((kib /= 10) != 0);
  const auto length = static_cast<size_t>(end - first);

  char line[kNumberColumn + kMostDigits + kUnit.size()];
  std::fill_n(line, kNumberColumn + kWidth, ' ');
  *std::ranges::copy(name, line).out = ':';
  char* at = line + kNumberColumn + kWidth - std::min(length, kWidth);
  at = std::copy(first, end, at);
  at = std::ranges::copy(kUnit, at).out;
  out.append({line, at});
}

uint64_t share_kib(uint64_t share) { return share >> mm::MappingPages::kShareShift >> 10; }

// What smaps and its sum have in common, from Shared_Clean on. There is no swap, no merging of
// equal pages, and MADV_FREE frees at once.
void print_pages(const mm::MappingPages& pages, TextBuilder& out) {
  print_kib(out, "Shared_Clean", pages.shared_clean * kKibPerPage);
  print_kib(out, "Shared_Dirty", pages.shared_dirty * kKibPerPage);
  print_kib(out, "Private_Clean", pages.private_clean * kKibPerPage);
  print_kib(out, "Private_Dirty", pages.private_dirty * kKibPerPage);
  print_kib(out, "Referenced", pages.referenced * kKibPerPage);
  print_kib(out, "Anonymous", pages.anonymous * kKibPerPage);
  print_kib(out, "KSM", 0);
  print_kib(out, "LazyFree", 0);
  print_kib(out, "AnonHugePages", pages.anonymous_huge * kKibPerPage);
  print_kib(out, "ShmemPmdMapped", 0);
  print_kib(out, "FilePmdMapped", 0);
  print_kib(out, "Shared_Hugetlb", pages.pool_shared * kKibPerPage);
  print_kib(out, "Private_Hugetlb", pages.pool_private * kKibPerPage);
  print_kib(out, "Swap", 0);
  print_kib(out, "SwapPss", 0);
  print_kib(out, "Locked", share_kib(pages.share_locked));
}

Result<void> print_details(mm::Mm& memory, const mm::Vma& vma, TextBuilder& out)
    REQUIRES_SHARED(memory.mmap_lock) {
  const mm::MappingPages pages = TRY(mm::measure_mapping(memory, vma));
  print_mapping(memory, vma, out);
  print_kib(out, "Size", vma.pages() * kKibPerPage);
  const uint64_t page_bytes = vma.flags & mm::kVmHugeTlb ? kHugePageSize : kPageSize;
  print_kib(out, "KernelPageSize", page_bytes / 1024);
  print_kib(out, "MMUPageSize", page_bytes / 1024);
  print_kib(out, "Rss", pages.resident * kKibPerPage);
  print_kib(out, "Pss", share_kib(pages.share()));
  print_kib(out, "Pss_Dirty", share_kib(pages.share_dirty));
  print_pages(pages, out);
  out.append("THPeligible:           ");
  out.append(mm::may_become_huge(memory, vma) ? '1' : '0');
  out.append("\nVmFlags: ");
  for (const FlagName& flag : kFlagNames) {
    if (!(vma.flags & flag.flag)) continue;
    out.append(flag.name);
    out.append(' ');
  }
  out.append('\n');
  return {};
}

}  // namespace

Result<void> show_smaps(Task& task, TextBuilder& out) {
  return print_mappings(task, out, print_details);
}

Result<void> show_smaps_rollup(Task& task, TextBuilder& out) {
  const mm::MmUser user = memory_of(task);
  if (!user) return Errno::srch;
  mm::MappingPages sum;
  UserAddr start, end;
  {
    ReadGuard guard(user->mmap_lock);
    for (const mm::Vma* vma = user->mappings.first(); vma != nullptr;
         vma = user->mappings.next(*vma)) {
      sum.add(TRY(mm::measure_mapping(*user, *vma)));
      if (start.value == 0) start = vma->start;
      end = vma->end;
    }
  }
  constexpr std::string_view kName = "---p 00000000 00:00 0                          [rollup]";
  out.print("{:08x}-{:08x} {}\n", start.value, end.value, kName);
  print_kib(out, "Rss", sum.resident * kKibPerPage);
  print_kib(out, "Pss", share_kib(sum.share()));
  print_kib(out, "Pss_Dirty", share_kib(sum.share_dirty));
  constexpr std::string_view kKinds[] = {"Pss_Anon", "Pss_File", "Pss_Shmem"};  // as mm::RssKind
  for (unsigned kind = 0; kind < mm::MappingPages::kKinds; ++kind) {
    print_kib(out, kKinds[kind], share_kib(sum.share_of_kind[kind]));
  }
  print_pages(sum, out);
  return {};
}

}  // namespace tine::fs::proc
