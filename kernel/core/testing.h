// SPDX-License-Identifier: MIT
//
// What tests that repeat themselves with many seeds share: how many there are, and how one of them is
// repeated alone. The environment says so:
//
//   TINE_SIMULATION_RUNS=10000     so many seeds for each property that is shown with several
//   TINE_SIMULATION_SEED=7         this one alone, or, with the other variable, from it on
//
// A failure names its seed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

namespace tine {

inline uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text != nullptr ? strtoull(text, nullptr, 0) : otherwise;
}

// Calls property(seed) for `count` seeds, or as the environment says, until one fails. Returns how
// many there were to be.
template <class Property>
uint64_t for_each_seed(uint64_t count, Property&& property) {
  const bool has_seed = getenv("TINE_SIMULATION_SEED") != nullptr;
  const uint64_t first = from_environment("TINE_SIMULATION_SEED", 1);
  const uint64_t runs = from_environment("TINE_SIMULATION_RUNS", has_seed ? 1 : count);
  for (uint64_t seed = first; seed != first + runs && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "TINE_SIMULATION_SEED=" << seed);
    property(seed);
  }
  return runs;
}

}  // namespace tine
