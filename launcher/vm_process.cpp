// SPDX-License-Identifier: MIT
//
// See vm_process.h.
#include "vm_process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

namespace tine::launcher {
namespace {

std::string find_in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    std::string candidate = directory + "/" + program;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw Failure("no QEMU here (" + program + "): install the package qemu-system-x86");
}

// In the child. Only async-signal-safe calls; on failure the launcher reads why from QEMU's stderr.
[[noreturn]] void become_qemu(const char* path, char* const* arguments,
                              const std::vector<int>& inherited, int messages, pid_t launcher) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launcher) ::_exit(kStatusTine);  // it died before the line above
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(messages, STDOUT_FILENO);
  ::dup2(messages, STDERR_FILENO);
  for (const int fd : inherited) ::fcntl(fd, F_SETFD, 0);
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(path, arguments);
  const char* why = std::strerror(errno);
  if (::write(STDERR_FILENO, why, std::strlen(why)) < 0) ::_exit(kStatusTine);
  ::_exit(kStatusTine);
}

}  // namespace

VmProcess::VmProcess(const std::vector<std::string>& arguments, const std::vector<int>& inherited,
                     int messages) {
  const std::string path = find_in_path(arguments.front());
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const pid_t launcher = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw Failure::from_errno("cannot start QEMU");
  if (pid_ == 0) become_qemu(path.c_str(), raw.data(), inherited, messages, launcher);
  ended_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!ended_) {
    const int error = errno;
    kill();
    errno = error;
    throw Failure::from_errno("cannot watch QEMU (pidfd_open)");
  }
}

void VmProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

VmProcess::~VmProcess() { kill(); }

}  // namespace tine::launcher
