#!/bin/bash
# A block device of the kernel's own whose storage an NBD server is: nbdkit → nbdfuse → loop. What the server fails, the kernel's own
# writeback fails. Serves until its standard input ends; prints the device and its own process id when it is there.
# usage: failing-device.sh DIR SOCKET [MOUNTPOINT]      with a mount point: an ext4 of which /proc/PID/root/MOUNTPOINT is the view
# All of it is in a mount namespace of its own and goes with this process, whatever kills it: the device is cleared with its last user.
set -euo pipefail
if [ "${1:-}" != --inside ]; then exec unshare --mount --propagation private "$0" --inside "$@"; fi
dir=$2 socket=$3 mountpoint=${4:-}

mkdir -p "$dir"
touch "$dir/disk"
nbdfuse -P "$dir/ready" "$dir/disk" "nbd+unix:///?socket=$socket" </dev/null >&2 &
fuse=$!
while [ ! -e "$dir/ready" ]; do
    kill -0 "$fuse" || { echo "nbdfuse ended" >&2; exit 1; }
    sleep 0.01
done

device=$(losetup --direct-io=on --find --show "$dir/disk")
exec 9<"$device"
losetup -d "$device" # from now on it lasts as long as somebody has it open
if [ -n "$mountpoint" ]; then
    # No journal: it would be ext4 that gives up, and not the write of the data that fails.
    mkfs.ext4 -q -O ^has_journal "$device" >&2
    mkdir -p "$mountpoint"
    mount -t ext4 "$device" "$mountpoint"
fi

echo "$device $$"
cat >/dev/null
[ -z "$mountpoint" ] || umount "$mountpoint"
exec 9<&-
for _ in $(seq 500); do
    [ -z "$(losetup -j "$dir/disk")" ] && break
    sleep 0.01
done
fusermount3 -u "$dir/disk"
wait "$fuse"
