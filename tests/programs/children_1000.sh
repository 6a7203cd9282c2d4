#!/bin/sh
# SPDX-License-Identifier: MIT
# A thousand live children of one shell, then none.
set -eu
rm -f /tmp/hold; mkfifo /tmp/hold
exec 3<> /tmp/hold
count=0 jobs=
while [ $count -lt 1000 ]; do
  sh -c 'read -r _ <&3' &
  jobs="$jobs $!"
  count=$((count + 1))
done
live=0
for job in $jobs; do [ -d /proc/$job ] && live=$((live + 1)); done
[ $live -eq 1000 ] || { echo "FAIL: only $live live"; exit 1; }
good=0
count=0
while [ $count -lt 1000 ]; do echo go >&3; count=$((count + 1)); done
for job in $jobs; do wait $job && good=$((good + 1)); done
[ $good -eq 1000 ] || { echo "FAIL: $good ended well"; exit 1; }
echo done
