#!/usr/bin/env python3
"""Fills a mounted NTFS volume: ntfs-fill.py MOUNTPOINT everything|compressible|brim|asleep|shredded|many [COUNT]. See ntfs-volumes.sh."""
import errno
import os
import random
import struct
import sys

point, content = sys.argv[1], sys.argv[2]
rng = random.Random(7)


def write(name, size, data=None):
    path = os.path.join(point, name)
    with open(path, "wb") as f:
        f.write(data if data is not None else rng.randbytes(size))
    return path


def directory(name):
    path = os.path.join(point, name)
    os.makedirs(path, exist_ok=True)
    return path


def fragments(name, pieces, step):
    """A file in many pieces: it grows in turns with another one, which is removed in the end."""
    one, other = os.path.join(point, name), os.path.join(point, name + ".between")
    with open(one, "wb", buffering=0) as a, open(other, "wb", buffering=0) as b:
        for _ in range(pieces):
            a.write(b"a" * step)
            b.write(b"b" * step)
    os.unlink(other)


def holes(name, pieces, step):
    """A file in many pieces: data and holes in turns."""
    with open(os.path.join(point, name), "wb", buffering=0) as f:
        for i in range(pieces):
            f.seek(2 * i * step)
            f.write(b"x" * step)
        f.truncate(2 * pieces * step + 12345)


def everything():
    step = max(4096, os.statvfs(point).f_bsize)
    deep = "deep"
    for i in range(12):
        deep += f"/level {i}"
    directory(deep)
    write(deep + "/bottom.txt", 700)
    directory("Windows/System32")
    for i in range(60):
        write(f"Windows/System32/module{i:03}.dll", rng.randrange(1, 9000))
    directory("wide")
    for i in range(700):
        write(f"wide/A file with a rather long name, number {i:05}.txt", rng.randrange(0, 600))
    for i in range(0, 700, 2):
        os.unlink(os.path.join(point, f"wide/A file with a rather long name, number {i:05}.txt"))
    directory("names")
    for name in ["Übergröße.txt", "ÜBERGRÖSSE.txt", "файл.txt", "ФАЙЛ2.txt", "文件.txt", "ファイル.txt", "ß", "ẞ", "😀 emoji.txt", "a" * 255, "é" * 120, "İstanbul", "ıstanbul", "straße", "ǆ", "ǅ", "Ǆ", "z", "Z", "_", "~", "[", "^"]:
        write("names/" + name, 10)
    fragments("fragmented.bin", 200, step)
    holes("holes.bin", 300 if step < 65536 else 60, step)
    with open(os.path.join(point, "sparse.bin"), "wb") as f:
        f.truncate(40 << 20)
        f.seek(20 << 20)
        f.write(b"middle")
    directory("links")
    linked = write("links/linked.txt", 300)
    for i in range(40):
        os.link(linked, os.path.join(point, f"links/another name of the same file {i:03}.txt"))
    streams = write("streams.txt", 100)
    for i in range(30):
        with open(f"{streams}:stream number {i:02}", "wb") as f:
            f.write(rng.randbytes(40 + i * 200))
    os.setxattr(write("Long name with a short one.txt", 5), "system.ntfs_dos_name", b"LONGNA~1.TXT")
    os.setxattr(write("object.txt", 5), "system.ntfs_object_id", rng.randbytes(16))
    os.setxattr(write("attributes.txt", 5), "system.ntfs_ea", struct.pack("<IBBH", 24, 0, 4, 8) + b"NAME\0" + b"a value." + bytes(3))
    # A reparse point: tag of a symbolic link, length, reserved, then its data.
    target = "C:\\target".encode("utf-16-le")
    data = struct.pack("<HHHHI", 0, len(target), 0, len(target), 1) + target + target
    os.setxattr(write("reparse.txt", 0), "system.ntfs_reparse_data", struct.pack("<IHH", 0xA000000C, len(data), 0) + data)
    os.symlink("streams.txt", os.path.join(point, "link"))
    for mode in range(0o700, 0o1000, 7):
        os.chmod(write(f"mode {mode:o}", 20), mode)
    for i in range(40):
        write(f"removed {i}", 3000)
    for i in range(40):
        os.unlink(os.path.join(point, f"removed {i}"))
    for i in range(20):
        write(f"reused {i}", 300)
    os.rename(os.path.join(point, "Windows/System32/module007.dll"), os.path.join(point, "names/renamed.dll"))


def compressible():
    for i in range(40):
        write(f"text {i}.txt", 0, (f"line {i} of a text that compresses well\n" * (50 * i + 1)).encode())
    write("random.bin", 300_000)
    write("mixed.bin", 0, (bytes(100_000) + rng.randbytes(100_000)) * 4)
    holes("holes.bin", 40, 65536)
    with open(os.path.join(point, "sparse.bin"), "wb") as f:
        f.truncate(8 << 20)
    for i in range(0, 40, 3):
        os.truncate(os.path.join(point, f"text {i}.txt"), 1000)


def shredded():
    """A full volume with holes everywhere, into which $MFT then grows: its own record needs an attribute list."""
    directory("full")

    def until_full(name, size, limit=100000):
        for i in range(limit):
            try:
                write(f"full/{name}{i}", size)
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise
                return i
        return limit

    count = until_full("a", 3000)
    until_full("b", 600)
    for i in range(0, count, 2):
        os.unlink(os.path.join(point, f"full/a{i}"))
    until_full("c", 0)
    for i in range(1, count, 4):
        os.unlink(os.path.join(point, f"full/a{i}"))
    until_full("d", 900)


def asleep():
    write("hiberfil.sys", 0, b"HIBR" + bytes(200_000))


def brim():
    directory("full")
    for size in (1 << 20, 65536, 4096, 300):
        for i in range(5000):
            try:
                write(f"full/{size} {i}", size)
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise
                break


def many(count):
    directory("many")
    for i in range(count * 3 // 4):
        os.close(os.open(os.path.join(point, f"many/{rng.getrandbits(40):010x} file {i}.dat"), os.O_CREAT | os.O_WRONLY, 0o644))
    for i in range(count // 4):
        if i % 100 == 0:
            directory(f"tree/{i // 100 % 7}/{i // 100}")
        os.close(os.open(os.path.join(point, f"tree/{i // 100 % 7}/{i // 100}/{i}"), os.O_CREAT | os.O_WRONLY, 0o600))


if content == "many":
    many(int(sys.argv[3]) if len(sys.argv) > 3 else 20000)
else:
    {"everything": everything, "compressible": compressible, "brim": brim, "asleep": asleep, "shredded": shredded}[content]()
