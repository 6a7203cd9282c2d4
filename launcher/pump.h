// SPDX-License-Identifier: MIT
//
// One direction of one stream: reads from a descriptor, writes to another, never holds more than
// one buffer, and so passes back-pressure on. Half duplex: it either waits for input or for room,
// which wanted() tells to the poll loop and step() acts on. The descriptors are borrowed; errors
// are ends (a reader that went away, a terminal that was hung up), nothing throws.
#pragma once

#include <poll.h>

#include <functional>
#include <string>
#include <string_view>

namespace tine::launcher {

class Pump {
 public:
  struct Ends {
    int from = -1;
    int to = -1;
    std::function<void()> source_ended;          // all that came was written
    std::function<void(int)> sink_ended;         // nobody takes any more
    std::function<void(std::string_view)> seen;  // a look at what passes
  };

  explicit Pump(Ends ends);

  // What to poll for; fd -1 once the pump is done.
  pollfd wanted() const;

  // Call when poll() says that something of wanted() happened.
  void step();

  bool done() const { return done_; }

 private:
  void fill();
  void drain();

  Ends ends_;
  size_t write_limit_;
  std::string buffer_;
  size_t written_ = 0;
  bool done_ = false;
};

}  // namespace tine::launcher
