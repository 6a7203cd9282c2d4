// SPDX-License-Identifier: MIT
// CONTRACT: B52
//
// The personality is inherited.
#include <sys/personality.h>

#include "check.h"

int main(void) {
  int start = must(personality(0xffffffff));
  equal("initially plain", start & 0xff, 0);
  must(personality(ADDR_NO_RANDOMIZE));
  pid_t child = must(fork());
  if (child == 0) {
    equal("inherited", personality(0xffffffff), ADDR_NO_RANDOMIZE);
    must(personality(0));
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("parent's unchanged", personality(0xffffffff), ADDR_NO_RANDOMIZE);
  return finish();
}
