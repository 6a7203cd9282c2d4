// SPDX-License-Identifier: MIT
//
// PathName: the path that execve or execveat was called with, copied from the program, and the name
// that the new program is told: for execveat below a descriptor, "/dev/fd/N/path" (execveat(2)).
#pragma once

#include <array>
#include <string_view>

#include "mm/heap.h"
#include "mm/user_memory.h"

namespace tine::exec {

class PathName {
 public:
  // EFAULT, ENAMETOOLONG, ENOMEM.
  static Result<PathName> read(int directory_fd, UserString path);

  std::string_view for_open() const { return {data() + prefix_, length_}; }
  std::string_view for_program() const { return {data(), prefix_ + length_}; }

 private:
  static constexpr size_t kMaxPrefix = 24;  // "/dev/fd/2147483647/"
  static constexpr size_t kMaxPath = 4096;  // with its NUL
  const char* data() const { return long_ ? long_.data() : short_.data(); }

  std::array<char, 256> short_;
  Buffer<char> long_;  // in use when short_ is too short
  size_t prefix_ = 0, length_ = 0;
};

}  // namespace tine::exec
