// SPDX-License-Identifier: MIT
//
// Queues of pending signals: order, standard against real-time, limits, actions.
#include "task/signal/queue.h"

#include <gtest/gtest.h>

#include "arch/hosted/harness.h"
#include "task/signal_state.h"

namespace tine::signal {
namespace {

constexpr int kRt = kSigRtMin + 3;

SigInfo queued(int number, uint64_t value) {
  SigInfo info{.number = number, .code = kSiQueue};
  info.sender.value = value;
  return info;
}

void in_core(std::function<void(PendingSignals&)> body) {
  arch::hosted::run_core([body] {
    PendingSignals queue;
    body(queue);
    discard_all(queue);
    EXPECT_EQ(queue.first, nullptr);
    EXPECT_EQ(queue.last, nullptr);
    EXPECT_EQ(current().creds().user->queued_signals.load(), 0);
  });
}

TEST(SignalQueue, StandardSignalsDoNotQueue) {
  in_core([](PendingSignals& queue) {
    EXPECT_TRUE(enqueue(queue, current(), queued(kSigUsr1, 1)));
    EXPECT_TRUE(enqueue(queue, current(), queued(kSigUsr1, 2)));
    SigInfo info;
    EXPECT_EQ(dequeue(queue, ~0ull, info), kSigUsr1);
    EXPECT_EQ(info.sender.value, 1u);
    EXPECT_EQ(dequeue(queue, ~0ull, info), 0);
  });
}

TEST(SignalQueue, RealTimeSignalsQueueInOrder) {
  in_core([](PendingSignals& queue) {
    for (uint64_t value = 1; value <= 3; ++value) {
      EXPECT_TRUE(enqueue(queue, current(), queued(kRt, value)));
      EXPECT_TRUE(enqueue(queue, current(), queued(kRt - 1, value)));
    }
    SigInfo info;
    for (int number : {int{kRt - 1}, int{kRt}}) {
      for (uint64_t value = 1; value <= 3; ++value) {
        EXPECT_EQ(dequeue(queue, ~0ull, info), number);
        EXPECT_EQ(info.sender.value, value);
      }
    }
    EXPECT_EQ(queue.set, 0u);
  });
}

TEST(SignalQueue, FaultsComeFirst) {
  in_core([](PendingSignals& queue) {
    EXPECT_TRUE(enqueue(queue, current(), queued(kSigHup, 0)));
    EXPECT_TRUE(enqueue(queue, current(), queued(kSigSegv, 0)));
    SigInfo info;
    EXPECT_EQ(dequeue(queue, ~0ull, info), kSigSegv);
    EXPECT_EQ(dequeue(queue, ~bit(kSigHup), info), 0);
    EXPECT_EQ(dequeue(queue, ~0ull, info), kSigHup);
  });
}

TEST(SignalQueue, LimitRefusesRealTimeAndOnlyStripsStandardOnes) {
  in_core([](PendingSignals& queue) {
    current().signal->limits[kLimitSigpending] = {.soft = 2, .hard = 2};
    EXPECT_TRUE(enqueue(queue, current(), queued(kRt, 1)));
    EXPECT_TRUE(enqueue(queue, current(), queued(kRt, 2)));
    auto refused = enqueue(queue, current(), queued(kRt + 1, 3));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Errno::again);
    EXPECT_FALSE(queue.set & bit(kRt + 1));
    EXPECT_TRUE(enqueue(queue, current(), queued(kSigUsr2, 4)));
    SigInfo info;
    EXPECT_EQ(dequeue(queue, bit(kSigUsr2), info), kSigUsr2);
    EXPECT_EQ(info.sender.value, 0u);
  });
}

TEST(SignalQueue, DiscardKeepsTheRest) {
  in_core([](PendingSignals& queue) {
    for (int number : {int{kSigTstp}, kRt, int{kSigTtin}, kRt}) {
      EXPECT_TRUE(enqueue(queue, current(), queued(number, 7)));
    }
    discard(queue, kStopSignals);
    EXPECT_EQ(queue.set, bit(kRt));
    SigInfo info;
    EXPECT_EQ(dequeue(queue, ~0ull, info), kRt);
    EXPECT_TRUE(enqueue(queue, current(), queued(kRt, 8)));  // the tail is still right
    EXPECT_EQ(dequeue(queue, ~0ull, info), kRt);
    EXPECT_EQ(dequeue(queue, ~0ull, info), kRt);
    EXPECT_EQ(info.sender.value, 8u);
  });
}

TEST(SigHand, CopyHoldsWhatWasSetAndResetKeepsIgnored) {
  SigHand old;
  ASSERT_TRUE(
      old.set_action(kSigUsr1, {.handler = 0x1234, .flags = kSaRestart, .restorer = 5, .mask = 6}));
  ASSERT_TRUE(old.set_action(kSigPipe, {.handler = kIgnoreHandler}));
  ASSERT_TRUE(old.set_action(kSigHup, {.handler = kIgnoreHandler, .flags = kSaRestart}));
  ASSERT_TRUE(old.set_action(kSigQuit, {.handler = kIgnoreHandler}));
  ASSERT_TRUE(old.set_action(kSigQuit, {.handler = 0, .flags = kSaRestart}));
  SigHand copy(old);
  EXPECT_EQ(copy.action(kSigUsr1).handler, 0x1234u);
  EXPECT_EQ(copy.action(kSigUsr1).mask, 6u);
  EXPECT_TRUE(copy.action(kSigUsr2).is_default());
  // The table is shared until one side writes.
  ASSERT_TRUE(copy.set_action(kSigUsr2, {.handler = 0x5678}));
  EXPECT_EQ(copy.handler(kSigUsr1), 0x1234u);
  EXPECT_TRUE(old.action(kSigUsr2).is_default());
  copy.reset_handlers();
  EXPECT_TRUE(copy.action(kSigUsr1).is_default());
  EXPECT_EQ(copy.handler(kSigPipe), kIgnoreHandler);
  EXPECT_EQ(copy.handler(kSigHup), kIgnoreHandler);
  EXPECT_EQ(copy.action(kSigHup).flags, 0u);
  EXPECT_TRUE(copy.action(kSigQuit).is_default());
  EXPECT_EQ(old.handler(kSigUsr1), 0x1234u);
}

}  // namespace
}  // namespace tine::signal
