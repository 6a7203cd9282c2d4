// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// mremap grows, shrinks and moves mappings with their contents.
#include "check.h"

int main(void) {
  char* area = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(area + 8192, 57344);
  area[0] = 1;
  area[8191] = 2;
  ok("grows in place", mremap(area, 8192, 16384, 0) == area);
  ok("shrinks in place", mremap(area, 16384, 8192, 0) == area);
  char* blocker =
      mmap(area + 8192, 4096, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fails("no room and may not move", mremap(area, 8192, 16384, 0), ENOMEM);
  char* moved = mremap(area, 8192, 1 << 20, MREMAP_MAYMOVE);
  ok("moved",
     moved != MAP_FAILED && moved != area && moved[0] == 1 && moved[8191] == 2 && moved[8192] == 0);
  fails("old place is gone", mremap(area, 4096, 8192, MREMAP_MAYMOVE), EFAULT);
  char* place = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ok("to a fixed place", mremap(moved, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
  ok("with its contents", place[0] == 1 && place[8191] == 2);
  fails("unaligned", mremap(place + 1, 4096, 8192, MREMAP_MAYMOVE), EINVAL);
  fails("to nothing", mremap(place, 4096, 0, MREMAP_MAYMOVE), EINVAL);
  fails("fixed without maymove", mremap(place, 4096, 4096, MREMAP_FIXED, blocker), EINVAL);
  fails("overlap", mremap(place, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4096), EINVAL);
  return finish();
}
