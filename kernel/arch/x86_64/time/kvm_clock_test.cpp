// SPDX-License-Identifier: MIT
//
// The TSC's rate from KVM's clock page, for pages as KVM makes them for TSCs of many rates.
#include "arch/x86_64/time/kvm_clock.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tine::x86 {
namespace {

constexpr unsigned kScaleShift = 31;

KvmClockPage page_with(uint32_t factor, int8_t shift) {
  KvmClockPage page{};
  page.tsc_to_system_mul = factor;
  page.tsc_shift = shift;
  return page;
}

// KVM's choice: the factor is in [2^31, 2^32), the shift makes up for the rest.
KvmClockPage page_for_rate(double gigahertz) {
  int exponent = 0;
  double fraction = std::frexp(1.0 / gigahertz, &exponent);  // in [0.5, 1)
  return page_with(static_cast<uint32_t>(std::ldexp(fraction, 32)), static_cast<int8_t>(exponent));
}

TEST(KvmClock, RateOfTheTsc) {
  for (double gigahertz : {0.6, 0.8, 1.0, 1.5, 2.0, 2.1, 2.8, 3.0, 3.7, 4.2, 5.9}) {
    uint32_t multiplier = kvm_clock_multiplier(page_for_rate(gigahertz), kScaleShift);
    double nanoseconds_per_cycle = std::ldexp(multiplier, -static_cast<int>(kScaleShift));
    EXPECT_NEAR(nanoseconds_per_cycle * gigahertz, 1, 1e-8) << gigahertz << " GHz";
  }
}

TEST(KvmClock, FactorAndShiftAreOneNumber) {
  EXPECT_EQ(kvm_clock_multiplier(page_with(1u << 31, 1), kScaleShift), 1u << 31);  // 1 GHz
  EXPECT_EQ(kvm_clock_multiplier(page_with(1u << 31, 0), kScaleShift), 1u << 30);  // 2 GHz
  EXPECT_EQ(kvm_clock_multiplier(page_with(1u << 30, 1), kScaleShift), 1u << 30);
  EXPECT_EQ(kvm_clock_multiplier(page_with(3u << 30, -2), kScaleShift), 3u << 27);
  EXPECT_EQ(kvm_clock_multiplier(page_with(5, 0), 32), 5u);
}

TEST(KvmClock, WhatMakesNoSenseIsRefused) {
  EXPECT_EQ(kvm_clock_multiplier(page_with(0, 0), kScaleShift), 0u);         // not filled in
  EXPECT_EQ(kvm_clock_multiplier(page_with(1u << 31, 2), kScaleShift), 0u);  // below 500 MHz
  EXPECT_EQ(kvm_clock_multiplier(page_with(~0u, 127), kScaleShift), 0u);
  EXPECT_EQ(kvm_clock_multiplier(page_with(~0u, -128), kScaleShift), 0u);
}

}  // namespace
}  // namespace tine::x86
