#!/usr/bin/env python3
"""Makes a file region an LVM2 physical volume with one linear logical volume. No root, no device mapper, always the same bytes.

  lvm-volume.py IMAGE OFFSET LENGTH GROUP VOLUME

OFFSET and LENGTH of the physical volume are bytes, whole MiB. The first MiB is metadata; all after it is the logical volume.
The format is that of LVM 2's lib/format_text/layout.h and lib/label/label.h; whether it is right, LVM itself says when it reads it.
"""
import struct
import sys
import zlib

MIB = 1 << 20
SECTOR = 512
METADATA_AT = 4096


def crc(data):
    """CRC-32 with LVM's own start value, and not inverted at the end."""
    return zlib.crc32(data, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def identifier(digit):
    """Identifiers have 32 characters, which the text groups by dashes."""
    raw = ("5ea11f70" + str(digit)).ljust(32, "0")
    return raw, "-".join((raw[:6], raw[6:10], raw[10:14], raw[14:18], raw[18:22], raw[22:26], raw[26:]))


def main():
    image, offset, length, group, volume = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
    if offset % MIB or length % MIB or length < 2 * MIB:
        sys.exit("lvm-volume.py: OFFSET and LENGTH must be whole MiB, and two of them at least")
    extents = length // MIB - 1
    raw_id, pv_id = identifier(1)
    text = f"""{group} {{
id = "{identifier(2)[1]}"
seqno = 1
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = {MIB // SECTOR}
max_lv = 0
max_pv = 0
metadata_copies = 0
physical_volumes {{
pv0 {{
id = "{pv_id}"
device = "/dev/sda"
status = ["ALLOCATABLE"]
flags = []
dev_size = {length // SECTOR}
pe_start = {MIB // SECTOR}
pe_count = {extents}
}}
}}
logical_volumes {{
{volume} {{
id = "{identifier(3)[1]}"
status = ["READ", "WRITE", "VISIBLE"]
flags = []
segment_count = 1
segment1 {{
start_extent = 0
extent_count = {extents}
type = "striped"
stripe_count = 1
stripes = ["pv0", 0]
}}
}}
}}
}}
contents = "Text Format Volume Group"
version = 1
description = ""
creation_host = "tiny-guest"
creation_time = 1700000000
""".encode() + b"\0"

    physical = raw_id.encode() + struct.pack("<Q", length)
    physical += struct.pack("<4Q", MIB, 0, 0, 0)  # data areas: to the end, then the list's end
    physical += struct.pack("<4Q", METADATA_AT, MIB - METADATA_AT, 0, 0)  # metadata areas
    physical += struct.pack("<2I2Q", 2, 1, 0, 0)  # extension header: in use, no boot loader area
    label = (struct.pack("<I", 32) + b"LVM2 001" + physical).ljust(SECTOR - 20, b"\0")
    label = b"LABELONE" + struct.pack("<QI", 1, crc(label)) + label

    header = b" LVM2 x[5A%r0N*>" + struct.pack("<I2Q", 1, METADATA_AT, MIB - METADATA_AT)
    header += struct.pack("<2Q2I", SECTOR, len(text), crc(text), 0)
    header = header.ljust(SECTOR - 4, b"\0")
    header = struct.pack("<I", crc(header)) + header

    with open(image, "r+b") as disk:
        disk.seek(offset + SECTOR)
        disk.write(label)
        disk.seek(offset + METADATA_AT)
        disk.write(header + text)


main()
