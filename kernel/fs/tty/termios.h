// SPDX-License-Identifier: MIT
//
// The terminal settings of termios(3) as the system call interface has them, and the ioctl numbers
// of ioctl_tty(2). Values are Linux's (asm-generic/termbits.h); only those that Tine acts on.
#pragma once

#include <cstdint>

namespace tine::tty {

enum InputFlags : uint32_t {
  kIgnoreBreak = 0000001, kStripHighBit = 0000040, kMapNlToCr = 0000100, kIgnoreCr = 0000200,
  kMapCrToNl = 0000400, kOutputFlow = 0002000 /* IXON */, kAnyRestarts = 0004000 /* IXANY */,
  kBellWhenFull = 0020000 /* IMAXBEL */, kUtf8Input = 0040000 /* IUTF8 */,
};
enum OutputFlags : uint32_t {
  kPostProcess = 0000001 /* OPOST */, kNlToCrNl = 0000004 /* ONLCR */, kCrToNl = 0000010 /* OCRNL */,
  kNoCrAtColumn0 = 0000020 /* ONOCR */, kNlReturns = 0000040 /* ONLRET */,
  kTabDelay = 0014000 /* TABDLY */, kExpandTabs = 0014000 /* XTABS */,
};
enum LocalFlags : uint32_t {
  kSignals = 0000001 /* ISIG */, kCanonical = 0000002 /* ICANON */, kEcho = 0000010,
  kEchoErase = 0000020 /* ECHOE */, kEchoKill = 0000040 /* ECHOK */, kEchoNewline = 0000100 /* ECHONL */,
  kNoFlush = 0000200 /* NOFLSH */, kStopBackgroundOutput = 0000400 /* TOSTOP */,
  kEchoControl = 0001000 /* ECHOCTL */, kEchoKillErase = 0004000 /* ECHOKE */,
  kExtended = 0100000 /* IEXTEN */,
};
enum ControlFlags : uint32_t {
  kBaud38400 = 0000017, kSize8 = 0000060, kReceiver = 0000200 /* CREAD */, kHangupOnClose = 0002000,
};
enum ControlCharacter : unsigned {
  kVintr, kVquit, kVerase, kVkill, kVeof, kVtime, kVmin, kVswtc, kVstart, kVstop, kVsusp, kVeol,
  kVreprint, kVdiscard, kVwerase, kVlnext, kVeol2, kControlCharacters = 19,
};

struct Termios {  // struct termios of the kernel ABI
  uint32_t input = kMapCrToNl | kOutputFlow;
  uint32_t output = kPostProcess | kNlToCrNl;
  uint32_t control = kBaud38400 | kSize8 | kReceiver | kHangupOnClose;
  uint32_t local = kSignals | kCanonical | kEcho | kEchoErase | kEchoKill | kEchoControl |
                   kEchoKillErase | kExtended;
  uint8_t line = 0;
  uint8_t characters[kControlCharacters] = {3,  28, 127, 21, 4,  0,  1,  0,  17, 19,
                                            26, 0,  18,  15, 23, 22, 0,  0,  0};
};
static_assert(sizeof(Termios) == 36);

struct Termios2 {  // TCGETS2: with explicit speeds
  Termios base;
  uint32_t input_speed = 38400;
  uint32_t output_speed = 38400;
};
static_assert(sizeof(Termios2) == 44);

struct WindowSize {
  uint16_t rows = 0, columns = 0, width_pixels = 0, height_pixels = 0;
  bool operator==(const WindowSize&) const = default;
};

enum TerminalIoctl : uint32_t {
  kTcgets = 0x5401, kTcsets = 0x5402, kTcsetsw = 0x5403, kTcsetsf = 0x5404, kTcsbrk = 0x5409,
  kTcxonc = 0x540A, kTcflsh = 0x540B, kTiocexcl = 0x540C, kTiocnxcl = 0x540D, kTiocsctty = 0x540E,
  kTiocgpgrp = 0x540F, kTiocspgrp = 0x5410, kTiocoutq = 0x5411, kTiocsti = 0x5412,
  kTiocgwinsz = 0x5413, kTiocswinsz = 0x5414, kFionread = 0x541B, kTiocnotty = 0x5422,
  kTcsbrkp = 0x5425, kTiocgsid = 0x5429, kTcgets2 = 0x802C542A, kTcsets2 = 0x402C542B,
  kTcsetsw2 = 0x402C542C, kTcsetsf2 = 0x402C542D, kTiocgptn = 0x80045430, kTiocsptlck = 0x40045431,
  kTiocgptlck = 0x80045439, kTiocgptpeer = 0x5441, kTiocpkt = 0x5420,
};

}  // namespace tine::tty
