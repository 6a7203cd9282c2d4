// SPDX-License-Identifier: MIT
//
// The program behind `tine run`. It owns the process: standard descriptors that are open, SIGPIPE
// ignored (a reader that goes away is an error of one write, not the end), one message for what
// went wrong, and the exit status of exit_status.h.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include "failure.h"
#include "options.h"
#include "run.h"

namespace {

using tine::launcher::Failure;

// A descriptor that is opened later must not come to be number 0, 1 or 2.
void open_standard_descriptors() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const std::optional<tine::launcher::Options> options =
        tine::launcher::parse_options(argc, argv);
    if (!options) return 0;
    const tine::launcher::Verdict verdict = tine::launcher::run(*options);
    if (!verdict.message.empty()) fmt::print(stderr, "tine: {}\n", verdict.message);
    return verdict.status;
  } catch (const Failure& failure) {
    fmt::print(stderr, "tine: {}\n", failure.what());
    return failure.status();
  } catch (const std::exception& error) {
    fmt::print(stderr, "tine: {}\n", error.what());
    return tine::launcher::kStatusTine;
  }
}
