// SPDX-License-Identifier: MIT
//
// What uname(2) and /proc/version say. The system name and release are those of the Linux whose
// system-call interface Tine offers, because programs and C libraries compare them (glibc refuses a
// kernel whose release is too old); Tine names itself in the version string.
#pragma once

#include <string_view>

namespace tine {

inline constexpr std::string_view kSystemName = "Linux";
inline constexpr std::string_view kRelease = "6.1.0-tine";
inline constexpr std::string_view kVersion = "Tine 0.1.0 SMP PREEMPT";
inline constexpr std::string_view kMachine = "x86_64";
inline constexpr std::string_view kCompiler = "clang " __clang_version__;

}  // namespace tine
