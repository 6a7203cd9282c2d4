#!/bin/bash
# SPDX-License-Identifier: MIT
# A fork bomb of an unprivileged user under ulimit -u meets EAGAIN; the shell beside it works on.
set -u
chmod 1777 /tmp
/bin/busybox su -s /bin/bash nobody -c '
  ulimit -u 60
  bomb() { bomb | bomb & }
  bomb
  sleep 1
' > /tmp/bomb.log 2>&1
grep -q "Resource temporarily unavailable" /tmp/bomb.log || { echo "FAIL: no EAGAIN"; head -3 /tmp/bomb.log; exit 1; }
for turn in 1 2 3; do
  [[ $(echo still | tr a-z A-Z) == STILL ]] || { echo "FAIL: shell does not work"; exit 1; }
done
# Whatever of it is left is ended until none appears again.
for turn in {1..200}; do
  left=$(grep -l '^Uid:[[:space:]]65534' /proc/[0-9]*/status 2>/dev/null | grep -o '[0-9]\+')
  [[ -z $left ]] && break
  kill -KILL $left 2>/dev/null
done
[[ -z $left ]] && echo done
