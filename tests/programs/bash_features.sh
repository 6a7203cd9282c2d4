#!/bin/bash
# SPDX-License-Identifier: MIT
# bash: arrays, associative arrays, traps, process substitution, wait -n, coproc, here-strings.
set -u
cd /tmp || exit 1
fail() { echo "FAIL: $1"; exit 1; }
list=(one "two words" three); [[ ${#list[@]} -eq 3 && ${list[1]} == "two words" ]] || fail arrays
declare -A map=([a]=1 [b]=2); [[ $((map[a] + map[b])) -eq 3 ]] || fail "associative arrays"
[[ $(diff <(printf 'a\nb\n') <(printf 'a\nc\n') | grep -c '^[-+][a-z]') -eq 2 ]] || fail "process substitution"
tee >(wc -c > counted) <<< 12345 > /dev/null; while [[ ! -s counted ]]; do :; done
[[ $(< counted) -eq 6 ]] || fail "output substitution"
sleep 100 & slow=$!
# bash 5.2 looks for ended jobs, lets SIGCHLD's handler reap again, and only then waits: a job that ends
# in between leaves it waiting for the other one.
(sleep 0.5; exit 5) &
wait -n; [[ $? -eq 5 ]] || fail "wait -n"
kill $slow; wait $slow; [[ $? -eq 143 ]] || fail "wait for a killed one"
coproc tr a-z A-Z; echo hello >&"${COPROC[1]}"; eval "exec ${COPROC[1]}>&-"; read -r line <&"${COPROC[0]}"
[[ $line == HELLO ]] || fail coproc
[[ $(trap 'echo got' USR1; kill -USR1 $BASHPID; echo end) == $'got\nend' ]] || fail trap
set -o pipefail; false | true; [[ $? -eq 1 ]] || fail pipefail
[[ $(true | false | true; echo "${PIPESTATUS[*]}") == "0 1 0" ]] || fail PIPESTATUS
[[ "abc123" =~ ^[a-z]+([0-9]+)$ && ${BASH_REMATCH[1]} == 123 ]] || fail "regular expressions"
sum=0; while read -r n; do ((sum += n)); done < <(seq 1 100); ((sum == 5050)) || fail "loop from a process"
mapfile -t lines < <(seq 1 50); [[ ${#lines[@]} -eq 50 ]] || fail mapfile
[[ $(ulimit -n) -gt 10 ]] || fail ulimit
(set -m; sleep 100 & kill -STOP $!; kill -CONT $!; kill $!; wait $!; [[ $? -eq 143 ]]) || fail "job control"
read -r -t 0.1 < <(sleep 1); [[ $? -gt 128 ]] || fail "read with a time limit"
echo done
