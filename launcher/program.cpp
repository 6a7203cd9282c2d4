// SPDX-License-Identifier: MIT
//
// See program.h. The guest's own files come first, so that `tine run -- /bin/true` means the
// guest's /bin/true wherever the root has one; a path with a slash that is relative (./build/hello)
// means the host first, because that is what the user's shell would complete.
#include "program.h"

#include <fmt/format.h>

#include <optional>

#include "executable_check.h"

namespace tine::launcher {
namespace {

constexpr const char* kCarriedDirectory = "run/host";

std::string in_directory(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

// These come to be only when the guest runs, so that the index of the root cannot know them.
bool is_kernel_file(const std::string& path) {
  return path.starts_with("/proc/") || path.starts_with("/dev/") || path.starts_with("/sys/");
}

[[noreturn]] void not_executable(const std::string& name, const std::string& problem) {
  throw Failure(name + ": " + problem, kStatusNotExecutable);
}

void check_interpreter(const RootArchive& root, const std::string& name,
                       const std::string& interpreter) {
  if (interpreter.empty() || is_kernel_file(interpreter)) return;
  if (root.find(interpreter) != nullptr) return;
  throw Failure(fmt::format("{}: needs {}, which is not in the guest's root (a static program "
                            "needs nothing; --root takes a root that has it)",
                            name, interpreter),
                kStatusNotFound);
}

void check_guest_file(RootArchive& root, const std::string& name, const RootArchive::Node& node) {
  if (S_ISDIR(node.mode)) not_executable(name, "is a directory");
  if (!S_ISREG(node.mode)) not_executable(name, "not a regular file");
  if ((node.mode & 0111) == 0) not_executable(name, "not executable (no x permission)");
  root.flush();
  const ExecutableCheck check =
      check_executable(root.fd(), static_cast<off_t>(node.data_offset), node.size);
  if (!check.executable) not_executable(name, check.problem);
  check_interpreter(root, name, check.interpreter);
}

std::optional<std::string> search(const RootArchive& root, const ProgramRequest& request) {
  std::optional<std::string> not_executable_match;
  std::string_view rest = request.search_path;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string directory(rest.substr(0, colon));
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    const std::string path =
        in_directory(directory.empty() ? request.working_directory : directory, request.name);
    const RootArchive::Node* node = root.find(path);
    if (node == nullptr || S_ISDIR(node->mode)) continue;
    if ((node->mode & 0111) != 0) return path;
    if (!not_executable_match) not_executable_match = path;
  }
  return not_executable_match;
}

std::optional<std::string> carry_in(RootArchive& root, const std::string& name) {
  struct stat status{};
  if (::stat(name.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw Failure::from_errno(name, kStatusNotExecutable);
  }
  if (S_ISDIR(status.st_mode)) not_executable(name, "is a directory");
  if (!S_ISREG(status.st_mode)) not_executable(name, "not a regular file");
  if ((status.st_mode & 0111) == 0) not_executable(name, "not executable (no x permission)");
  const UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw Failure::from_errno(name, kStatusNotExecutable);
  const ExecutableCheck check =
      check_executable(file.get(), 0, static_cast<uint64_t>(status.st_size));
  if (!check.executable) not_executable(name, check.problem);
  check_interpreter(root, name, check.interpreter);
  const std::string path = in_directory(kCarriedDirectory, name.substr(name.rfind('/') + 1));
  root.add_directories(kCarriedDirectory);
  root.add_host_file(path, status.st_mode & 0777, name);
  return "/" + path;
}

}  // namespace

std::string place_program(RootArchive& root, const ProgramRequest& request) {
  const std::string& name = request.name;
  if (name.empty()) throw Failure("PROGRAM is an empty string", kStatusNotFound);
  const bool has_slash = name.find('/') != std::string::npos;
  if (has_slash && !name.starts_with('/')) {
    if (const auto carried = carry_in(root, name)) return *carried;
  }
  const std::optional<std::string> path =
      has_slash ? std::optional(
                      name.starts_with('/') ? name : in_directory(request.working_directory, name))
                : search(root, request);
  if (path) {
    if (is_kernel_file(*path)) return *path;
    if (const RootArchive::Node* node = root.find(*path); node != nullptr) {
      check_guest_file(root, name, *node);
      return *path;
    }
  }
  if (const auto carried = carry_in(root, name)) return *carried;
  throw Failure(fmt::format("{}: not found, neither in the guest{} nor here", name,
                            has_slash ? "" : "'s PATH"),
                kStatusNotFound);
}

}  // namespace tine::launcher
