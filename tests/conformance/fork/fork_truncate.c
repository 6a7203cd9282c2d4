// SPDX-License-Identifier: MIT
//
// A file is truncated that a family of 200 processes maps, most of which share their page tables
// since a fork: all of them lose what is behind the end, private copies too (SIGBUS), and nothing
// else.
#include "check.h"

enum { page = 4096, pages = 1024, children = 200 };

struct views {
  char *shared, *private, *other;
};

// What a child does once the file is short. Every third has written before, and so has tables of
// its own; every fifth has children's children beside it.
static void live(int number, struct views view, struct gate ready, struct gate go) {
  if (number % 3 == 0) view.other[number * page] = 1;
  if (number % 3 == 1) view.private[800 * page] = 'c';
  gate_open(ready);
  gate_wait(go);
  if (view.shared[100 * page] != 's' || view.private[100 * page] != 'p') _exit(1);
  if (view.other[number * page] != (number % 3 == 0)) _exit(2);
  const volatile char* gone = (number % 2 ? view.shared : view.private) + 800 * page;
  _exit(*gone != 0 ? 3 : 4);
}

int main(void) {
  int file = must(memfd_create("file", 0));
  must(ftruncate(file, pages * page));
  const int rights = PROT_READ | PROT_WRITE;
  struct views view;
  view.shared = mmap(NULL, pages * page, rights, MAP_SHARED, file, 0);
  view.private = mmap(NULL, pages * page, rights, MAP_PRIVATE, file, 0);
  view.other = mmap(NULL, pages * page, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(view.shared, 's', pages * page);
  view.private[100 * page] = view.private[800 * page] = 'p';
  memset(view.other, 0, pages * page);

  struct gate ready = gate_make(), go = gate_make();
  static pid_t child[children];
  for (int i = 0; i < children; ++i) {
    child[i] = must(fork());
    if (child[i] != 0) continue;
    if (i % 5 == 0) {
      pid_t grandchild = must(fork());
      if (grandchild == 0) live(i, view, ready, go);
      int status = 0;
      must(waitpid(grandchild, &status, 0));
      if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS) _exit(5);
    }
    live(i, view, ready, go);
  }
  for (int i = 0; i < children; ++i) gate_wait(ready);  // grandchildren, where there are some
  must(ftruncate(file, 512 * page));
  for (int i = 0; i < 2 * children; ++i) gate_open(go);
  int killed = 0, first_status = 0;
  for (int i = 0; i < children; ++i) {
    int status = 0;
    must(waitpid(child[i], &status, 0));
    const int is_right = WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
    killed += is_right;
    if (!is_right && first_status == 0) first_status = status;
  }
  equal("all lose what is behind the end", killed, children);
  equal("in that way", first_status, 0);
  equal("what is before it stays",
        view.shared[511 * page] == 's' && view.private[100 * page] == 'p', 1);
  must(ftruncate(file, pages * page));
  equal("zeros come back", view.shared[800 * page] | view.private[800 * page], 0);
  return finish();
}
