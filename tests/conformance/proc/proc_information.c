// SPDX-License-Identifier: MIT
// CONTRACT: issue-2
//
// uname, sysinfo, getrusage, times, priorities, prctl names, getcpu, sched_yield, unknown calls.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

#include "check.h"

static char large[4 << 20];

int main(void) {
  memset(large, 1, sizeof large);  // Linux counts small resident sets per CPU and late
  struct utsname name;
  must(uname(&name));
  ok("machine", strcmp(name.machine, "x86_64") == 0);
  ok("sysname", strcmp(name.sysname, "Linux") == 0);
  ok("release is 6 or later", atoi(name.release) >= 6);
  struct utsname changed;
  must(sethostname("conformance", 11));
  must(uname(&changed));
  must(sethostname(name.nodename, strlen(name.nodename)));  // the host's own, on the host
  ok("sethostname", strcmp(changed.nodename, "conformance") == 0);
  fails("name too long", sethostname("x", 65), EINVAL);
  struct sysinfo info;
  must(sysinfo(&info));
  ok("sysinfo", info.totalram > 0 && info.freeram > 0 && info.procs > 0 && info.mem_unit > 0);
  struct rusage usage;
  must(getrusage(RUSAGE_SELF, &usage));
  ok("maxrss", usage.ru_maxrss > 0);
  equal("RUSAGE_THREAD", getrusage(1, &usage), 0);
  fails("bad who", getrusage(7, &usage), EINVAL);
  ok("times", times(NULL) != -1);
  equal("priority", getpriority(PRIO_PROCESS, 0), 0);
  must(setpriority(PRIO_PROCESS, 0, 100));
  equal("priority is clamped", getpriority(PRIO_PROCESS, 0), 19);
  equal("the raw call is 20 less it", syscall(SYS_getpriority, PRIO_PROCESS, 0), 1);
  fails("bad which", getpriority(9, 0), EINVAL);
  fails("nobody", getpriority(PRIO_PROCESS, 0x3ffffff), ESRCH);
  char text[16] = {0};
  must(prctl(PR_SET_NAME, "short"));
  must(prctl(PR_GET_NAME, text));
  ok("name", strcmp(text, "short") == 0);
  fails("unknown prctl", prctl(0x7777, 0, 0, 0, 0), EINVAL);
  unsigned cpu = 9999, node = 9999;
  must(syscall(SYS_getcpu, &cpu, &node, NULL));
  ok("getcpu", cpu < 1024 && node == 0);
  equal("getcpu without results", syscall(SYS_getcpu, NULL, NULL, NULL), 0);
  equal("sched_yield", sched_yield(), 0);
  equal("policy", syscall(SYS_sched_getscheduler, 0), 0);
  fails("unknown call", syscall(999), ENOSYS);
  fails("unknown call, large", syscall(1L << 31), ENOSYS);
  fails("unknown call, negative", syscall(-5), ENOSYS);
  struct rlimit limit;
  fails("bad resource", getrlimit((__typeof__(RLIMIT_NOFILE))99, &limit), EINVAL);
  must(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit));
  ok("prlimit", limit.rlim_cur > 0);
  return finish();
}
