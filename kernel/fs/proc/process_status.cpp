// SPDX-License-Identifier: MIT
//
// /proc/PID/stat, status, comm, limits, io, sched, schedstat: what a task is and has used, without
// its memory (process_memory.cpp). proc(5) numbers the fields of stat.
#include <algorithm>

#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "fs/proc/process_memory.h"
#include "fs/proc/proc.h"
#include "fs/tty/terminal.h"
#include "sched/sched.h"
#include "task/signal_state.h"
#include "task/wait/wait.h"

namespace tine::fs::proc {

namespace {

constexpr Nanoseconds kNsPerTick = kNsPerSecond / 100;  // USER_HZ

struct StateName { char letter; std::string_view text; };

StateName state_of(Task& task) {
  if (task.exit_state.load() == Task::ExitState::zombie) return {'Z', "Z (zombie)"};
  if (task.exit_state.load() == Task::ExitState::dead) return {'X', "X (dead)"};
  switch (task.state.load(std::memory_order_relaxed)) {
    case TaskState::interruptible: return {'S', "S (sleeping)"};
    case TaskState::uninterruptible:  // a thread of the kernel that has nothing to do
      if (task.is_kernel_thread()) return {'I', "I (idle)"};
      [[fallthrough]];
    case TaskState::killable: return {'D', "D (disk sleep)"};
    case TaskState::stopped: return {'T', "T (stopped)"};
    case TaskState::traced: return {'t', "t (tracing stop)"};
    default: return {'R', "R (running)"};
  }
}

// What needs the lock of the tree or of the handlers, taken in one go.
struct Family {
  int parent = 0, tracer = 0, group = 0, session = 0, threads = 0;
  Ref<tty::Terminal> terminal;
  CpuUsage own, children;
  signal::SigSet pending = 0, shared_pending = 0, blocked = 0, ignored = 0, caught = 0;
};

Family family_of(Task& task, bool whole_process) {
  Family family;
  IrqGuard guard(task_tree_lock);
  SignalState& process = *task.signal;
  if (task.real_parent != nullptr) family.parent = task.real_parent->tgid();
  if (process.process_group) family.group = process.process_group->number();
  if (process.session) family.session = process.session->number();
  family.threads = process.thread_count;
  family.terminal = process.terminal;
  family.own = whole_process ? usage_of_process(task) : usage_of_thread(task);
  if (whole_process) family.children = process.children_usage;
  IrqGuard handlers(task.sighand->lock);
  family.pending = task.pending.set;
  family.shared_pending = process.shared_pending.set;
  family.blocked = task.blocked;
  for (int number = 1; number <= signal::kSignalCount; ++number) {
    uint64_t handler = task.sighand->handler(number);
    if (handler == signal::kIgnoreHandler) family.ignored |= signal::bit(number);
    else if (handler != signal::kDefaultHandler) family.caught |= signal::bit(number);
  }
  return family;
}

// Real-time priorities show as -1-priority, others as 0..39.
int shown_priority(const Task& task) { return task.prio - 100; }

Result<void> write_stat(Task& task, bool whole_process, TextBuilder& out) {
  Family family = family_of(task, whole_process);
  MemoryReport memory = memory_report(task);
  uint64_t device = family.terminal ? encode_device(family.terminal->device_number()) : 0;
  int foreground = family.terminal ? family.terminal->foreground_group_number() : -1;
  // 1-22
  out.print("{} ({}) {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} 0 {}",
            whole_process ? task.tgid() : task.tid(), name_of(task).view(), state_of(task).letter,
            family.parent, family.group, family.session, device, foreground, uint32_t{task.flags},
            family.own.minor_faults, family.children.minor_faults, family.own.major_faults,
            family.children.major_faults, family.own.user_time / kNsPerTick,
            family.own.system_time / kNsPerTick, family.children.user_time / kNsPerTick,
            family.children.system_time / kNsPerTick, shown_priority(task), sched::nice_of(task),
            family.threads, task.start_time / kNsPerTick);
  // 23-37
  out.print(" {} {} {} {} {} {} 0 0 {} {} {} {} 0 0 0",
            memory.pages.vm_size << kPageShift, memory.pages.rss,
            resource_limit(task, kLimitRss).soft, memory.start_code, memory.end_code,
            memory.start_stack, family.pending & 0x7fff'ffff, family.blocked & 0x7fff'ffff,
            family.ignored & 0x7fff'ffff, family.caught & 0x7fff'ffff);
  // 38-52
  out.print(" {} {} {} {} 0 0 0 {} {} {} {} {} {} {} {}\n", int{task.exit_signal},
            task.cpu.load(), int{task.rt_priority}, int{task.policy}, memory.start_data,
            memory.end_data, memory.start_brk, memory.argument_start, memory.argument_end,
            memory.environment_start, memory.environment_end, int{task.exit_code});
  return {};
}

void print_ids(TextBuilder& out, std::string_view name, uint32_t real, uint32_t effective,
               uint32_t saved, uint32_t file_system) {
  out.print("{}:\t{}\t{}\t{}\t{}\n", name, real, effective, saved, file_system);
}

void print_creds(TextBuilder& out, const Creds& creds) {
  print_ids(out, "Uid", creds.uid.value, creds.euid.value, creds.suid.value, creds.fsuid.value);
  print_ids(out, "Gid", creds.gid.value, creds.egid.value, creds.sgid.value, creds.fsgid.value);
}

void print_capabilities(TextBuilder& out, const Creds& creds) {
  out.print("CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\n",
            creds.inheritable, creds.permitted, creds.effective, creds.bounding, creds.ambient);
  out.print("NoNewPrivs:\t{}\nSeccomp:\t0\n", creds.no_new_privileges ? 1 : 0);
}

}  // namespace

Result<void> show_stat(Task& task, TextBuilder& out) { return write_stat(task, true, out); }
Result<void> show_thread_stat(Task& task, TextBuilder& out) { return write_stat(task, false, out); }

Result<void> show_status(Task& task, TextBuilder& out) {
  Family family = family_of(task, true);
  Ref<const Creds> creds = creds_of(task);
  Ref<FsContext> context = fs_context_of(task);
  Ref<FilesTable> files = files_of(task);
  out.print("Name:\t{}\n", name_of(task).view());
  if (context) out.print("Umask:\t{:04o}\n", context->umask());
  out.print("State:\t{}\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t{}\n",
            state_of(task).text, task.tgid(), task.tid(), family.parent, family.tracer);
  print_creds(out, *creds);
  out.print("FDSize:\t{}\nGroups:\t", files ? fd_table_size(*files) : 0);
  if (creds->groups) {
    for (KernelGid gid : creds->groups->list.span()) out.print("{} ", gid.value);
  }
  out.print("\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", task.tgid(), task.tid(),
            family.group, family.session);
  print_memory_status(memory_report(task), out);
  out.print("Threads:\t{}\nSigQ:\t{}/{}\n", family.threads, creds->user->queued_signals.load(),
            resource_limit(task, kLimitSigpending).soft);
  out.print("SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
            family.pending, family.shared_pending, family.blocked, family.ignored, family.caught);
  print_capabilities(out, *creds);
  uint64_t cpus = task.cpus_allowed & ((uint64_t{2} << (sched::cpu_count() - 1)) - 1);
  out.print("Cpus_allowed:\t{:x}\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
            cpus, uint64_t{task.voluntary_switches}, uint64_t{task.involuntary_switches});
  return {};
}

Result<void> show_comm(Task& task, TextBuilder& out) {
  out.print("{}\n", name_of(task).view());
  return {};
}

// Any thread of the same process may name another: pthread_setname_np(3).
Result<void> store_comm(Task& task, std::string_view text) {
  if (task.signal != current().signal) return Errno::inval;
  if (text.ends_with('\n')) text.remove_suffix(1);
  set_name(task, text);
  return {};
}

Result<void> show_limits(Task& task, TextBuilder& out) {
  struct Line { std::string_view name; Resource resource; std::string_view unit; };
  static constexpr Line kLines[] = {
      {"Max cpu time", kLimitCpu, "seconds"}, {"Max file size", kLimitFsize, "bytes"},
      {"Max data size", kLimitData, "bytes"}, {"Max stack size", kLimitStack, "bytes"},
      {"Max core file size", kLimitCore, "bytes"}, {"Max resident set", kLimitRss, "bytes"},
      {"Max processes", kLimitNproc, "processes"}, {"Max open files", kLimitNofile, "files"},
      {"Max locked memory", kLimitMemlock, "bytes"}, {"Max address space", kLimitAs, "bytes"},
      {"Max file locks", kLimitLocks, "locks"}, {"Max pending signals", kLimitSigpending, "signals"},
      {"Max msgqueue size", kLimitMsgqueue, "bytes"}, {"Max nice priority", kLimitNice, ""},
      {"Max realtime priority", kLimitRtprio, ""}, {"Max realtime timeout", kLimitRttime, "us"},
  };
  out.append("Limit                     Soft Limit           Hard Limit           Units     \n");
  for (const Line& line : kLines) {
    ResourceLimit limit = resource_limit(task, line.resource);
    auto text = [](uint64_t value, std::span<char> buffer) {
      return value == ~0ull ? format_to(buffer, "unlimited") : format_to(buffer, "{}", value);
    };
    char soft[24], hard[24];
    size_t soft_length = text(limit.soft, soft), hard_length = text(limit.hard, hard);
    out.print("{:<25} {:<20} {:<20} {:<10}\n", line.name, std::string_view(soft, soft_length),
              std::string_view(hard, hard_length), line.unit);
  }
  return {};
}

Result<void> show_io(Task& task, TextBuilder& out) {
  out.print("rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: 0\nwrite_bytes: 0\n"
            "cancelled_write_bytes: 0\n",
            uint64_t{task.read_bytes}, uint64_t{task.written_bytes}, uint64_t{task.read_calls},
            uint64_t{task.write_calls});
  return {};
}

Result<void> show_schedstat(Task& task, TextBuilder& out) {
  out.print("{} {} {}\n", Nanoseconds{task.sum_exec_runtime}, Nanoseconds{task.wait_time},
            task.voluntary_switches + task.involuntary_switches);
  return {};
}

// In the format of Linux, of whose fields these are the ones that mean something here.
Result<void> show_sched(Task& task, TextBuilder& out) {
  auto number = [&out](std::string_view name, auto value) {
    out.print("{:<45}:{:>21}\n", name, value);
  };
  auto milliseconds = [&out](std::string_view name, uint64_t nanoseconds) {
    out.print("{:<45}:{:>14}.{:06}\n", name, nanoseconds / 1'000'000, nanoseconds % 1'000'000);
  };
  out.print("{} ({}, #threads: {})\n", name_of(task).view(), task.tid(),
            int{task.signal->thread_count});
  out.append("-------------------------------------------------------------------\n");
  milliseconds("se.exec_start", static_cast<uint64_t>(Nanoseconds{task.exec_start}));
  milliseconds("se.vruntime", task.vruntime);
  milliseconds("se.sum_exec_runtime", static_cast<uint64_t>(Nanoseconds{task.sum_exec_runtime}));
  number("se.nr_migrations", uint64_t{task.migrations});
  number("nr_switches", task.voluntary_switches + task.involuntary_switches);
  number("nr_voluntary_switches", uint64_t{task.voluntary_switches});
  number("nr_involuntary_switches", uint64_t{task.involuntary_switches});
  number("se.load.weight", uint64_t{task.weight} * 1024);
  number("se.avg.load_avg", uint64_t{task.weight} * task.load.runnable / sched::kFullLoad);
  number("se.avg.util_avg", uint32_t{task.load.running});
  number("policy", int{task.policy});
  number("prio", int{task.prio});
  if (task.policy == sched::kPolicyDeadline) {
    number("dl.runtime", Nanoseconds{task.slice_left});
    number("dl.deadline", Nanoseconds{task.deadline_at});
  } else {
    number("se.slice", sched::kSlice);
  }
  return {};
}

}  // namespace tine::fs::proc
