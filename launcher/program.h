// SPDX-License-Identifier: MIT
//
// Finds what to execute: in the packed root, or else on the host, from where it is carried in. All
// that can be known before a VM starts is said here, as a Failure with the status a shell would
// give: 127 where there is no such program, 126 where it cannot be executed.
#pragma once

#include <string>
#include <vector>

#include "root_archive.h"

namespace tine::launcher {

struct ProgramRequest {
  std::string name;               // as the user wrote it
  std::string working_directory;  // in the guest, absolute
  std::string search_path;        // the guest's PATH
};

// Returns the guest path to execute. Adds the file to `root` where it comes from the host.
std::string place_program(RootArchive& root, const ProgramRequest& request);

}  // namespace tine::launcher
