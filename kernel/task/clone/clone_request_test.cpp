// SPDX-License-Identifier: MIT
//
// The matrix of clone(2)'s flags: what each entry point decodes to (E1, D21, D22), and which
// combinations are refused (E13).
#include "task/clone/clone_request.h"

#include <gtest/gtest.h>

#include "arch/hosted/harness.h"
#include "task/signal/signal.h"
#include "task/task.h"

namespace tine {
namespace {

constexpr uint64_t kThreadFlags = kCloneVm | kCloneSighand | kCloneThread;

bool is_valid(uint64_t flags) {
  CloneRequest request{.flags = flags, .exit_signal = signal::kSigChld};
  auto outcome = request.validate(current());
  if (!outcome) EXPECT_EQ(outcome.error(), Errno::inval);
  return outcome.has_value();
}

TEST(CloneRequest, ForkAndVfork) {
  EXPECT_EQ(CloneRequest::from_fork().flags, 0u);
  EXPECT_EQ(CloneRequest::from_fork().exit_signal, signal::kSigChld);
  EXPECT_EQ(CloneRequest::from_vfork().flags, kCloneVfork | kCloneVm);
  EXPECT_EQ(CloneRequest::from_vfork().exit_signal, signal::kSigChld);
}

TEST(CloneRequest, CloneSplitsFlagsAndSignal) {
  auto request =
      CloneRequest::from_clone(0xffff'ffff'0000'0000 | kCloneVm | signal::kSigUsr1,
                               UserAddr(0x1000), UserAddr(16), UserAddr(24), UserAddr(32));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->flags, kCloneVm);  // only the lower half counts
  EXPECT_EQ(request->exit_signal, signal::kSigUsr1);
  EXPECT_EQ(request->stack, UserAddr(0x1000));
  EXPECT_EQ(request->parent_tid.address(), UserAddr(16));
  EXPECT_EQ(request->pidfd.address(), UserAddr(16));  // they share the argument
  EXPECT_EQ(request->child_tid, UserAddr(24));
  EXPECT_EQ(request->thread_pointer, UserAddr(32));
}

TEST(CloneRequest, PidfdAndParentTidShareAnArgument) {
  auto request = CloneRequest::from_clone(kClonePidfd | kCloneParentSettid, {}, {}, {}, {});
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error(), Errno::inval);
}

TEST(CloneRequest, FlagMatrix) {
  arch::hosted::run_core([] {
    // As an ordinary process, which PID 1 is not.
    long pid = arch::hosted::fork([] {
      EXPECT_TRUE(is_valid(0));
      EXPECT_TRUE(is_valid(kThreadFlags));
      EXPECT_TRUE(is_valid(kCloneVm));
      EXPECT_TRUE(is_valid(kCloneVm | kCloneSighand));
      EXPECT_TRUE(is_valid(kCloneVm | kCloneVfork));
      EXPECT_TRUE(is_valid(kCloneParent));
      EXPECT_TRUE(is_valid(kCloneFs | kCloneFiles | kCloneIo | kCloneSysvsem));
      EXPECT_TRUE(is_valid(kClonePidfd | kThreadFlags));
      EXPECT_FALSE(is_valid(kCloneThread));
      EXPECT_FALSE(is_valid(kCloneThread | kCloneVm));
      EXPECT_FALSE(is_valid(kCloneThread | kCloneSighand));
      EXPECT_FALSE(is_valid(kCloneSighand));
      EXPECT_FALSE(is_valid(kCloneNewNs | kCloneFs));
      EXPECT_FALSE(is_valid(kCloneNewUser | kCloneFs));
      EXPECT_FALSE(is_valid(kThreadFlags | kCloneNewUser));
      EXPECT_FALSE(is_valid(kThreadFlags | kCloneNewPid));
      EXPECT_FALSE(is_valid(kClonePidfd | kCloneDetached));
    });
    EXPECT_EQ(arch::hosted::wait_for(pid), 0);
    EXPECT_FALSE(is_valid(kCloneParent)) << "init has no siblings";
  });
}

}  // namespace
}  // namespace tine
