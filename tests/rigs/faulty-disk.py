# An nbdkit python plugin: a disk in a file that serves well but for what it is told to do wrong.
#
#   nbdkit python tests/rigs/faulty-disk.py file=DISK [fault=OP:EFFECT[:OFFSET[:TIMES]]]… [while=FLAG] [multi=1] [size=BYTES]
#
#   OP       open, pread, pwrite, zero, trim, flush, extents
#   EFFECT   an errno (EIO, ENOSPC …)   the request fails with it
#            drop                       acknowledged, and not done (a read leaves what was in the buffer: zeros)
#            half                       acknowledged, and only the first half of it is done
#            flip                       one bit at OFFSET is turned over: on its way out, or to the disk
#            late=SECONDS               done, after that long
#            die                        the server kills itself
#            hole                       extents: the range is said to be a hole that reads as zeros
#            nothing                    extents: the range is not described
#   OFFSET   only requests that cover this byte; empty for all
#   TIMES    only so many of them, the first
#
# size=BYTES says that the disk is that long, whatever the file is. With while=FLAG the faults are there only as long as the file FLAG is.
import builtins
import errno
import os
import signal
import time

import nbdkit

API_VERSION = 2
path, flag, multi, size, faults = None, None, False, None, []


class Fault:
    def __init__(self, text):
        op, effect, offset, times = (text.split(":") + ["", "", ""])[:4]
        self.op, self.effect = op, effect
        self.offset = int(offset) if offset else None
        self.left = int(times) if times else None


def config(key, value):
    global path, flag, multi, size
    if key == "file":
        path = os.path.abspath(value)
    elif key == "while":
        flag = os.path.abspath(value)
    elif key == "multi":
        multi = True
    elif key == "size":
        size = int(value)
    elif key == "fault":
        faults.append(Fault(value))
    else:
        raise RuntimeError("unknown parameter " + key)


def open(readonly):
    effect_of("open", 0, 1)
    return os.open(path, os.O_RDONLY if readonly else os.O_RDWR)


def close(fd):
    os.close(fd)


def get_size(fd):
    return size or os.fstat(fd).st_size


def can_multi_conn(fd):
    return multi


def can_extents(fd):
    return True


def can_fast_zero(fd):
    return True


def effect_of(op, offset, count):
    """The effect on this request, and the byte that it is about; errors, delays and deaths happen here."""
    if flag and not os.path.exists(flag):
        return None, offset
    for fault in faults:
        if fault.op != op or fault.left == 0:
            continue
        if fault.offset is not None and not offset <= fault.offset < offset + count:
            continue
        if fault.left is not None:
            fault.left -= 1
        if fault.effect == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.effect.startswith("late="):
            time.sleep(float(fault.effect[5:]))
            return None, offset
        if hasattr(errno, fault.effect):
            nbdkit.set_error(getattr(errno, fault.effect))
            raise RuntimeError(fault.effect + " as it was told")
        return fault.effect, offset if fault.offset is None else fault.offset
    return None, offset


def pread(fd, buffer, offset, flags):
    effect, at = effect_of("pread", offset, len(buffer))
    if effect == "drop":
        buffer[:] = bytearray(len(buffer))
        return
    done = os.preadv(fd, [buffer], offset)
    if done != len(buffer):
        nbdkit.set_error(errno.EIO)
        raise RuntimeError("short read of %d bytes at %d" % (done, offset))
    if effect == "half":
        half = len(buffer) // 2
        buffer[half:] = bytearray(len(buffer) - half)
    if effect == "flip":
        buffer[at - offset] ^= 0x10


def store(fd, data, offset):
    if os.pwrite(fd, data, offset) != len(data):
        raise RuntimeError("short write")


def pwrite(fd, buffer, offset, flags):
    effect, at = effect_of("pwrite", offset, len(buffer))
    data = bytearray(buffer)
    if effect == "drop":
        return
    if effect == "half":
        data = data[: len(data) // 2]
    if effect == "flip":
        data[at - offset] ^= 0x10
    store(fd, data, offset)


def clear(fd, op, count, offset):
    effect, _ = effect_of(op, offset, count)
    if effect == "drop":
        return
    store(fd, bytearray(count // 2 if effect == "half" else count), offset)


def zero(fd, count, offset, flags):
    clear(fd, "zero", count, offset)


def trim(fd, count, offset, flags):
    clear(fd, "trim", count, offset)


def flush(fd, flags):
    if effect_of("flush", 0, builtins.max(1, get_size(fd)))[0] != "drop":
        os.fsync(fd)


def extents(fd, count, offset, flags):
    effect, _ = effect_of("extents", offset, count)
    if effect == "hole":
        return [(offset, count, nbdkit.EXTENT_HOLE | nbdkit.EXTENT_ZERO)]
    if effect == "nothing":
        return []
    # Whole 64 KiB pieces of zeros are holes.
    found, end = [], offset + count
    while offset < end:
        step = builtins.min(end, (offset // 65536 + 1) * 65536) - offset
        kind = 0 if any(os.pread(fd, step, offset)) else nbdkit.EXTENT_HOLE | nbdkit.EXTENT_ZERO
        found.append((offset, step, kind))
        offset += step
    return found
