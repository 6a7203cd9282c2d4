// SPDX-License-Identifier: MIT
//
// Reading the path: almost always it fits beside the other locals, and no memory is needed.
#include "task/exec/path_name.h"

#include <algorithm>

#include "arch/user_access.h"
#include "core/format.h"

namespace tine::exec {

Result<PathName> PathName::read(int directory_fd, UserString path) {
  constexpr int kAtCwd = -100;
  PathName name;
  const char first = TRY(UserIn<char>(path.address).read());
  if (directory_fd != kAtCwd && first != '/') {
    name.prefix_ = format_to(std::span(name.short_).first(kMaxPrefix), "/dev/fd/{}{}", directory_fd,
                             first == '\0' ? "" : "/");
  }
  const std::span<char> space = std::span(name.short_).subspan(name.prefix_);
  Result<size_t> length = arch::copy_string_from_user(space.data(), path.address, space.size());
  if (!length && length.error() == Errno::nametoolong) {
    name.long_ = TRY(Buffer<char>::make(kMaxPrefix + kMaxPath));
    std::copy_n(name.short_.data(), name.prefix_, name.long_.data());
    length = arch::copy_string_from_user(name.long_.data() + name.prefix_, path.address, kMaxPath);
  }
  name.length_ = TRY(length);
  return name;
}

}  // namespace tine::exec
