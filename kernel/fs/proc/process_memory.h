// SPDX-License-Identifier: MIT
//
// The figures of a process's memory that several files of /proc/PID show.
#pragma once

#include "fs/synthetic.h"
#include "mm/report.h"
#include "task/task.h"

namespace tine::fs::proc {

// All zero for a kernel thread or a task that has given its memory up.
struct MemoryReport {
  bool has_memory = false;
  mm::MmStatus pages{};
  uint64_t start_code = 0, end_code = 0, start_data = 0, end_data = 0, start_brk = 0;
  uint64_t start_stack = 0, argument_start = 0, argument_end = 0;
  uint64_t environment_start = 0, environment_end = 0;
};
MemoryReport memory_report(Task& task);
void print_memory_status(const MemoryReport& report, TextBuilder& out);  // the Vm lines of status
// A user of the task's Mm for as long as it is looked at; empty where there is nothing to see.
mm::MmUser memory_of(Task& task);
// The line of /proc/PID/maps.
void print_mapping(const mm::Mm& memory, const mm::Vma& vma, TextBuilder& out);
// Calls print() for all mappings, as many as one part of the text has room for. Nothing to print
// where there is no memory. Takes the mmap_lock, shared.
using PrintMapping = Result<void> (*)(mm::Mm& memory, const mm::Vma& vma, TextBuilder& out);
Result<void> print_mappings(Task& task, TextBuilder& out, PrintMapping print);

}  // namespace tine::fs::proc
