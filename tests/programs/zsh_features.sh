#!/bin/zsh
# SPDX-License-Identifier: MIT
# zsh: globbing qualifiers, arrays, pipes, process substitution, traps, jobs.
cd /tmp
fail() { echo "FAIL: $1"; exit 1 }
list=(three one two); [[ ${(j:,:)${(o)list}} == one,three,two ]] || fail "sorting"
mkdir -p z/dir; : > z/file; [[ $(echo z/*(/)) == z/dir ]] || fail "glob qualifiers"
[[ $(cat =(echo temporary)) == temporary ]] || fail "=( )"
[[ $(cat <(echo through)) == through ]] || fail "<( )"
(exit 6) & wait $!; [[ $? -eq 6 ]] || fail "wait"
[[ $(echo a b c | tr ' ' '\n' | sort -r | head -1) == c ]] || fail "pipe"
typeset -A map; map=(k v); [[ $map[k] == v ]] || fail "associative arrays"
[[ $(zsh -c 'TRAPUSR1() { echo got }; kill -USR1 $$; echo end') == $'got\nend' ]] || fail "trap"
sleep 100 & kill $!; wait $!; [[ $? -eq 143 ]] || fail "killed job"
{ echo one; echo two } > >(wc -l > zcount); while [[ ! -s zcount ]]; do :; done
[[ $(<zcount) -eq 2 ]] || fail "multios"
echo done
