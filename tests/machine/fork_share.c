// SPDX-License-Identifier: MIT
// CONTRACT: B71
//
// On one CPU: who forks in a loop gets as much of it as a process that just computes. Tried are a
// parent whose children compute for it, reaped by it or not, and a chain in which each generation
// forks the next and ends.
#include "check.h"

#include <signal.h>
#include <sys/prctl.h>

enum { milliseconds = 1000, turn = 2 };

static long long own_time(void) { return now_ns(CLOCK_PROCESS_CPUTIME_ID); }

static void burn(long long nanoseconds) {
  long long end = own_time() + nanoseconds;
  while (own_time() < end) continue;
}

// Nobody reaps them: the parent reads the end of a pipe that they hold.
static void fork_unreaped_children(void) {
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int ends[2];
    must(pipe(ends));
    if (must(fork()) == 0) {
      burn(turn * 1000000LL);
      _exit(0);
    }
    must(close(ends[1]));
    must(read(ends[0], ends, sizeof ends));
    must(close(ends[0]));
  }
}

static void fork_children(void) {
  for (;;) {
    pid_t child = must(fork());
    if (child == 0) {
      burn(turn * 1000000LL);
      _exit(0);
    }
    must(waitpid(child, NULL, 0));
  }
}

static void fork_a_chain(void) {
  for (;;) {
    burn(turn * 1000000LL);
    if (must(fork()) != 0) _exit(0);
  }
}

// The hog's share of the time in which the others fork, in percent.
static long share_against(void (*others)(void)) {
  pid_t group = must(fork());
  if (group == 0) {
    must(setpgid(0, 0));
    others();
  }
  setpgid(group, group);
  long long start = now_ns(CLOCK_MONOTONIC), used = own_time(), now;
  while ((now = now_ns(CLOCK_MONOTONIC)) - start < milliseconds * 1000000LL) continue;
  used = own_time() - used;
  while (kill(-group, SIGKILL) == 0) waitpid(-group, NULL, WNOHANG);
  while (wait(NULL) > 0) continue;
  return (long)(used * 100 / (now - start));
}

// A host that takes the CPU away charges whoever runs just then, so a share is tried again: what is
// unfair is so each time.
static void equal_share(const char* label, void (*others)(void)) {
  enum { least = 45, most = 65, tries = 6 };
  long share = 0;
  for (int i = 0; i < tries && (share < least || share > most); ++i) share = share_against(others);
  if (share < least || share > most) say("%s: the hog had %ld %%", label, share);
  ok(label, share >= least && share <= most);
}

int main(void) {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  equal_share("children that compute have half", fork_children);
  equal_share("so have children that nobody reaps", fork_unreaped_children);
  equal_share("and a chain of generations", fork_a_chain);
  return finish();
}
