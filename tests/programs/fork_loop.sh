#!/bin/sh
# SPDX-License-Identifier: MIT
# Two thousand times fork, exec and wait; the caller names the shell: fork_loop.sh runs in any.
count=0 good=0
while [ $count -lt 2000 ]; do
  /bin/busybox true && good=$((good + 1))
  count=$((count + 1))
done
[ $good -eq 2000 ] && echo done
