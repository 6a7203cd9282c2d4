// SPDX-License-Identifier: MIT
//
// The end of a Task object, references to another task's parts, and the counters of tasks.
#include "task/task.h"

#include <algorithm>

#include "core/panic.h"
#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "mm/frame.h"
#include "task/namespace/namespaces.h"
#include "task/signal/queue.h"
#include "task/signal_state.h"
#include "task/task_statistics.h"

namespace tine {

constinit IrqSpinLock task_tree_lock{LockRank::task_tree};
constinit TaskStatistics statistics;
constinit UtsNames initial_uts_names;
constinit Namespaces initial_namespaces{initial_pid_namespace, initial_uts_names};

Task::Task() = default;

Task::~Task() {
  TINE_DEBUG_ASSERT(vfork_done == nullptr);
  signal::discard_all(pending);
  if (kernel_stack.value == 0) return;  // it has run, and gave its stack back after its last switch
  arch::release_context(*this);
  mm::free_kernel_stack(kernel_stack);
}

Ref<fs::FilesTable> files_of(Task& task) {
  IrqGuard guard(task.alloc_lock);
  return task.files;
}

Ref<fs::FsContext> fs_context_of(Task& task) {
  IrqGuard guard(task.alloc_lock);
  return task.fs;
}

Ref<mm::Mm> mm_of(Task& task) {
  IrqGuard guard(task.alloc_lock);
  return task.mm ? Ref<mm::Mm>(*task.mm) : Ref<mm::Mm>();
}

TaskName name_of(const Task& task) {
  TaskName name;
  IrqGuard guard(task.alloc_lock);
  std::ranges::copy(task.name, name.text);
  return name;
}

void set_name(Task& task, std::string_view name) {
  IrqGuard guard(task.alloc_lock);
  auto end = std::ranges::copy(name.substr(0, Task::kNameLength - 1), task.name).out;
  std::fill(end, std::end(task.name), '\0');
}

TaskCounts task_counts() {
  return {.threads = statistics.threads.load(std::memory_order_relaxed),
          .total_forks = statistics.total_forks.load(std::memory_order_relaxed),
          .threads_max = statistics.threads_max.load(std::memory_order_relaxed)};
}

Result<void> set_threads_max(int64_t value) {
  if (value < 1 || value > kMaxThreads) return Errno::inval;
  statistics.threads_max.store(value, std::memory_order_relaxed);
  return {};
}

}  // namespace tine
