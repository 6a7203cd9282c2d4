// SPDX-License-Identifier: MIT
//
// do_wait (G8): looks for a child that has something to report, or sleeps on the process's queue
// until one has. Children hang on the thread that made them; any thread may wait for them unless
// __WNOTHREAD.
//
// The search and the decision to reap happen under task_tree_lock: moving a zombie to `dead` there
// makes this waiter the one that releases it. Of many children kLooksAtOnce are looked at in one
// go; then others get the lock. Where the search goes on is named by a thread and a child; when
// either has left its place, or children have moved from one thread to another, it begins anew.
// What a child does behind the search's back wakes this waiter, who then looks once more.
#include "task/wait/wait.h"

#include <iterator>
#include <optional>
#include <utility>

#include "sched/sched.h"
#include "task/exit/release.h"
#include "task/namespace/namespaces.h"

namespace tine {

namespace {

// One look at the children.
class Search {
 public:
  explicit Search(const WaitRequest& request) : request_(request) {}

  // True when the wait is over: something was found, or nothing can ever come, or it must not
  // sleep.
  bool look() {
    ReleasedTasks released;
    released_ = &released;
    Progress progress;
    {
      IrqGuard tree(task_tree_lock);
      progress = request_.which == WaitWhich::process ? look_at_one() : look_at_some(nullptr);
    }
    while (progress == Progress::unfinished) [[unlikely]]
      progress = look_on();
    return progress == Progress::found || !has_candidates_ || (request_.options & kWaitNoHang);
  }

  bool has_candidates() const { return has_candidates_; }
  const WaitOutcome& outcome() const { return outcome_; }

 private:
  static constexpr int kLooksAtOnce = 32;
  enum class Progress : uint8_t { unfinished, found, nothing };

  // Where a search goes on: at a child of a thread; null: behind its last one.
  struct Place {
    Ref<Task> thread, child;
    uint32_t children_adopted = 0;
  };

  Progress look_at_one() REQUIRES(task_tree_lock) {
    has_candidates_ = false;
    Task* child = request_.pid->task;
    if (child == nullptr || !child->is_thread_group_leader()) return Progress::nothing;
    const Task& caller = current();
    const bool is_ours = (request_.options & kWaitNoThread)
                             ? child->parent == &caller
                             : child->parent->signal.get() == caller.signal.get();
    return is_ours && consider(*child) ? Progress::found : Progress::nothing;
  }

  [[gnu::noinline]] Progress look_on() {
    const Place place = std::move(*place_);  // its references are dropped without the lock
    place_.reset();
    IrqGuard tree(task_tree_lock);
    return look_at_some(&place);
  }

  static bool is_still_there(const Place& place) REQUIRES(task_tree_lock) {
    constexpr auto kGone = Task::ExitState::dead;
    if (!place.thread || place.thread->exit_state == kGone) return false;
    if (place.children_adopted != current().signal->children_adopted) return false;
    return !place.child ||
           (place.child->parent == place.thread.get() && place.child->exit_state != kGone);
  }

  // Each step is a child, or the change to another thread.
  Progress look_at_some(const Place* place) REQUIRES(task_tree_lock) {
    SignalState& process = *current().signal;
    const bool is_for_caller = request_.options & kWaitNoThread;
    Task* thread = is_for_caller ? &current() : &process.leader();
    auto next = thread->children.begin();
    if (place != nullptr && is_still_there(*place)) [[unlikely]] {
      thread = place->thread.get();
      next = place->child ? thread->children.iterator_to(*place->child) : thread->children.end();
    } else {
      has_candidates_ = false;
    }
    for (int looks = 0; looks < kLooksAtOnce; ++looks) {
      if (next != thread->children.end()) {
        Task& child = *next++;
        if (is_asked_for(child) && consider(child)) return Progress::found;
        continue;
      }
      const auto other = std::next(process.threads.iterator_to(*thread));
      if (is_for_caller || other == process.threads.end()) return Progress::nothing;
      thread = &*other;
      next = thread->children.begin();
    }
    Task* child = next != thread->children.end() ? &*next : nullptr;
    place_ = Place{Ref<Task>(*thread), child != nullptr ? Ref<Task>(*child) : Ref<Task>(),
                   process.children_adopted};
    return Progress::unfinished;
  }

