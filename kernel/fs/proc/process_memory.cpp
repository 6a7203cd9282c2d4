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

// A user of a task's Mm for as long as it is looked at; empty where there is nothing to see.
mm::MmUser memory_of(Task& task) {
  Ref<mm::Mm> memory = mm_of(task);
  if (!memory || !mm::mm_get_user_unless_zero(*memory)) return {};
  return mm::MmUser::adopt(std::move(memory));
}

// What /proc/PID/maps shows for a mapping without a file.
std::string_view special_name(const mm::Mm& memory, const mm::Vma& vma) {
  if (vma.flags & mm::kVmSpecial) return vma.flags & mm::kVmExec ? "[vdso]" : "[vvar]";
  if (vma.start <= memory.start_stack && memory.start_stack < vma.end) return "[stack]";
  if (vma.start < memory.brk && memory.start_brk < vma.end) return "[heap]";
  if (vma.object && vma.flags & mm::kVmShared) return "/dev/zero (deleted)";
  return "";
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

MemoryReport memory_report(Task& task) {
  mm::MmUser user = memory_of(task);
  if (!user) return {};
  mm::Mm& memory = *user;
  MemoryReport report{.has_memory = true};
  ReadGuard guard(memory.mmap_lock);
  report.virtual_bytes = memory.total_vm << kPageShift;
  report.peak_virtual_bytes = std::max(memory.hiwater_vm, memory.total_vm) << kPageShift;
  report.locked_bytes = memory.locked_vm << kPageShift;
  auto pages = [](int64_t count) { return static_cast<uint64_t>(std::max<int64_t>(count, 0)); };
  report.resident_pages = pages(memory.rss_pages());
  report.peak_resident_pages = std::max(pages(memory.hiwater_rss.load()), report.resident_pages);
  report.anonymous_pages = pages(memory.rss_of(mm::RssKind::anonymous));
  report.file_pages = pages(memory.rss_of(mm::RssKind::file));
  report.shared_pages = pages(memory.rss_of(mm::RssKind::shmem));
  report.text_pages = (memory.end_code.page_ceil() - memory.start_code.page_floor()) >> kPageShift;
  report.data_pages = memory.data_vm;
  report.stack_pages = memory.stack_vm;
  {
    SpinGuard tables(memory.page_table_lock);
    report.table_bytes = memory.page_table.table_count() * kPageSize;
  }
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
  auto line = [&](std::string_view name, uint64_t kib) { out.print("{}:\t{:8} kB\n", name, kib); };
  line("VmPeak", report.peak_virtual_bytes / 1024);
  line("VmSize", report.virtual_bytes / 1024);
  line("VmLck", report.locked_bytes / 1024);
  line("VmHWM", report.peak_resident_pages * kKibPerPage);
  line("VmRSS", report.resident_pages * kKibPerPage);
  line("RssAnon", report.anonymous_pages * kKibPerPage);
  line("RssFile", report.file_pages * kKibPerPage);
  line("RssShmem", report.shared_pages * kKibPerPage);
  line("VmData", report.data_pages * kKibPerPage);
  line("VmStk", report.stack_pages * kKibPerPage);
  line("VmExe", report.text_pages * kKibPerPage);
  line("VmPTE", report.table_bytes / 1024);
  line("VmSwap", 0);
}

Result<void> show_statm(Task& task, TextBuilder& out) {
  MemoryReport report = memory_report(task);
  out.print("{} {} {} {} 0 {} 0\n", report.virtual_bytes >> kPageShift, report.resident_pages,
            report.file_pages + report.shared_pages, report.text_pages,
            report.data_pages + report.stack_pages);
  return {};
}

Result<void> show_maps(Task& task, TextBuilder& out) {
  mm::MmUser user = memory_of(task);
  if (!user) return {};
  ReadGuard guard(user->mmap_lock);
  for (mm::Vma* vma = user->mappings.first(); vma != nullptr; vma = user->mappings.next(*vma)) {
    print_mapping(*user, *vma, out);
  }
  return {};
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
