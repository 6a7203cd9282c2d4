// SPDX-License-Identifier: MIT
//
// Restartable sequences: a thread registers an area of its memory in which the kernel keeps the
// number of its CPU, and in which the thread names the instructions that it wants to run without
// being interrupted in between. If it is preempted, moved or sent a signal there, it goes on at the
// sequence's abort address instead.
//
// The area is the program's and may be broken in any way: that costs it a SIGSEGV. Everything here
// belongs to the running task; nothing is locked. The scheduler sets kWorkNotifyResume when a task
// with an area is switched away from (Schedulable::has_rseq).
#include "task/rseq.h"

#include "mm/user_memory.h"
#include "task/task.h"

namespace tine {
namespace {

constexpr uint32_t kOriginalLength = 32;
constexpr uint64_t kAlignment = 32;
constexpr uint32_t kCpuUninitialized = ~0u;

// struct rseq; mm_cid: a number below that of CPUs that no other thread of the process has now.
struct Area {
  uint32_t cpu_at_start, cpu;
  uint64_t sequence;  // of struct rseq_cs, or 0
  uint32_t flags, node, concurrency_id;
};
constexpr uint64_t kSequenceOffset = 8;
constexpr uint64_t kNodeOffset = 20;

struct Sequence {
  uint32_t version, flags;
  uint64_t start, length, abort;
};

Result<void> write_place(UserAddr area, uint32_t cpu_at_start, uint32_t cpu) {
  struct Cpus { uint32_t at_start, now; };
  struct Place { uint32_t node, concurrency_id; };
  TRY(UserOut<Cpus>(area).write(Cpus{cpu_at_start, cpu}));
  return UserOut<Place>(area + kNodeOffset).write(Place{0, cpu_at_start});
}

// EINVAL: what the area points at is not a sequence.
Result<void> abort_sequence(const Task& task, arch::UserRegs& regs) {
  const UserAddr pointer = task.rseq_area + kSequenceOffset;
  const uint64_t address = TRY(UserIn<uint64_t>(pointer).read());
  if (address == 0) return {};
  const Sequence sequence = TRY(UserIn<Sequence>(UserAddr(address)).read());
  const uint64_t at = regs.instruction_pointer().value;
  if (sequence.version != 0 || sequence.flags != 0) return Errno::inval;
  if (sequence.start + sequence.length < sequence.start) return Errno::inval;
  if (sequence.abort - sequence.start < sequence.length) return Errno::inval;
  // Once left, it is not looked at again.
  if (at - sequence.start >= sequence.length) return UserOut<uint64_t>(pointer).write(0);
  if (!arch::is_user_range(UserAddr(sequence.abort), 1)) return Errno::inval;
  const uint32_t signature = TRY(UserIn<uint32_t>(UserAddr(sequence.abort - 4)).read());
  if (signature != task.rseq_signature) return Errno::inval;
  TRY(UserOut<uint64_t>(pointer).write(0));
  regs.set_instruction_pointer(UserAddr(sequence.abort));
  return {};
}

void set_area(Task& task, UserAddr area, uint32_t length, uint32_t signature) {
  task.rseq_area = area;
  task.rseq_length = length;
  task.rseq_signature = signature;
  task.has_rseq = area.value != 0;
}

}  // namespace

Result<void> register_rseq(UserAddr area, uint32_t length, uint32_t signature) {
  Task& self = current();
  if (self.has_rseq) {
    if (self.rseq_area.value != area.value || self.rseq_length != length) return Errno::inval;
    return self.rseq_signature != signature ? Errno::perm : Errno::busy;
  }
  if (length < kOriginalLength || area.value % kAlignment != 0) return Errno::inval;
  if (!arch::is_user_range(area, length)) return Errno::fault;
  if (area.value == 0) return Errno::inval;
  set_area(self, area, length, signature);
  self.work.fetch_or(sched::kWorkNotifyResume, std::memory_order_relaxed);  // writes the place
  return {};
}

Result<void> unregister_rseq(UserAddr area, uint32_t length, uint32_t signature) {
  Task& self = current();
  if (!self.has_rseq || self.rseq_area.value != area.value) return Errno::inval;
  if (self.rseq_length != length) return Errno::inval;
  if (self.rseq_signature != signature) return Errno::perm;
  TRY(write_place(area, 0, kCpuUninitialized));
  forget_rseq(self);
  return {};
}

void inherit_rseq(Task& child, const Task& caller) {
  if (!caller.has_rseq) return;
  set_area(child, caller.rseq_area, caller.rseq_length, caller.rseq_signature);
  child.work.fetch_or(sched::kWorkNotifyResume, std::memory_order_relaxed);
}

void forget_rseq(Task& task) { set_area(task, UserAddr(), 0, 0); }

void update_rseq(arch::UserRegs& regs) {
  Task& self = current();
  // A move after this sets kWorkNotifyResume again.
  const uint32_t cpu = self.cpu;
  if (abort_sequence(self, regs) && write_place(self.rseq_area, cpu, cpu)) return;
  forget_rseq(self);
  signal::force_fault(signal::kSigSegv, signal::kSiKernel, UserAddr());
}

}  // namespace tine
