// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// Writes of at most PIPE_BUF bytes never mix, larger ones arrive whole in their own order.
#include "check.h"

enum { writers = 4, turns = 200, size = 4096 };

int main(void) {
  int ends[2];
  must(pipe(ends));
  for (int index = 0; index < writers; index++) {
    if (must(fork()) != 0) continue;
    char block_of[size];
    memset(block_of, 'a' + index, size);
    for (int turn = 0; turn < turns; turn++) {
      if (write(ends[1], block_of, size) != size) _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  static char block_of[size];
  long counts[writers] = {0}, mixed = 0, total = 0;
  for (;;) {
    size_t have = 0;
    while (have < size) {
      ssize_t count = read(ends[0], block_of + have, size - have);
      if (count <= 0) break;
      have += (size_t)count;
    }
    if (have == 0) break;
    total += (long)have;
    for (int index = 1; index < size; index++) mixed += block_of[index] != block_of[0];
    counts[block_of[0] - 'a']++;
  }
  equal("every byte", total, (long)writers * turns * size);
  equal("mixed bytes", mixed, 0);
  for (int index = 0; index < writers; index++) equal("blocks of a writer", counts[index], turns);
  int good = 0, status;
  while (wait(&status) > 0) good += status == 0;
  equal("writers ended well", good, writers);
  must(pipe(ends));
  pid_t child = must(fork());
  if (child == 0) {
    close(ends[0]);
    static char large[1000000];
    for (size_t index = 0; index < sizeof large; index++) large[index] = (char)(index * 31 / 7);
    _exit(write(ends[1], large, sizeof large) == sizeof large ? 0 : 1);
  }
  close(ends[1]);
  long position = 0, wrong = 0;
  for (ssize_t count; (count = read(ends[0], block_of, 777)) > 0; position += count) {
    for (ssize_t index = 0; index < count; index++) {
      wrong += block_of[index] != (char)((size_t)(position + index) * 31 / 7);
    }
  }
  equal("one large write", position, 1000000);
  equal("in order", wrong, 0);
  exits("writer", child, 0);
  return finish();
}
