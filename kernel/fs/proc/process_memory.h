// SPDX-License-Identifier: MIT
//
// The figures of a process's memory that several files of /proc/PID show.
#pragma once

#include "fs/synthetic.h"
#include "task/task.h"

namespace tine::fs::proc {

// All zero for a kernel thread or a task that has given its memory up.
struct MemoryReport {
  bool has_memory = false;
  uint64_t virtual_bytes = 0, peak_virtual_bytes = 0, locked_bytes = 0;
  uint64_t resident_pages = 0, peak_resident_pages = 0;
  uint64_t anonymous_pages = 0, file_pages = 0, shared_pages = 0;
  uint64_t text_pages = 0, data_pages = 0, stack_pages = 0, table_bytes = 0;
  uint64_t start_code = 0, end_code = 0, start_data = 0, end_data = 0, start_brk = 0;
  uint64_t start_stack = 0, argument_start = 0, argument_end = 0;
  uint64_t environment_start = 0, environment_end = 0;
};
MemoryReport memory_report(Task& task);
void print_memory_status(const MemoryReport& report, TextBuilder& out);  // the Vm lines of status

}  // namespace tine::fs::proc
