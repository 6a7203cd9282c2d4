// SPDX-License-Identifier: MIT
//
// /proc/PID/maps, statm, smaps_rollup, cmdline, environ, auxv: the memory of a process as seen from
// outside. A task that is on its way out, or a kernel thread, has none and its files are empty.
//
// Mappings are read under the mmap lock, shared; what lies in the process's own memory is read
// through mm/remote.h, as long as the process keeps a user of its Mm.
#include "fs/proc/process_memory.h"

#include <algorithm>

#include "fs/proc/proc.h"
#include "mm/remote.h"
#include "task/signal_state.h"

namespace tine::fs::proc {

namespace {

constexpr uint64_t kKibPerPage = kPageSize / 1024;

// What /proc/PID/maps shows for a mapping without a file.
std::string_view special_name(const mm::Mm& memory, const mm::Vma& vma) {
  if (vma.flags & mm::kVmHugeTlb) return "/anon_hugepage (deleted)";
  if (vma.flags & mm::kVmSpecial) return vma.flags & mm::kVmExec ? "[vdso]" : "[vvar]";
  if (vma.start <= memory.start_stack && memory.start_stack < vma.end) return "[stack]";
  if (vma.start < memory.brk && memory.start_brk < vma.end) return "[heap]";
  if (vma.object && vma.flags & mm::kVmShared) return "/dev/zero (deleted)";
  return "";
}

// Appends [from, to) of the process's own memory, at most a few pages of it.
Result<void> append_remote(mm::Mm& memory, UserAddr from, UserAddr to, TextBuilder& out) {
  while (from < to) {
    char chunk[512];
    size_t wanted = std::min<uint64_t>(sizeof chunk, to - from);
    size_t got = mm::read_remote(memory, from, std::as_writable_bytes(std::span(chunk, wanted)));
    out.append({chunk, got});
    if (got != wanted) break;
    from += got;
  }
  return {};
}

}  // namespace

mm::MmUser memory_of(Task& task) {
  Ref<mm::Mm> memory = mm_of(task);
  if (!memory || !mm::mm_get_user_unless_zero(*memory)) return {};
  return mm::MmUser::adopt(std::move(memory));
}

void print_mapping(const mm::Mm& memory, const mm::Vma& vma, TextBuilder& out) {
  uint64_t device = vma.name ? encode_device(vma.name->device()) : 0;
  uint64_t offset = vma.object ? vma.object_page << kPageShift : 0;
  char line[128];
  size_t length = format_to(
      line, "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {}", vma.start.value, vma.end.value,
      vma.flags & mm::kVmRead ? 'r' : '-', vma.flags & mm::kVmWrite ? 'w' : '-',
      vma.flags & mm::kVmExec ? 'x' : '-', vma.flags & mm::kVmShared ? 's' : 'p', offset,
      device >> 8 & 0xfff, device & 0xff, vma.name ? vma.name->inode_number() : 0);
  out.append({line, length});
  char path[512];
  std::string_view name = special_name(memory, vma);
  if (vma.name) name = {path, vma.name->write_path(path)};
  constexpr size_t kNameColumn = 73;
  if (!name.empty()) {
    do out.append(' ');
    while (++length < kNameColumn);
    out.append(name);
  }
  out.append('\n');
}

MemoryReport memory_report(Task& task) {
  mm::MmUser user = memory_of(task);
  if (!user) return {};
  mm::Mm& memory = *user;
  MemoryReport report{.has_memory = true};
  report.pages = mm::mm_status(memory);
  report.start_code = memory.start_code.value;
  report.end_code = memory.end_code.value;
  report.start_data = memory.start_data.value;
  report.end_data = memory.end_data.value;
  report.start_brk = memory.start_brk.value;
  report.start_stack = memory.start_stack.value;
  report.argument_start = memory.arg_start.value;
  report.argument_end = memory.arg_end.value;
  report.environment_start = memory.env_start.value;
  report.environment_end = memory.env_end.value;
  return report;
}

void print_memory_status(const MemoryReport& report, TextBuilder& out) {
  if (!report.has_memory) return;
  auto line = [&](std::string_view name, uint64_t pages) {
    out.print("{}:\t{:8} kB\n", name, pages * kKibPerPage);
  };
  const mm::MmStatus& pages = report.pages;
  line("VmPeak", pages.vm_peak);
  line("VmSize", pages.vm_size);
  line("VmLck", pages.vm_locked);
  line("VmPin", 0);  // nothing is pinned for devices
  line("VmHWM", pages.rss_peak);
  line("VmRSS", pages.rss);
  line("RssAnon", pages.rss_anonymous);
  line("RssFile", pages.rss_file);
  line("RssShmem", pages.rss_shmem);
  line("VmData", pages.data);
  line("VmStk", pages.stack);
  line("VmExe", pages.text);
  line("VmLib", pages.library);
  out.print("VmPTE:\t{:8} kB\n",
            pages.page_tables * kKibPerPage + (pages.folded_table_bytes + 1023) / 1024);
  line("VmSwap", 0);
  line("HugetlbPages", pages.huge_pool);
}

Result<void> show_statm(Task& task, TextBuilder& out) {
  const mm::MmStatus pages = memory_report(task).pages;
  out.print("{} {} {} {} 0 {} 0\n", pages.vm_size, pages.rss, pages.rss_file + pages.rss_shmem,
            pages.text, pages.data + pages.stack);
  return {};
}

// A part ends where a mapping ends.
Result<void> print_mappings(Task& task, TextBuilder& out, PrintMapping print) {
  const mm::MmUser user = memory_of(task);
  if (!user) return {};
  ReadGuard guard(user->mmap_lock);
  for (const mm::Vma* vma = user->mappings.first_ending_after(UserAddr(out.place()));
       vma != nullptr; vma = user->mappings.next(*vma)) {
    TRY(print(*user, *vma, out));
    if (!out.is_full()) continue;
    out.go_on_at(vma->end.value);
    break;
  }
  return {};
}

Result<void> show_maps(Task& task, TextBuilder& out) {
  return print_mappings(task, out, [](mm::Mm& memory, const mm::Vma& vma, TextBuilder& text) {
    print_mapping(memory, vma, text);
    return Result<void>();
  });
}

Result<void> show_cmdline(Task& task, TextBuilder& out) {
  mm::MmUser user = memory_of(task);
  if (!user) return {};
  return append_remote(*user, user->arg_start, user->arg_end, out);
}

Result<void> show_environ(Task& task, TextBuilder& out) {
  mm::MmUser user = memory_of(task);
  if (!user) return {};
  return append_remote(*user, user->env_start, user->env_end, out);
}

Result<void> show_auxv(Task& task, TextBuilder& out) {
  mm::MmUser user = memory_of(task);
  if (!user || !user->auxv) return {};
  const std::span<const uint64_t> words = user->auxv->span();
  out.append({reinterpret_cast<const char*>(words.data()), words.size_bytes()});
  return {};
}

}  // namespace tine::fs::proc
