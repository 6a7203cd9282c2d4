#!/bin/sh
# SPDX-License-Identifier: MIT
# busybox ash: pipes, here-documents, command substitution, functions, traps, redirections.
# Ends with status 0 and the line "done" if all is as it should be.
set -eu
cd /tmp
fail() { echo "FAIL: $1"; exit 1; }
[ "$(printf 'c\na\nb\n' | sort | tr '\n' ' ')" = "a b c " ] || fail "pipe of three"
[ "$(cat <<EOF
one $((40 + 2))
EOF
)" = "one 42" ] || fail "here-document"
[ "$(seq 1 1000 | awk '{ sum += $1 } END { print sum }')" = 500500 ] || fail "awk"
(exit 7) || [ $? -eq 7 ] || fail "subshell status"
sh -c 'kill -9 $$' || [ $? -eq 137 ] || fail "status of a signal"
echo data > file; echo more >> file; [ "$(wc -l < file)" -eq 2 ] || fail "redirections"
[ "$(sh -c 'trap "echo trapped" TERM; kill -TERM $$; echo after')" = "trapped
after" ] || fail "trap"
[ "$(sh -c 'trap "echo bye" EXIT; exit 3' || echo $?)" = "bye
3" ] || fail "exit trap"
exec 5> fifth; echo five >&5; exec 5>&-; [ "$(cat fifth)" = five ] || fail "descriptor 5"
mkfifo pipe; (echo through > pipe) & read -r line < pipe; [ "$line" = through ] || fail "fifo"; wait
[ "$(echo $(ls -d /proc/1))" = /proc/1 ] || fail "glob and ls"
dd if=/dev/zero bs=4096 count=256 2>/dev/null | md5sum | grep -q b6d81b360a5672d80c27430f39153e2c || fail "md5sum"
tar cf - /tests/programs 2>/dev/null | tar tf - | grep -q ash_basics || fail "tar"
gzip -c file | gunzip -c | cmp - file || fail "gzip"
echo done
