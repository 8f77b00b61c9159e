#!/bin/bash
# Builds small NTFS volumes for the tests of the NTFS check, by mkntfs(8) and ntfs-3g(8), which serves a volume from user space. No
# kernel driver, no loop device; about half a minute.
#
#   ntfs-volumes.sh DIRECTORY [NAME…]
#
# plain.img       64 MiB as mkntfs makes it
# large.img       64 MiB, clusters of 64 KiB, with everything below
# small.img       64 MiB, clusters of 512 bytes, with everything below
# sector4k.img    64 MiB, sectors and file records of 4 KiB, with everything below
# mixed.img       96 MiB, clusters of 4 KiB, with everything below
# compressed.img  32 MiB, compression turned on
# full.img        16 MiB, filled to the brim
# shredded.img    16 MiB, clusters of 512 bytes, full and fragmented, so that $MFT itself needs an attribute list
# many.img        192 MiB, 20,000 files, most of them in one directory
# asleep.img      16 MiB, with a hiberfil.sys
#
# Everything is: nested directories, a directory of 700 files, half of which were removed again, files in many pieces (with attribute
# lists), sparse ones, hard links until an attribute list is needed, alternate streams, long names in several scripts, DOS names,
# security descriptors, object ids, reparse points and extended attributes.
# Needs the Debian packages ntfs-3g fuse3 python3.
set -euo pipefail
export LC_ALL=C.UTF-8 PATH="$PATH:/usr/sbin:/sbin"
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"; cd "$1"; shift
[ $# -gt 0 ] || set -- plain large small sector4k mixed compressed full shredded many asleep

volume() { # NAME SIZE [mkntfs option…]
    local name=$1 size=$2; shift 2
    truncate -s "$size" "$name.img"
    # The partition's place is given, as an installer gives it; mkntfs only warns without.
    mkntfs -F -q -T -p 2048 -H 255 -S 63 -L "$name" "$@" "$name.img" >/dev/null 2>mkntfs.log || { cat mkntfs.log >&2; return 1; }
}

fill() { # NAME CONTENT [mount option]
    local code=0
    point=$PWD/$1.mount
    mkdir "$point"
    # In the foreground, so that its end is the end of what it writes.
    timeout 240 ntfs-3g -o "no_detach,permissions,streams_interface=windows${3:+,$3}" "$1.img" "$point" >"$1.log" 2>&1 &
    server=$!
    for _ in $(seq 600); do
        ! mountpoint -q "$point" || break
        kill -0 $server || { cat "$1.log" >&2; return 1; }
        sleep 0.05
    done
    mountpoint -q "$point" || { cat "$1.log" >&2; return 1; }
    python3 "$here/ntfs-fill.py" "$point" "$2" || code=$?
    fusermount -u "$point"
    wait $server || { code=$?; cat "$1.log" >&2; }
    rmdir "$point"
    point=
    return $code
}

# Whatever happens, no mount stays behind.
point=
trap '[ -z "$point" ] || ! mountpoint -q "$point" || fusermount -u -z "$point"' EXIT

for name; do
    case $name in
    plain) volume plain 64M ;;
    large) volume large 64M -c 65536; fill large everything ;;
    small) volume small 64M -c 512; fill small everything ;;
    sector4k) volume sector4k 64M -s 4096; fill sector4k everything ;;
    mixed) volume mixed 96M; fill mixed everything ;;
    compressed) volume compressed 32M -C; fill compressed compressible compression ;;
    full) volume full 16M; fill full brim ;;
    shredded) volume shredded 16M -c 512; fill shredded shredded ;;
    many) volume many 192M; fill many many ;;
    asleep) volume asleep 16M; fill asleep asleep ;;
    *) echo "no such volume: $name" >&2; exit 2 ;;
    esac
done
