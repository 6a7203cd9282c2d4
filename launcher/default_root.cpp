// SPDX-License-Identifier: MIT
//
// See default_root.h. The applet list comes from the busybox itself (`busybox --list-full`), so it
// is right for whatever version is installed; that costs about two milliseconds.
#include "default_root.h"

#include <cstdio>
#include <memory>
#include <string>

#include "executable_check.h"

namespace tine::launcher {
namespace {

constexpr const char* kBusybox = "/bin/busybox";

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "daemon:x:1:1:daemon:/:/bin/false\n"
    "user:x:1000:1000:user:/home/user:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n";

constexpr const char* kGroup =
    "root:x:0:\n"
    "daemon:x:1:\n"
    "tty:x:5:\n"
    "user:x:1000:\n"
    "nogroup:x:65534:\n";

constexpr const char* kProfile =
    "export PS1='\\u@\\h:\\w\\$ '\n"
    "export PAGER=less\n"
    "alias ll='ls -l'\n";

void check_busybox() {
  const UniqueFd busybox(::open(kBusybox, O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!busybox || ::fstat(busybox.get(), &status) != 0) {
    throw Failure("the default root needs /bin/busybox: install the package busybox-static");
  }
  const ExecutableCheck check =
      check_executable(busybox.get(), 0, static_cast<uint64_t>(status.st_size));
  if (!check.executable || !check.interpreter.empty()) {
    throw Failure("the default root needs a static busybox: install the package busybox-static");
  }
}

void add_applets(RootArchive& root) {
  const std::unique_ptr<FILE, int (*)(FILE*)> list(::popen("/bin/busybox --list-full", "re"),
                                                   ::pclose);
  if (!list) throw Failure::from_errno("cannot run /bin/busybox");
  char line[256];
  while (std::fgets(line, sizeof line, list.get()) != nullptr) {
    std::string path(line);
    while (!path.empty() && path.back() == '\n') path.pop_back();
    if (path.empty() || root.find(path) != nullptr) continue;
    if (const size_t slash = path.rfind('/'); slash != std::string::npos) {
      root.add_directories(path.substr(0, slash));
    }
    root.add_symlink(path, kBusybox);
  }
}

}  // namespace

void add_default_root(RootArchive& root) {
  check_busybox();
  root.add_directory(".", 0755);
  for (const char* path : {"bin", "sbin", "usr", "usr/bin", "usr/sbin", "etc", "home", "run", "var",
                           "var/log", "home/user"}) {
    root.add_directory(path, 0755);
  }
  root.add_directory("root", 0700);
  root.add_directory("var/tmp", 01777);
  root.add_host_file("bin/busybox", 0755, kBusybox);
  add_applets(root);
  root.add_file("etc/passwd", 0644, kPasswd);
  root.add_file("etc/group", 0644, kGroup);
  root.add_file("etc/profile", 0644, kProfile);
  root.add_file("etc/hostname", 0644, "tine\n");
  root.add_file("etc/hosts", 0644, "127.0.0.1 localhost tine\n");
  root.add_file("etc/shells", 0644, "/bin/sh\n/bin/ash\n");
}

void add_mount_points(RootArchive& root) {
  for (const char* path : {"dev", "proc", "sys"}) {
    if (root.find(path) == nullptr) root.add_directory(path, 0755);
  }
  if (root.find("tmp") == nullptr) root.add_directory("tmp", 01777);
}

}  // namespace tine::launcher
