// SPDX-License-Identifier: MIT
//
// A file descriptor with one owner, closed when the owner dies; and the two read/write loops that
// everything here needs. write_all() and read_at() throw Failure; nothing else can fail.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <utility>

#include "failure.h"

namespace tine::launcher {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

inline void write_all(int fd, const void* data, size_t size, const std::string& what) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, at, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      throw Failure::from_errno("cannot write " + what);
    }
    at += written;
    size -= static_cast<size_t>(written);
  }
}

// Reads up to `size` bytes at `offset`; fewer only at the end of the file.
inline size_t read_at(int fd, void* data, size_t size, off_t offset, const std::string& what) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, static_cast<char*>(data) + done, size - done,
                                offset + static_cast<off_t>(done));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw Failure::from_errno("cannot read " + what);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace tine::launcher