  bool is_asked_for(const Task& child) const REQUIRES(task_tree_lock) {
    return request_.which == WaitWhich::any || child.signal->process_group == request_.pid;
  }

  // A "clone child" is one that reports by something else than SIGCHLD (wait(2), __WCLONE).
  bool is_eligible(const Task& child) const {
    if (request_.options & kWaitAll) return true;
    const bool is_clone_child = child.exit_signal != signal::kSigChld;
    return is_clone_child == static_cast<bool>(request_.options & kWaitClone);
  }

  bool consider(Task& child) REQUIRES(task_tree_lock) {
    if (!is_eligible(child) || child.exit_state == Task::ExitState::dead) return false;
    const bool is_zombie =
        child.exit_state == Task::ExitState::zombie && child.signal->thread_count == 1;
    if (is_zombie) {
      if (!(request_.options & kWaitExited)) return false;
      report_exit(child);
      return true;
    }
    has_candidates_ = true;
    return report_stop(child) || report_continue(child);
  }

  void describe(Task& child, int code, int info_status, int status) REQUIRES(task_tree_lock) {
    outcome_.pid = child.pid->number_in(*current().namespaces->pid_for_children);
    outcome_.uid = creds_of(child)->uid.value;
    outcome_.code = code;
    outcome_.info_status = info_status;
    outcome_.status = status;
    outcome_.usage = usage_of_process(child);
    outcome_.usage.add(child.signal->children_usage);
  }

  void report_exit(Task& child) REQUIRES(task_tree_lock) {
    const int status = exit_status_of(child);
    describe(child, si_code_of_status(status), si_status_of(status), status);
    if (request_.options & kWaitNoWait) return;
    current().signal->children_usage.add(outcome_.usage);
    child.exit_state = Task::ExitState::dead;
    sched::sched_reap(child);
    released_->unlink(child);
  }

  bool report_stop(Task& child) REQUIRES(task_tree_lock) {
    if (!(request_.options & kWaitStopped)) return false;
    int number;
    {
      IrqGuard guard(child.sighand->lock);
      SignalState& process = *child.signal;
      if (!process.group_stopped || !process.stopped_unreported) return false;
      number = process.group_stop_signal;
      if (!(request_.options & kWaitNoWait)) process.stopped_unreported = false;
    }
    describe(child, signal::kCldStopped, number, number << 8 | 0x7f);
    return true;
  }

  bool report_continue(Task& child) REQUIRES(task_tree_lock) {
    if (!(request_.options & kWaitContinued)) return false;
    {
      IrqGuard guard(child.sighand->lock);
      SignalState& process = *child.signal;
      if (!process.continued_unreported) return false;
      if (!(request_.options & kWaitNoWait)) process.continued_unreported = false;
    }
    describe(child, signal::kCldContinued, signal::kSigCont, 0xffff);
    return true;
  }

  const WaitRequest& request_;
  WaitOutcome outcome_;
  bool has_candidates_ = false;
  std::optional<Place> place_;         // where a look that is unfinished goes on
  ReleasedTasks* released_ = nullptr;  // of the look under way
};

}  // namespace

int exit_status_of(const Task& leader) {
  return leader.signal->group_exiting ? leader.signal->group_exit_code : int{leader.exit_code};
}

Result<WaitOutcome> do_wait(const WaitRequest& request) {
  Search search(request);
  TRY(wait_event(current().signal->child_exit, WaitKind::interruptible,
                 [&search] { return search.look(); }));
  if (search.outcome().pid == 0 && !search.has_candidates()) return Errno::child;
  return search.outcome();
}

}  // namespace tine
