// SPDX-License-Identifier: MIT
// CONTRACT: D7 D11 E31 E47
//
// oom_score_adj and the dumpable flag are inherited.
#include <sys/prctl.h>

#include "check.h"

int main(void) {
  char text[64];
  int file = must(open("/proc/self/oom_score_adj", O_WRONLY));
  equal("write oom_score_adj", write(file, "321", 3), 3);
  must(prctl(PR_SET_DUMPABLE, 0));
  pid_t child = must(fork());
  if (child == 0) {
    equal("dumpable inherited", prctl(PR_GET_DUMPABLE), 0);
    must(prctl(PR_SET_DUMPABLE, 1));
    must(slurp("/proc/self/oom_score_adj", text, sizeof text));
    equal("oom_score_adj inherited", atoi(text), 321);
    _exit(check_failures);
  }
  exits("child", child, 0);
  equal("parent's dumpable", prctl(PR_GET_DUMPABLE), 0);
  fails("bad value", prctl(PR_SET_DUMPABLE, 7), EINVAL);
  return finish();
}
