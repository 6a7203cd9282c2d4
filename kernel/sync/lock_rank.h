// SPDX-License-Identifier: MIT
//
// The one order in which locks are taken: a thread that holds a lock may only take one of a higher
// rank. Debug builds check it at every acquisition (per CPU for spin locks, per task for sleeping
// ones); docs/lock-order.md explains the order. Sleeping locks come first, because nothing may
// sleep under a spin lock. Gaps are there for what is to come.
#pragma once

#include <cstdint>

namespace tine {

enum class LockRank : uint16_t {
  // Sleeping locks (Mutex, RwMutex), outermost first.
  reclaim = 90,            // one who frees what is dead at a time; destructors run under it
  file_position = 95,      // an open file's offset; held across the transfer, so before what that takes
  text_file = 97,          // the text of an open file of /proc while it is made, which takes any lock
  kthread_create = 100,
  exec_update = 110,       // one exec or credential change of a thread group at a time
  epoll = 140,             // all epoll sets; before whatever a file's poll() takes
  tty = 150,
  mount_namespace = 200,
  rename = 210,            // renames that cross directories, one at a time per file system
  directory = 220,         // the names of one file system (Superblock::tree_lock)
  inode = 230,             // an inode's size and attributes
  file_locks = 240,        // advisory locks of all files
  pipe = 250,
  mmap = 300,              // an Mm's mappings; faults take it, so nothing that faults holds below
  huge_pool = 310,         // faults on pages of the huge-page pool, one at a time
  memory_object = 320,     // page cache of one object, and its reverse map
  fork_family = 330,       // the address spaces that share mappings since a fork
  // Spin locks, outermost first.
  kthread_requests = 490,  // what kthreadd has been asked for
  task_tree = 500,         // parents, children, groups, sessions, pid links; publish and wait
  pid_namespace = 510,
  sighand = 520,           // handlers and pending signals of a thread group
  user_accounts = 525,     // the table of accounts by uid; a signal's last reference may take it
  futex_bucket = 530,
  pi_futexes = 535,        // all priority-inheriting futexes that somebody waits for
  files = 540,
  fs_context = 545,
  dentry_cache = 550,
  poll_table = 560,
  terminal = 565,          // input ring, termios, foreground group; input arrives by interrupt
  process_timers = 568,    // setitimer and timer_create timers of a process
  timer_base = 570,
  mapping_index = 590,     // an Mm's index of mappings, for those who look without its mmap_lock
  page_table = 600,
  huge_page = 610,         // filling in tables that huge pages keep in reserve; the pool's pages
  work_queue = 690,        // before the wait queue of its thread
  wait_queue = 700,
  task_alloc = 710,        // a task's pointers to its parts
  run_queue = 800,
  frame_allocator = 900,
  heap = 890,
  vmalloc = 880,
  device = 910,
  log = 990,
  unranked = 1000,         // may be taken under any other; holds nothing below it
};

}  // namespace tine
