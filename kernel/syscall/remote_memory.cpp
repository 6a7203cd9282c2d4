// SPDX-License-Identifier: MIT
//
// process_madvise(2): hints about the memory of another process, in order until one cannot be
// given.
//
// process_vm_readv(2), process_vm_writev(2): bytes from one process's memory to another's, through
// a page of the kernel's. A transfer that meets an address which either side could not access is
// short, and fails with EFAULT only if nothing was moved. ESRCH: no such process, or it has no
// memory any more. EPERM: the caller may not trace it (ptrace(2), PTRACE_MODE_ATTACH_REALCREDS).
//
// The target's address space is held by a user of its Mm while bytes are moved; no locks here.
#include <algorithm>

#include "mm/advice.h"
#include "mm/remote.h"
#include "syscall/io_vectors.h"
#include "syscall/syscalls.h"
#include "task/pid/pidfd.h"
#include "task/task.h"
#include "task/tracing.h"

namespace tine {
namespace {

Result<mm::MmUser> memory_to_attach(const Ref<Task>& task) {
  if (!task) return Errno::srch;
  Ref<mm::Mm> memory = mm_of(*task);
  if (!memory || !mm::mm_get_user_unless_zero(*memory)) return Errno::srch;
  mm::MmUser user = mm::MmUser::adopt(std::move(memory));
  const Creds& creds = current().creds();
  if (!may_trace(*task, *user, creds.uid, creds.gid)) return Errno::perm;
  return user;
}

enum class Direction : uint8_t { from_target, to_target };

// Moves up to a page between `local` and [at, at + length) of the target; gives what was moved.
size_t move_some(mm::Mm& memory, UserAddr at, size_t length, IoBuffer& local, Direction direction,
                 std::span<std::byte> page) {
  const std::span<std::byte> bytes = page.first(std::min({length, page.size(), local.remaining()}));
  if (direction == Direction::from_target) {
    const size_t read = mm::read_remote(memory, at, bytes);
    return local.copy_in(bytes.data(), read).value_or(0);
  }
  const size_t taken = local.copy_out(bytes.data(), bytes.size()).value_or(0);
  return mm::write_remote(memory, at, bytes.first(taken));
}

SyscallResult transfer(int pid, UserIn<IoVector> local_vectors, uint64_t local_count,
                       UserIn<IoVector> remote_vectors, uint64_t remote_count, uint64_t flags,
                       Direction direction) {
  if (flags != 0 || local_count > Vectors::kMaxVectors) return Errno::inval;
  Vectors local;
  TRY(local.copy_from(local_vectors, static_cast<int>(local_count)));
  IoBuffer buffer = local.buffer();
  if (buffer.remaining() == 0) return 0;
  if (remote_count > Vectors::kMaxVectors) return Errno::inval;
  const auto remote = TRY(Buffer<IoVector>::make(remote_count));
  TRY(remote_vectors.read_array(remote.span()));
  const mm::MmUser memory = TRY(memory_to_attach(find_task(pid)));
  const auto page = TRY(Buffer<std::byte>::make_for_overwrite(kPageSize));
  size_t total = 0;
  for (const IoVector& segment : remote.span()) {
    for (uint64_t done = 0; done < segment.length && buffer.remaining() != 0;) {
      const UserAddr at(segment.base + done);
      const size_t wanted = std::min<size_t>(segment.length - done, kPageSize - at.page_offset());
      const size_t possible = std::min(wanted, buffer.remaining());
      const size_t moved = move_some(*memory, at, wanted, buffer, direction, page.span());
      total += moved;
      done += moved;
      if (moved < possible)
        return total != 0 ? SyscallResult(static_cast<long>(total)) : Errno::fault;
    }
  }
  return static_cast<long>(total);
}

// What may be said about another's memory: MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT.
bool is_remote_advice(int advice) { return advice == 3 || advice == 20 || advice == 21; }

}  // namespace

SyscallResult sys_process_madvise(int pidfd, UserIn<IoVector> user_vectors, uint64_t count,
                                  int advice, uint32_t flags) {
  if (flags != 0 || count > Vectors::kMaxVectors) return Errno::inval;
  const auto vectors = TRY(Buffer<IoVector>::make(count));
  TRY(user_vectors.read_array(vectors.span()));
  uint32_t file_flags = 0;
  const Ref<Pid> pid = TRY(pid_of_pidfd(pidfd, file_flags));
  Ref<Task> task;
  {
    IrqGuard tree(task_tree_lock);
    if (pid->task != nullptr) task = Ref<Task>(*pid->task);
  }
  const mm::MmUser memory = TRY(memory_to_attach(task));
  if (memory.get() != mm::current_mm()) {
    if (!is_remote_advice(advice)) return Errno::inval;
    if (!capable(kCapSysNice)) return Errno::perm;
  }
  long total = 0;
  for (const IoVector& vector : vectors.span()) {
    Result<void> advised = mm::do_madvise(*memory, UserAddr(vector.base), vector.length, advice);
    if (!advised) return total != 0 ? SyscallResult(total) : advised.error();
    total += static_cast<long>(vector.length);
  }
  return total;
}

SyscallResult sys_process_vm_readv(int pid, UserIn<IoVector> local, uint64_t local_count,
                                   UserIn<IoVector> remote, uint64_t remote_count, uint64_t flags) {
  return transfer(pid, local, local_count, remote, remote_count, flags, Direction::from_target);
}

SyscallResult sys_process_vm_writev(int pid, UserIn<IoVector> local, uint64_t local_count,
                                    UserIn<IoVector> remote, uint64_t remote_count,
                                    uint64_t flags) {
  return transfer(pid, local, local_count, remote, remote_count, flags, Direction::to_target);
}

}  // namespace tine
