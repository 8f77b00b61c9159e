#!/bin/bash
# Builds small disks full of file systems, sound and damaged, for the tests of the guest examination. No root, no kernel, sparse. The
# tests complete what has no program that makes it: the log of an XFS, LVM and an array of what is in lvm.inside and md.inside.
#
#   filesystems.sh DIRECTORY
#
# healthy.img     GPT: 1 FAT (EFI system partition), 2 ext4, 3 XFS, 4 Btrfs, 5 swap, 6 NTFS, 7 ext3, 8 ext4 with a hostile label,
#                 9 exFAT, 10 ext2
# mbr.img         MBR: 1 ext4, 2 extended with 5 XFS in it
# lvm1.img lvm2.img   one volume group over both disks, one logical volume over both with ext4
# whole.img       ext4 on the disk itself
# unknown.img     content that nothing knows
# dirty.img       GPT: 1 ext4 and 2 XFS, both cut off while mounted
# damaged.img     GPT: 1 ext4 inode table, 2 ext4 superblock gone, 3 XFS inodes, 4 XFS superblock, 5 Btrfs one copy of a tree block,
#                 6 FAT table, 7 NTFS MFT, 8 ext4 larger than its partition
# badgpt.img      GPT whose primary header is damaged
# short.img       MBR whose partition ends beyond the end of the disk
#
# md1.img md2.img one array (RAID 1, superblock 1.2) over both disks with ext4 in it
# wide1.img wide2.img one Btrfs over both disks
# luks.img        LUKS2 on the disk itself
#
# UUIDs are fixed: 5ea11f70-0000-4000-8000-0000000000NN, NN = sixteen times the disk (healthy 1 … short a, array b, wide c, luks d) plus the partition, hexadecimal.
# Needs the Debian packages e2fsprogs xfsprogs btrfs-progs dosfstools ntfs-3g exfatprogs mtools fdisk cryptsetup-bin.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
[ $# = 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"; cd "$1"
work=$(mktemp -d "$PWD/parts.XXXXXX"); trap 'rm -rf "$work"' EXIT
M=1048576
uuid() { printf '5ea11f70-0000-4000-8000-0000000000%s' "$1"; }

# Some files, so that there is something to damage.
files=$work/files; mkdir -p "$files/d"
for i in $(seq 1 60); do head -c $((i * 257)) /dev/zero | tr '\0' "\\$(printf %o $((33 + i)))" > "$files/d/file-$i"; done

part() { truncate -s "$2" "$work/$1"; }          # part NAME SIZE: an empty partition image
ext() { part "$1" "$2"; mkfs.ext4 -q -F -b 4096 -U "$(uuid "$3")" -d "$files" "${@:4}" "$work/$1"; }
{ printf '/\n0 0\nd--755 0 0\n'; for i in $(seq 1 60); do printf 'f%s ---644 0 0 %s\n' "$i" "$files/d/file-$i"; done; printf '$\n'; } > "$work/xfs.proto"
xfs() { part "$1" 300M; mkfs.xfs -q -f -m uuid="$(uuid "$2")" -p "$work/xfs.proto" "$work/$1"; }
btrfs_() { part "$1" 128M; mkfs.btrfs -q -f -U "$(uuid "$2")" -d single -m dup --rootdir "$files" "$work/$1" > /dev/null; }
fat() { part "$1" 32M; mkfs.vfat -F 16 -i "$2" -n FATTY "$work/$1" > /dev/null; mcopy -s -i "$work/$1" "$files/d" ::; }
ntfs() { part "$1" 16M; mkntfs -F -q -p 2048 -H 16 -S 63 "$work/$1" > /dev/null 2>&1; }
zap() { dd if=/dev/zero of="$1" bs=1 seek="$2" count="$3" conv=notrunc status=none; }  # zap FILE OFFSET LENGTH

# gpt DISK PART[:TYPE]...   assembles partitions, each from a whole MiB on
gpt() {
    local disk=$1 start=1 n=0 table="label: gpt\n" p size; shift
    for p in "$@"; do size=$(($(stat -c %s "$work/${p%%:*}") / M)); table+="start=${start}MiB, size=${size}MiB$([ "$p" = "${p#*:}" ] || echo ", type=${p#*:}")\n"; start=$((start + size)); done
    truncate -s $((start + 1))M "$disk"; printf '%b' "$table" | sfdisk -q "$disk"
    start=1
    for p in "$@"; do size=$(($(stat -c %s "$work/${p%%:*}") / M)); dd if="$work/${p%%:*}" of="$disk" bs=1M seek="$start" conv=notrunc,sparse status=none; start=$((start + size)); done
}

# --- sound ----------------------------------------------------------------------------------------------------------------
fat h1 5EA11F11; ext h2 32M 12 -L sound; xfs h3 13; btrfs_ h4 14
part h5 16M; mkswap -q -U "$(uuid 15)" "$work/h5"
ntfs h6; part h7 32M; mkfs.ext3 -q -F -b 4096 -U "$(uuid 17)" -L three -d "$files" "$work/h7"
ext h8 16M 18 -L "$(printf 'a"\n$(x)\033[2J;'\')"
part h9 16M; mkfs.exfat -L exotic "$work/h9" > /dev/null
part h10 16M; mkfs.ext2 -q -F -U "$(uuid 1a)" "$work/h10"
gpt healthy.img h1:C12A7328-F81F-11D2-BA4B-00A0C93EC93B h2 h3 h4 h5:S h6 h7 h8 h9 h10

ext m1 32M 21; xfs m5 25
truncate -s 340M mbr.img
printf 'label: dos\nstart=2048, size=32MiB, type=83, bootable\nstart=34MiB, size=305MiB, type=5\nstart=35MiB, size=300MiB, type=83\n' | sfdisk -q mbr.img
dd if="$work/m1" of=mbr.img bs=1M seek=1 conv=notrunc,sparse status=none; dd if="$work/m5" of=mbr.img bs=1M seek=35 conv=notrunc,sparse status=none

ext w 16M 51; mv "$work/w" whole.img
truncate -s 8M unknown.img; head -c 65536 /dev/zero | tr '\0' 'x' | dd of=unknown.img conv=notrunc status=none

# --- damaged --------------------------------------------------------------------------------------------------------------
ext d1 32M 81; table=$(dumpe2fs "$work/d1" 2> /dev/null | sed -n 's/.*Inode table at \([0-9]*\)-.*/\1/p' | head -1); zap "$work/d1" $((table * 4096 + 4096)) 4096
# Several block groups (1024-byte blocks: 8 MiB each), so that there is a backup superblock to be found.
part d2 32M; mkfs.ext4 -q -F -b 1024 -U "$(uuid 82)" -d "$files" "$work/d2"; zap "$work/d2" 1024 1024
xfs d3 83; root=$(xfs_db -r -c 'sb 0' -c 'p rootino' "$work/d3" | sed 's/.*= //'); fsb=$(xfs_db -r -c "convert ino $root fsblock" "$work/d3" | sed 's/.*(\([0-9]*\)).*/\1/')
zap "$work/d3" $((fsb * 4096 + 4096)) 4096
xfs d4 84; zap "$work/d4" 0 512
btrfs_ d5 85
# One of the two copies of the file tree's root: Btrfs heals it silently, and the checker exits 0.
logical=$(btrfs inspect-internal dump-tree -t 5 "$work/d5" 2> /dev/null | sed -n 's/^\(node\|leaf\) \([0-9]*\) .*/\2/p' | head -1)
physical=$(btrfs-map-logical -l "$logical" "$work/d5" 2> /dev/null | sed -n 's/^mirror 1 .*physical \([0-9]*\) .*/\1/p' | head -1)
zap "$work/d5" "$physical" 4096
fat d6 5EA11F86; zap "$work/d6" $((4 * 512 + 40)) 300
ntfs d7; zap "$work/d7" $((4 * 4096 + 5 * 1024)) 1024
ext d8 32M 88; truncate -s 24M "$work/d8"
gpt damaged.img d1 d2 d3 d4 d5 d6 d7 d8

ext b1 16M 91; gpt badgpt.img b1; zap badgpt.img $((512 + 40)) 8
ext s1 32M a1
truncate -s 40M short.img; printf 'label: dos\nstart=2048, size=32MiB, type=83\n' | sfdisk -q short.img; dd if="$work/s1" of=short.img bs=1M seek=1 conv=notrunc,sparse status=none
truncate -s 20M short.img

truncate -s 128M wide1.img wide2.img; mkfs.btrfs -q -f -U "$(uuid c0)" -d single -m raid1 wide1.img wide2.img > /dev/null
# Cheap to open: nobody guesses the key of a test.
truncate -s 20M luks.img; echo -n key | cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --uuid "$(uuid d0)" luks.img -

# --- what only a kernel makes, or our own hands ----------------------------------------------------------------------------
# A transaction in the journal, the directory's block as it is, and a file that was removed while it was open.
ext j1 32M 71; in_use() { debugfs -w -f - "$work/j1" > /dev/null 2>&1; }
orphan=$(debugfs -R 'stat /d/file-60' "$work/j1" 2> /dev/null | sed -n 's/^Inode: \([0-9]*\) .*/\1/p')
printf 'unlink /d/file-60\nsif <%s> links_count 0\nssv last_orphan %s\n' "$orphan" "$orphan" | in_use
block=$(debugfs -R 'blocks /d' "$work/j1" 2> /dev/null | awk '{ print $1 }'); dd if="$work/j1" of="$work/block" bs=4096 skip="$block" count=1 status=none
printf 'jo\njw -b %s %s\njc\n' "$block" "$work/block" | in_use
xfs j2 72; gpt dirty.img j1 j2
truncate -s 24M lvm1.img lvm2.img; printf 'label: gpt\nstart=1MiB, size=16MiB\n' | sfdisk -q lvm1.img; printf 'label: dos\nstart=1MiB, size=16MiB\n' | sfdisk -q lvm2.img
ext inside 30M 61 -L logical; mv "$work/inside" lvm.inside
ext inside 20M b1 -L mirrored; mv "$work/inside" md.inside
