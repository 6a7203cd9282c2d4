#!/bin/sh
# SPDX-License-Identifier: MIT
# ps, top, free, uptime, pidof and id read /proc and say something sensible.
set -eu
fail() { echo "FAIL: $1"; exit 1; }
sleep 100 & sleeper=$!
until [ "$(cat /proc/$sleeper/comm)" = sleep ]; do :; done
ps -o pid,ppid,comm | grep -q "^ *$sleeper .*sleep" || fail "ps"
top -b -n 1 | grep -q sleep || fail "top"
free | grep -q '^Mem: *[1-9]' || fail "free"
uptime | grep -q 'load average' || fail "uptime"
pidof sleep | grep -qw $sleeper || fail "pidof"
id | grep -q 'uid=0' || fail "id"
[ "$(readlink /proc/$sleeper/exe)" = /bin/busybox ] || fail "exe"
tr '\0' ' ' < /proc/$sleeper/cmdline | grep -q '^sleep 100 $' || fail "cmdline"
kill $sleeper
mount | grep -q /proc || fail "mount"
echo done
