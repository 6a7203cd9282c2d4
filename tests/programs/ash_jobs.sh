#!/bin/sh
# SPDX-License-Identifier: MIT
# busybox ash: background jobs, wait, kill, $!, jobs, stop and continue.
set -eu
fail() { echo "FAIL: $1"; exit 1; }
sleep 100 & first=$!
(exit 4) & second=$!
wait $second || [ $? -eq 4 ] || fail "status of a background job"
kill $first; wait $first || [ $? -eq 143 ] || fail "status of a killed job"
sleep 100 & job=$!
kill -STOP $job
while [ "$(cut -d' ' -f3 /proc/$job/stat)" != T ]; do :; done
kill -CONT $job
kill -TERM $job
wait $job || [ $? -eq 143 ] || fail "kill of a continued job"
[ -z "$(jobs -r)" ] || fail "no job is left"
timeout -s KILL 1 sh -c 'while :; do :; done' || [ $? -eq 137 ] || fail "timeout"
echo done
