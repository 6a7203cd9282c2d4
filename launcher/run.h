// SPDX-License-Identifier: MIT
//
// `tine run` from the parsed command line to the verdict: pack the root, describe the machine,
// start it, relay, judge. Throws Failure for whatever prevents the run.
#pragma once

#include "exit_status.h"
#include "options.h"

namespace tine::launcher {

Verdict run(const Options& options);

}  // namespace tine::launcher
