// SPDX-License-Identifier: MIT
//
// Kernel threads: the queue of requests to kthreadd, and starting and stopping the threads it makes
// (E5-E12).
//
// A request is shared by its creator and by the new thread. A creator that is killed while it waits
// abandons it; `stage` decides who came first, and a thread made in vain ends at once (E7).
// kthreadd tests the list with its state set, so no wake-up is lost (E10).
#include "task/clone/kthread.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/panic.h"
#include "task/boot_tasks.h"
#include "task/clone/copy_process.h"
#include "task/exit/exit.h"
#include "task/signal_state.h"

namespace tine {

// A running kernel thread's own record, on its stack; reachable through Task::kernel_thread while
// the thread has not returned.
struct KernelThread {
  std::atomic<bool> may_run{false};
  std::atomic<bool> should_stop{false};
  std::atomic<bool> should_park{false};
  std::atomic<bool> is_parked{false};
  WaitQueue parking;  // who waits for is_parked
};

namespace {

struct KthreadRequest : RefCounted<KthreadRequest> {
  static constexpr const char* kCacheName = "kthread_request";
  KernelThreadFunction function = nullptr;
  void* argument = nullptr;
  uint64_t cpus = 0;  // it may use no others, from the start; 0: any
  char name[Task::kNameLength] = {};
  Result<Ref<Task>> outcome = Errno::intr;  // the thread's or kthreadd's until `done`
  Completion done;
  enum class Stage : uint8_t { waiting, abandoned, served };
  std::atomic<Stage> stage{Stage::waiting};
  Ref<KthreadRequest> next;  // in the queue
};

// First come, first served (E5). The queue holds a reference to each request.
constinit SpinLock requests_lock{LockRank::kthread_requests};
constinit Ref<KthreadRequest> first_request GUARDED_BY(requests_lock);
constinit KthreadRequest* last_request GUARDED_BY(requests_lock) = nullptr;
constinit WaitQueue requests_arrived;

void add_request(Ref<KthreadRequest> request) {
  SpinGuard guard(requests_lock);
  KthreadRequest* added = request.get();
  (first_request ? last_request->next : first_request) = std::move(request);
  last_request = added;
}

bool take_request(Ref<KthreadRequest>& request) {
  SpinGuard guard(requests_lock);
  if (!first_request) return false;
  request = std::move(first_request);
  first_request = std::move(request->next);
  return true;
}

void run_thread(void* argument) {
  auto request = Ref<KthreadRequest>::adopt(static_cast<KthreadRequest*>(argument));
  const KernelThreadFunction function = request->function;
  void* const function_argument = request->argument;
  Task& self = current();
  set_name(self, request->name);
  KernelThread record;
  self.kernel_thread = &record;
  request->outcome = Ref<Task>(self);
  const auto before = request->stage.exchange(KthreadRequest::Stage::served);
  request->done.complete();
  request.reset();
  if (before == KthreadRequest::Stage::abandoned) record.should_stop.store(true);

  int result = -static_cast<int>(Errno::intr);
  for (;;) {
    prepare_to_sleep(TaskState::uninterruptible);
    if (record.may_run.load() || record.should_stop.load()) break;
    sched::schedule();
  }
  finish_sleep();
  if (!record.should_stop.load()) result = function(function_argument);
  {
    IrqGuard guard(self.alloc_lock);
    self.kernel_thread = nullptr;
  }
  do_exit(result);
}

void serve(Ref<KthreadRequest> request) {
  KthreadRequest& shared = *request;
  CloneRequest clone =
      CloneRequest::for_kernel_thread(run_thread, Ref<KthreadRequest>(request).leak());
  Result<Ref<Task>> thread = copy_process(current(), clone);
  if (!thread) {
    Ref<KthreadRequest>::adopt(&shared);  // what run_thread would have taken
    shared.outcome = thread.error();
    shared.done.complete();
    return;
  }
  if (shared.cpus != 0) (*thread)->cpus_allowed = shared.cpus;
  sched::wake_up_new_task(**thread);
}

}  // namespace

void become_kthreadd(Task& newborn) {
  std::ranges::copy(std::string_view("kthreadd"), newborn.name);
  IrqGuard guard(newborn.sighand->lock);
  newborn.sighand->ignore_all();
}

void kthreadd(void*) {
  for (;;) {
    Ref<KthreadRequest> request;
    const Result<void> arrived = wait_event(requests_arrived, WaitKind::interruptible,
                                            [&request] { return take_request(request); });
    if (arrived) serve(std::move(request));  // no signal is ever pending: all are ignored
  }
}

namespace {

Result<Ref<Task>> create_on(uint64_t cpus, KernelThreadFunction function, void* argument,
                            std::string_view name) {
  Ref<KthreadRequest> request = TRY(make_ref<KthreadRequest>());
  request->function = function;
  request->argument = argument;
  request->cpus = cpus;
  std::ranges::copy(name.substr(0, Task::kNameLength - 1), request->name);
  add_request(request);
  requests_arrived.wake();
  if (!request->done.wait_as(WaitKind::killable)) {
    const auto before = request->stage.exchange(KthreadRequest::Stage::abandoned);
    if (before == KthreadRequest::Stage::waiting) return Errno::intr;
    request->done.wait();
  }
  return std::move(request->outcome);
}

}  // namespace

Result<Ref<Task>> kthread_create(KernelThreadFunction function, void* argument,
                                 std::string_view name) {
  return create_on(0, function, argument, name);
}

Result<Ref<Task>> kthread_run(KernelThreadFunction function, void* argument,
                              std::string_view name) {
  Ref<Task> thread = TRY(kthread_create(function, argument, name));
  kthread_wake(*thread);
  return thread;
}

void kthread_wake(Task& thread) {
  {
    IrqGuard guard(thread.alloc_lock);
    if (thread.kernel_thread == nullptr) return;
    thread.kernel_thread->may_run.store(true);
  }
  (void)wake_up(thread);
}

bool kthread_should_stop() {
  const KernelThread* record = current().kernel_thread;
  return record != nullptr && record->should_stop.load();
}

bool kthread_should_park() {
  const KernelThread* record = current().kernel_thread;
  return record != nullptr && record->should_park.load();
}

void kthread_park_here() {
  KernelThread& record = *current().kernel_thread;
  for (;;) {
    prepare_to_sleep(TaskState::uninterruptible);
    if (!record.should_park.load()) break;
    if (!record.is_parked.exchange(true)) record.parking.wake_all();
    sched::schedule();
  }
  finish_sleep();
  record.is_parked.store(false);
}

// The caller's reference does not keep the record: it is on the thread's stack, and a thread that is
// about to end must not be parked.
void kthread_park(Task& thread) {
  KernelThread& record = *thread.kernel_thread;
  record.should_park.store(true);
  (void)wake_up(thread);
  (void)wait_event(record.parking, WaitKind::uninterruptible,
                   [&record] { return record.is_parked.load(); });
}

void kthread_unpark(Task& thread) {
  thread.kernel_thread->should_park.store(false);
  (void)wake_up(thread);
}

Result<Ref<Task>> kthread_create_on_cpu(KernelThreadFunction function, void* argument, CpuId cpu,
                                        std::string_view name) {
  if (cpu >= sched::cpu_count()) return Errno::inval;
  return create_on(uint64_t{1} << cpu, function, argument, name);
}

int kthread_stop(Task& thread) {
  {
    IrqGuard guard(thread.alloc_lock);
    if (thread.kernel_thread != nullptr) thread.kernel_thread->should_stop.store(true);
  }
  (void)wake_up(thread);
  (void)wait_event(thread.pid->exit_waiters, WaitKind::uninterruptible,
                   [&thread] { return thread.exit_state != Task::ExitState::alive; });
  return thread.exit_code;
}

}  // namespace tine
