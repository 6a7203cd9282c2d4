// SPDX-License-Identifier: MIT
//
// Pipes and FIFOs (pipe(7)): a ring of page buffers between readers and writers.
//
// A Pipe is shared by its open ends and, for a fifo, by the inode. Its mutex guards the ring and the
// counts of ends; it is held while bytes are copied from and to programs, which may sleep. Readers
// and writers wait on queues of their own.
// Fails with EPIPE and SIGPIPE when nobody can read, EAGAIN on O_NONBLOCK, ENOMEM for a buffer.
#pragma once

#include "fs/file.h"
#include "fs/mount.h"

namespace tine::fs {

class Pipe;

struct PipeEnds { Ref<File> read_end, write_end; };
// pipe2(2): flags O_NONBLOCK, O_DIRECT (packets).
Result<PipeEnds> make_pipe(uint32_t flags);
// Opens a fifo: waits for the other side unless told not to (fifo(7)).
Result<Ref<File>> open_fifo(const Path& path, uint32_t flags);

// F_GETPIPE_SZ, F_SETPIPE_SZ; EBADF when the file is no pipe.
Result<long> pipe_capacity(File& file);
Result<long> set_pipe_capacity(File& file, uint64_t bytes);

}  // namespace tine::fs
