// SPDX-License-Identifier: MIT
//
// Rows of the no-libc program for machines with one CPU and with several: storms of processes and
// threads from as many workers as there are CPUs, ping-pong across CPUs, and hackbench.
//
// One row serves machines of any size; ../targets.json names it once for each. Workers are not
// bound to CPUs (the kernel's placement is part of what a storm measures), the partners of the
// ping-pong are. A worker that fails leaves with a status that its parent reports as child-failed.
// The kernel ends what is left of a failed row: workers see an end of file or a SIGPIPE.
#include "rows.h"

#include <linux/mman.h>

namespace bench {
namespace {

constexpr const char* tiny_program = "/bench-tiny";
constexpr const char* const tiny_arguments[] = {tiny_program, nullptr};
constexpr const char* const no_environment[] = {nullptr};

using CpuMask = uint64_t[16];

uint64_t usable_cpus() {
  CpuMask mask = {};
  must(raw_call(__NR_sched_getaffinity, 0, sizeof mask, as_long(&mask)));
  uint64_t cpus = 0;
  for (uint64_t word : mask) cpus += static_cast<uint64_t>(__builtin_popcountll(word));
  return cpus;
}

void bind_to_cpu(uint64_t cpu) {
  CpuMask mask = {};
  mask[cpu / 64] = uint64_t{1} << cpu % 64;
  must(raw_call(__NR_sched_setaffinity, 0, sizeof mask, as_long(&mask)));
}

// Holds processes back until it opens for all of them at once.
class Gate {
 public:
  Gate() { make_pipe(ends_); }

  void wait() {
    raw_close(ends_[1]);
    char byte;
    raw_read(ends_[0], &byte, 1);  // end of file, once nobody can write any more
    raw_close(ends_[0]);
  }
  void open() {
    raw_close(ends_[0]);
    raw_close(ends_[1]);
  }

 private:
  int ends_[2];
};

constexpr uint64_t most_workers = 64;

void* map_shared(size_t bytes) {
  return reinterpret_cast<void*>(
      must(raw_call(__NR_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0)));
}

// Has as many workers as there are CPUs do up to `cycles` operations each, all at once; the figure
// is the time that passed, by all operations together.
template <typename Operation>
void measure_storm(const char* figure, uint64_t cycles, Operation operation) {
  const uint64_t cpus = usable_cpus();
  const uint64_t workers = cpus < most_workers ? cpus : most_workers;
  const auto done = static_cast<uint64_t*>(map_shared(workers * sizeof(uint64_t)));
  long pids[most_workers];
  uint64_t taken[batches];
  for (size_t batch = 0; batch <= batches; ++batch) {
    Gate gate;
    for (uint64_t i = 0; i < workers; ++i) {
      pids[i] = must(raw_fork());
      if (pids[i] != 0) continue;
      gate.wait();
      done[i] = repeat(cycles, operation);
      raw_exit(0);
    }
    const uint64_t start = read_ticks();
    gate.open();
    uint64_t all_done = 0;
    for (uint64_t i = 0; i < workers; ++i) {
      reap(pids[i]);
      all_done += done[i];
    }
    if (batch == 0) continue;  // warms up
    taken[batch - 1] = (read_ticks() - start) * tick_parts / all_done;
  }
  report_ticks(figure, median(taken), tick_parts);
}

[[noreturn]] void echo_until_closed(int from, int to) {
  char byte = 0;
  while (raw_read(from, &byte, 1) == 1 && raw_write(to, &byte, 1) == 1) {
  }
  raw_exit(0);
}

// hackbench: in each group every sender sends messages to every receiver, over one pipe or socket
// pair a receiver.
class MessageGroups {
 public:
  static constexpr uint64_t groups = 2;
  static constexpr uint64_t members = 8;  // senders, and as many receivers, of a group
  static constexpr uint64_t rounds = 12;  // messages of a sender to one receiver
  static constexpr uint64_t messages = groups * members * members * rounds;

  // `connect` makes a channel: ends[0] to read from, ends[1] to write to.
  template <typename Connect>
  static void measure(const char* figure, Connect connect) {
    static MessageGroups all;
    uint64_t taken[batches];
    for (size_t batch = 0; batch <= batches; ++batch) {
      Gate gate;
      all.started_ = 0;
      for (uint64_t group = 0; group < groups; ++group) all.start_group(gate, connect);
      const uint64_t start = read_ticks();
      gate.open();
      for (long pid : all.pids_) reap(pid);
      if (batch > 0) taken[batch - 1] = read_ticks() - start;
    }
    report_ticks(figure, median(taken), messages);
  }

 private:
  static constexpr size_t message_bytes = 100;

  template <typename Connect>
  void start_group(Gate& gate, Connect connect) {
    int channels[members][2];
    for (auto& channel : channels) connect(channel);
    for (uint64_t member = 0; member < members; ++member) {
      start(gate, [&] { receive(channels[member][0]); });
      start(gate, [&] { send(channels); });
    }
    for (auto& channel : channels) {
      raw_close(channel[0]);
      raw_close(channel[1]);
    }
  }

  template <typename Body>
  void start(Gate& gate, Body body) {
    const long pid = must(raw_fork());
    if (pid == 0) {
      gate.wait();
      body();
      raw_exit(0);
    }
    pids_[started_++] = pid;
  }

  static void receive(int from) {
    char message[message_bytes];
    for (uint64_t left = members * rounds * message_bytes; left > 0;) {
      const long size = raw_read(from, message, left < sizeof message ? left : sizeof message);
      if (size <= 0) raw_exit(1);
      left -= static_cast<uint64_t>(size);
    }
  }

  static void send(const int (&channels)[members][2]) {
    const char message[message_bytes] = {};
    for (uint64_t round = 0; round < rounds; ++round) {
      for (const auto& channel : channels) {
        if (raw_write(channel[1], message, sizeof message) != sizeof message) raw_exit(1);
      }
    }
  }

  long pids_[groups * members * 2];
  uint64_t started_ = 0;
};

}  // namespace

void row_fork_storm() {
  measure_storm("fork_storm", 200, [] { reap(fork_and_exit()); });
}

void row_exec_storm() {
  measure_storm("exec_storm", 80,
                [] { reap(raw_vfork_exec(tiny_program, tiny_arguments, no_environment)); });
}

void row_pipe_two_cpus() {
  int there[2];
  int back[2];
  make_pipe(there);
  make_pipe(back);
  const long pid = must(raw_fork());
  bind_to_cpu(pid == 0 ? 1 : 0);
  if (pid == 0) {
    raw_close(there[1]);
    raw_close(back[0]);
    echo_until_closed(there[0], back[1]);
  }
  raw_close(there[0]);
  raw_close(back[1]);
  measure("pipe_two_cpus", 1'000, [&there, &back] {
    char byte = 1;
    must(raw_write(there[1], &byte, 1));
    if (must(raw_read(back[0], &byte, 1)) != 1) give_up_because("end-of-file");
  });
  raw_close(there[1]);
  reap(pid);
}

void row_hackbench_pipes() {
  MessageGroups::measure("hackbench_pipes", [](int(&ends)[2]) { make_pipe(ends); });
}

void row_hackbench_sockets() {
  constexpr long family_unix = 1;
  constexpr long type_stream = 1;
  MessageGroups::measure("hackbench_sockets", [](int(&ends)[2]) {
    must(raw_call(__NR_socketpair, family_unix, type_stream, 0, as_long(ends)));
  });
}

}  // namespace bench
