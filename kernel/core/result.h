// SPDX-License-Identifier: MIT
//
// Result<T>: a value or an Errno, and TRY, which propagates the Errno to the caller.
//
// Every step that can fail returns Result; nothing in the kernel throws. Errno holds Linux's ABI
// numbers (asm-generic/errno.h). The values from kRestartSys on are the kernel's own: they say how
// an interrupted system call is to be resumed, and are never seen by a program (signal(7)).
#pragma once

#include <expected>
#include <type_traits>
#include <utility>

namespace tine {

enum class Errno : int {
  perm = 1, noent = 2, srch = 3, intr = 4, io = 5, nxio = 6, toobig = 7, noexec = 8, badf = 9,
  child = 10, again = 11, nomem = 12, acces = 13, fault = 14, notblk = 15, busy = 16, exist = 17,
  xdev = 18, nodev = 19, notdir = 20, isdir = 21, inval = 22, nfile = 23, mfile = 24, notty = 25,
  txtbsy = 26, fbig = 27, nospc = 28, spipe = 29, rofs = 30, mlink = 31, pipe = 32, dom = 33,
  range = 34, deadlk = 35, nametoolong = 36, nolck = 37, nosys = 38, notempty = 39, loop = 40,
  nodata = 61, overflow = 75, badfd = 77, libbad = 80, ilseq = 84, notsock = 88, destaddrreq = 89,
  msgsize = 90, opnotsupp = 95, afnosupport = 97, addrinuse = 98, notconn = 107, timedout = 110,
  connrefused = 111, already = 114, inprogress = 115, stale = 116, ownerdead = 130,
  notrecoverable = 131,
  // Only inside the kernel; see task/signal for what each means to the return path.
  restart_sys = 512,            // restart if the handler has SA_RESTART, else EINTR
  restart_nointr = 513,         // always restart
  restart_nohand = 514,         // restart if no handler ran, else EINTR
  restart_restartblock = 516,   // resume through restart_syscall(2) with the time that is left
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Errno> {
  using Base = std::expected<T, Errno>;

 public:
  using Base::Base;
  constexpr Result(Errno error) : Base(std::unexpected(error)) {}
  constexpr Result(std::unexpected<Errno> error) : Base(error) {}
};

// What a system call gives back: the value of its return register, or an Errno.
using SyscallResult = Result<long>;

}  // namespace tine

// Evaluates to the value of a Result, or returns its Errno from the enclosing function.
#define TRY(...)                                                        \
  ({                                                                    \
    auto&& try_result_ = (__VA_ARGS__);                                 \
    if (!try_result_.has_value()) [[unlikely]]                          \
      return ::std::unexpected(try_result_.error());                    \
    ::tine::detail::unwrap(::std::forward<decltype(try_result_)>(try_result_)); \
  })

namespace tine::detail {
template <class R>
constexpr decltype(auto) unwrap(R&& result) {
  using Value = typename std::remove_cvref_t<R>::value_type;
  if constexpr (std::is_void_v<Value>) {
    return;
  } else {
    return Value(*std::forward<R>(result));
  }
}
}  // namespace tine::detail
