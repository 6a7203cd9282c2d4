// SPDX-License-Identifier: MIT
//
// System-wide files of /proc in the formats that ps, top, free, uptime and libraries parse.
// Figures that Tine does not have (swap, network, disks) are left out or zero where a format needs
// the column; none is invented.
#include "fs/proc/system_files.h"

#include "arch/cpu.h"
#include "core/version.h"
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "fs/open.h"
#include "mm/commit.h"
#include "mm/heap.h"
#include "mm/huge_page.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "task/pid/pid_namespace.h"
#include "task/task.h"

namespace tine::fs::proc {

constinit std::string_view kernel_command_line;

namespace {

constexpr uint64_t kKibPerFrame = kPageSize / 1024;
constexpr Nanoseconds kNsPerTick = kNsPerSecond / 100;  // USER_HZ
constexpr Nanoseconds kNsPerHundredth = kNsPerSecond / 100;

void print_ticks(TextBuilder& out, std::string_view name, const sched::CpuTimes& times) {
  out.print("{} {} {} {} {} 0 {} 0 0 0 0\n", name, times.user / kNsPerTick, times.nice / kNsPerTick,
            times.system / kNsPerTick, times.idle / kNsPerTick, times.irq / kNsPerTick);
}

sched::CpuTimes all_cpu_times() {
  sched::CpuTimes sum{};
  for (CpuId cpu = 0; cpu < sched::cpu_count(); ++cpu) {
    sched::CpuTimes times = sched::cpu_times(cpu);
    sum.user += times.user;
    sum.nice += times.nice;
    sum.system += times.system;
    sum.idle += times.idle;
    sum.irq += times.irq;
  }
  return sum;
}

void print_mount(void* context, Mount& mount) {
  TextBuilder& out = *static_cast<TextBuilder*>(context);
  char where[512], options[128];
  Path place{Ref<Mount>(mount), mount.root};
  size_t length = write_path(place, current().fs->root(), where, Unreachable::is_told);
  if (std::string_view(where, length).starts_with("(unreachable)")) return;
  size_t options_length = mount.superblock->write_options(options);
  uint32_t flags = mount.flags.load();
  out.print("{} {} {} {}{}{}{}{}{} 0 0\n", mount.source, std::string_view(where, length),
            mount.superblock->type_name, flags & kMountReadOnly ? "ro" : "rw",
            flags & kMountNoSuid ? ",nosuid" : "", flags & kMountNoDev ? ",nodev" : "",
            flags & kMountNoExec ? ",noexec" : "", flags & kMountNoAtime ? ",noatime" : ",relatime",
            std::string_view(options, options_length));
}

}  // namespace

Result<void> show_command_line(TextBuilder& out) {
  out.print("{}\n", kernel_command_line);
  return {};
}

Result<void> show_cpuinfo(TextBuilder& out) {
  for (CpuId cpu = 0; cpu < sched::cpu_count(); ++cpu) {
    char text[2048];
    size_t length = arch::write_cpu_description(cpu, text);
    out.append({text, length});
    out.append('\n');
  }
  return {};
}

Result<void> show_devices(TextBuilder& out) {
  out.append("Character devices:\n");
  for (CharacterDevice* device = first_character_device(); device; device = device->next) {
    out.print("{:3} {}\n", device->major, device->name);
  }
  out.append("\nBlock devices:\n");
  return {};
}

Result<void> show_filesystems(TextBuilder& out) {
  for (FileSystemType* type = first_file_system(); type; type = type->next) {
    out.print("{}\t{}\n", type->needs_device ? "" : "nodev", type->name);
  }
  return {};
}

// Field 4 is "runnable/all", field 5 the last pid given out (B1).
Result<void> show_loadavg(TextBuilder& out) {
  sched::LoadSnapshot load = sched::load_snapshot();
  for (uint64_t average : load.load_average) {
    uint64_t hundredths = average * 100 >> 11;
    out.print("{}.{:02} ", hundredths / 100, hundredths % 100);
  }
  out.print("{}/{} {}\n", load.running, task_counts().threads, initial_pid_namespace.last_pid());
  return {};
}

Result<void> show_meminfo(TextBuilder& out) {
  mm::MemoryStatistics memory = mm::memory_statistics();
  auto line = [&](std::string_view name, uint64_t frames) {
    out.print("{:<15} {:8} kB\n", name, frames * kKibPerFrame);
  };
  line("MemTotal:", memory.total_frames);
  line("MemFree:", memory.free_frames);
  line("MemAvailable:", memory.free_frames);
  line("Buffers:", 0);
  line("Cached:", memory.cached_frames);
  line("SwapCached:", 0);
  line("AnonPages:", memory.anonymous_frames);
  line("Shmem:", memory.cached_frames);
  line("Slab:", memory.slab_frames);
  line("SUnreclaim:", memory.slab_frames);
  line("KernelStack:", memory.kernel_stacks * (sched::kKernelStackSize / kPageSize));
  line("PageTables:", memory.table_frames);
  line("AnonHugePages:", mm::huge_page_count() * arch::kTableEntries);
  line("SwapTotal:", 0);
  line("SwapFree:", 0);
  line("CommitLimit:", mm::commit_limit_pages());
  line("Committed_AS:", mm::committed_pages());
  const mm::HugePoolCounts pool = mm::huge_pool_counts();
  auto count = [&](std::string_view name, uint64_t pages) {
    out.print("{:<15} {:8}\n", name, pages);
  };
  count("HugePages_Total:", pool.total);
  count("HugePages_Free:", pool.free);
  count("HugePages_Rsvd:", pool.reserved);
  count("HugePages_Surp:", pool.surplus);
  line("Hugepagesize:", arch::kTableEntries);
  line("Hugetlb:", pool.total * arch::kTableEntries);
  return {};
}

Result<void> show_mounts(TextBuilder& out) {
  for_each_mount(&out, print_mount);
  return {};
}

Result<void> show_live_counts(TextBuilder& out) {
  LiveCounts counts = live_counts();
  out.print("objects {}\nheap_blocks {}\nframes {}\nkernel_stacks {}\nframe_metadata_kib {}\n"
      "kernel_stack_deepest {}\n",
            counts.objects, counts.heap_blocks, counts.frames, counts.kernel_stacks,
            mm::memory_statistics().metadata_frames * kKibPerFrame,
            mm::kernel_stack_counts().deepest);
  return {};
}

// Version 2.1 of the format. There are no tunables, and a magazine's objects count as free.
Result<void> show_slabinfo(TextBuilder& out) {
  out.append(
      "slabinfo - version: 2.1\n"
      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
      " : tunables <limit> <batchcount> <sharedfactor>"
      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
  CacheReport cache;
  for (unsigned index = 0; report_cache(index, cache); ++index) {
    out.print("{:<17} {:6} {:6} {:6} {:4} {:4} : tunables    0    0    0 : slabdata {:6} {:6} {:6}\n",
              cache.name, cache.live_objects, cache.slabs * cache.objects_per_slab,
              cache.object_size, cache.objects_per_slab, cache.frames_per_slab, cache.slabs,
              cache.slabs, 0);
  }
  return {};
}

Result<void> show_system_stat(TextBuilder& out) {
  print_ticks(out, "cpu ", all_cpu_times());
  for (CpuId cpu = 0; cpu < sched::cpu_count(); ++cpu) {
    char name[12];
    print_ticks(out, {name, format_to(name, "cpu{}", cpu)}, sched::cpu_times(cpu));
  }
  sched::LoadSnapshot load = sched::load_snapshot();
  out.print("intr 0\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked {}\n",
            load.total_switches, time::realtime_offset() / kNsPerSecond,
            task_counts().total_forks, load.running, load.blocked);
  return {};
}

// sched-stats.rst, version 15, without domains: the CPUs of a microVM are all alike. Every call of the
// scheduler that switched is counted, and none that did not; of these, those to the idle task are not
// counted apart.
Result<void> show_schedstat_of_cpus(TextBuilder& out) {
  out.print("version 15\ntimestamp {}\n", time::monotonic_now() / kNsPerTick);
  for (CpuId cpu = 0; cpu < sched::cpu_count(); ++cpu) {
    const sched::CpuStatistics& statistics = sched::cpu_statistics(cpu);
    sched::CpuTimes times = sched::cpu_times(cpu);
    out.print("cpu{} {} 0 {} 0 {} {} {} {} {}\n", cpu, uint64_t{statistics.yields},
              uint64_t{statistics.switches}, uint64_t{statistics.wake_ups},
              uint64_t{statistics.local_wake_ups}, times.user + times.nice + times.system,
              Nanoseconds{statistics.wait_time}, uint64_t{statistics.switches});
  }
  return {};
}

Result<void> show_uptime(TextBuilder& out) {
  int64_t up = time::monotonic_now() / kNsPerHundredth;
  int64_t idle = all_cpu_times().idle / kNsPerHundredth;
  out.print("{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100);
  return {};
}

Result<void> show_version(TextBuilder& out) {
  out.print("{} version {} ({}) {}\n", kSystemName, kRelease, kCompiler, kVersion);
  return {};
}

Result<void> show_vmstat(TextBuilder& out) {
  mm::MemoryStatistics memory = mm::memory_statistics();
  out.print("nr_free_pages {}\nnr_anon_pages {}\nnr_file_pages {}\nnr_page_table_pages {}\n",
            memory.free_frames, memory.anonymous_frames, memory.cached_frames, memory.table_frames);
  return {};
}

}  // namespace tine::fs::proc
