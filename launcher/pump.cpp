// SPDX-License-Identifier: MIT
//
// See pump.h.
#include "pump.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tine::launcher {
namespace {

constexpr size_t kBufferSize = 64 * 1024;

// The host's stdio is shared with other processes and must stay in blocking mode. A pipe that
// poll() calls writable takes PIPE_BUF bytes without blocking; the launcher's own sockets do not
// block, and files never do.
size_t write_limit(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode))) {
    return kBufferSize;
  }
  return 4096;
}

bool is_temporary(int error) { return error == EINTR || error == EAGAIN; }

}  // namespace

Pump::Pump(Ends ends) : ends_(std::move(ends)), write_limit_(write_limit(ends_.to)) {}

pollfd Pump::wanted() const {
  if (done_) return {-1, 0, 0};
  if (buffer_.empty()) return {ends_.from, POLLIN, 0};
  return {ends_.to, POLLOUT, 0};
}

void Pump::step() {
  if (done_) return;
  if (buffer_.empty()) {
    fill();
  } else {
    drain();
  }
}

void Pump::fill() {
  buffer_.resize(kBufferSize);
  const ssize_t got = ::read(ends_.from, buffer_.data(), buffer_.size());
  const bool again = got < 0 && is_temporary(errno);
  buffer_.resize(got > 0 ? static_cast<size_t>(got) : 0);
  written_ = 0;
  if (got > 0) {
    if (ends_.seen) ends_.seen(buffer_);
  } else if (!again) {
    done_ = true;
    if (ends_.source_ended) ends_.source_ended();
  }
}

void Pump::drain() {
  const size_t part = std::min(buffer_.size() - written_, write_limit_);
  const ssize_t written = ::write(ends_.to, buffer_.data() + written_, part);
  if (written < 0) {
    const int error = errno;
    if (is_temporary(error)) return;
    buffer_.clear();
    done_ = true;
    if (ends_.sink_ended) ends_.sink_ended(error);
    return;
  }
  written_ += static_cast<size_t>(written);
  if (written_ == buffer_.size()) buffer_.clear();
}

}  // namespace tine::launcher
