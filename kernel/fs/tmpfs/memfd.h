// SPDX-License-Identifier: MIT
//
// memfd_create(2): a file of tmpfs or hugetlbfs without a name in any directory, and its seals.
#pragma once

#include "fs/file.h"

namespace tine::fs {

enum MemfdFlags : uint32_t {  // MFD_*
  kMemfdCloseOnExec = 1,
  kMemfdAllowSealing = 2,
  kMemfdHugeTlb = 4,     // of the pool of huge pages
  kMemfdNoExecSeal = 8,  // not executable, and sealed so
  kMemfdExec = 16,       // executable, as without it
  kMemfdHugeSizeShift = 26,  // with kMemfdHugeTlb: the logarithm of the page size, or 0
  kMemfdHugeSizeMask = 0x3fu << kMemfdHugeSizeShift,
};

// ENODEV: there is no pool of huge pages of that size.
Result<Ref<File>> make_memfd(std::string_view name, uint32_t flags);
// F_ADD_SEALS, F_GET_SEALS; EINVAL for files that have none, EPERM when sealed against it.
Result<long> add_seals(File& file, uint32_t seals);
Result<long> get_seals(File& file);

}  // namespace tine::fs
