// SPDX-License-Identifier: MIT
//
// The first tasks. The boot CPU's idle task is built by hand in static storage, because it exists
// before the heap; it is the ancestor of all others, has PID 0 and is in no list (A3).
#include "task/boot_tasks.h"

#include <algorithm>
#include <new>

#include "core/panic.h"
#include "fs/files_table.h"
#include "fs/fs_context.h"
#include "fs/tty/terminal.h"
#include "mm/heap.h"
#include "task/clone/copy_process.h"
#include "task/clone/kthread.h"
#include "task/memory_hooks.h"
#include "task/namespace/namespaces.h"
#include "task/signal/broadcast.h"
#include "task/signal_state.h"
#include "task/task_statistics.h"

namespace tine {

namespace {

// What an idle task consists of, in storage that is never destroyed.
struct IdleParts {
  Task task;
  Pid pid;
  SigHand sighand;
  SignalState signal;
  Creds creds;
};
alignas(IdleParts) std::byte boot_idle_storage[sizeof(IdleParts)];

SignalState* first_process = nullptr;  // set once, before a second process exists

Creds& fill_root_creds(Creds& creds) {
  creds.effective = creds.permitted = kAllCapabilities;
  creds.user = Ref<UserAccount>(root_account());
  return creds;
}

void set_default_limits(SignalState& process) {
  auto limit = [&process](Resource resource, uint64_t soft, uint64_t hard) {
    process.limits[resource] = {.soft = soft, .hard = hard};
  };
  constexpr uint64_t kUnlimited = ~0ull;
  limit(kLimitStack, 8 << 20, kUnlimited);
  limit(kLimitCore, 0, kUnlimited);
  limit(kLimitNproc, 0, 0);  // from the memory there is: task_init()
  limit(kLimitNofile, 1024, 4096);
  limit(kLimitMemlock, 8 << 20, 8 << 20);
  limit(kLimitSigpending, 0, 0);
  limit(kLimitMsgqueue, 819200, 819200);
  limit(kLimitNice, 0, 0);
  limit(kLimitRtprio, 0, 0);
}

}  // namespace

Result<Task*> make_idle_task(CpuId cpu) {
  void* storage = cpu == 0 ? boot_idle_storage : heap_allocate(sizeof(IdleParts));
  if (storage == nullptr) return Errno::nomem;
  auto& parts = *new (storage) IdleParts;
  Task& task = parts.task;
  task.real_creds = Ref<const Creds>(fill_root_creds(parts.creds));
  task.sighand = Ref<SigHand>(parts.sighand);
  task.signal = Ref<SignalState>(parts.signal);
  task.namespaces = Ref<Namespaces>(initial_namespaces);
  task.pid = Ref<Pid>(parts.pid);
  task_tree_lock.assert_held();  // as good as: nobody else knows the task
  task.group_leader = task.real_parent = task.parent = &task;
  task.flags = kPfKernelThread | kPfNoFreeze;
  task.cpu = cpu;
  std::ranges::copy(std::string_view("swapper"), task.name);
  // Group and session 0: those of init until it makes its own, and of all kernel threads.
  parts.signal.process_group = parts.signal.session = task.pid;
  set_default_limits(parts.signal);
  parts.signal.threads.push_back(task);
  return &task;
}

SignalState& init_process() { return *first_process; }

void task_init(uint64_t memory_bytes) {
  install_memory_hooks();
  signal::init_broadcasts();
  const int64_t threads = default_threads_max(memory_bytes, sched::kKernelStackSize);
  statistics.threads_max.store(threads, std::memory_order_relaxed);
  const auto half = static_cast<uint64_t>(threads / 2);  // B8
  SignalState& process = *current().signal;
  process.limits[kLimitNproc] = process.limits[kLimitSigpending] = {.soft = half, .hard = half};
}

void start_first_tasks(void (*init)(void*), void* argument) {
  Task& idle = current();
  auto first = copy_process(idle, CloneRequest::for_init(init, argument));
  if (!first) panic("no memory for init");
  first_process = (*first)->signal.get();
  first_process->is_unkillable = true;
  auto second = copy_process(idle, CloneRequest::for_kernel_thread(kthreadd, nullptr));
  if (!second) panic("no memory for kthreadd");
  become_kthreadd(**second);
  // kthreadd first: this task is the idle one, and comes to run again only when init sleeps.
  sched::wake_up_new_task(**second);
  sched::wake_up_new_task(**first);
}

}  // namespace tine
