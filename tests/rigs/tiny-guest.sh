#!/bin/bash
# Builds a tiny bootable guest that virt-v2v takes for Debian 12: GRUB, the kernel of this host's Debian, busybox, and stand-ins
# for dpkg, update-initramfs and grub-mkconfig that do just what a conversion asks of them. 128 MiB, about two seconds, no root.
#
#   tiny-guest.sh [--uefi [--removable]] [--lvm] [--data DATA.raw] [--local SCRIPT] [--agent] OUT.raw [MODULE...]
#
# --uefi    GPT with an EFI system partition, GRUB in it as EFI/debian/grubx64.efi; else MBR and BIOS
# --removable   GRUB by UEFI's fallback path too: without it, as Debian leaves it, firmware finds it only by a variable of its own
# --lvm     the root file system, /boot included, is the logical volume tiny/root; else it is a partition
# --data    makes a second disk too: GPT, 1 XFS on /srv/xfs, 2 Btrfs on /srv/btrfs, both in fstab, each with the file "hello"
# --local   SCRIPT is its /etc/rc.local, run at each start; with modules for the power button
# --agent   it has QEMU's guest agent, which rc.local may start: guest-agent
# OUT.raw   the disk image; it is written beside its final name and renamed, so a file of that name is always complete
# MODULE    storage drivers of its first initramfs, IDE only by default (ata_piix sd_mod): so it boots from IDE and from
#           nothing else until a conversion has rebuilt the initramfs with virtio's drivers
#
# On the serial console (ttyS0) it prints "TINY-UP root=/dev/… mounts=… mods=…" and a login prompt; root has no password.
# The same packages give the same bytes, but for DATA.raw: UUIDs, times and owners are fixed.
#
# Needs the Debian packages busybox-static linux-image-cloud-amd64 (or -amd64) grub-pc-bin grub-common e2fsprogs fdisk cpio kmod;
# with --agent qemu-guest-agent, with --uefi grub-efi-amd64-bin dosfstools mtools, with --lvm lvm2 python3, with --data xfsprogs btrfs-progs.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
umask 022

usage() { sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
uefi= removable= lvm= data= local= agent=
while [ $# -gt 0 ]; do
    case $1 in
        --uefi) uefi=1; shift ;;
        --removable) removable=1; shift ;;
        --lvm) lvm=1; shift ;;
        --local) [ $# -ge 2 ] || usage; local=$2; shift 2 ;;
        --agent) agent=1; shift ;;
        --data) [ $# -ge 2 ] || usage; data=$2; shift 2 ;;
        -*) usage ;;
        *) break ;;
    esac
done
[ $# -ge 1 ] || usage
out=$1; shift
modules=${*:-ata_piix sd_mod}
[ -z "$lvm" ] || modules="$modules dm_mod"
fail() { echo "tiny-guest.sh: $*" >&2; exit 1; }

# The newest kernel that is complete: an image that we may read (plain users may not everywhere), and its modules.
kernel=
for candidate in $(ls /lib/modules | sort -V); do
    if [ -r "/boot/vmlinuz-$candidate" ] && [ -r "/lib/modules/$candidate/modules.dep" ]; then kernel=$candidate; fi
done
[ -n "$kernel" ] || fail "no readable /boot/vmlinuz-* with modules: install linux-image-cloud-amd64 (plain users: chmod a+r it)"
needs() { [ -r "$1" ] || fail "$1 is missing: install $2"; }
needs /bin/busybox busybox-static
if [ -n "$uefi" ]; then needs /usr/lib/grub/x86_64-efi/linux.mod grub-efi-amd64-bin; else needs /usr/lib/grub/i386-pc/boot.img grub-pc-bin; fi
[ -z "$lvm" ] || needs /usr/sbin/lvm lvm2
[ -z "$agent" ] || needs /usr/sbin/qemu-ga qemu-guest-agent
if [ ! -r "/boot/config-$kernel" ]; then fail "/boot/config-$kernel cannot be read"; fi

work=$(mktemp -d "${TMPDIR:-/tmp}/tiny-guest.XXXXXX")
trap 'rm -rf "$work" "$out.$$.new" ${data:+"$data.$$.new"}' EXIT
root=$work/root
package=linux-image-$kernel
uuid=5ea11f70-0000-4000-8000-000000000001
esp_serial=5EA11F70 xfs_uuid=5ea11f70-0000-4000-8000-000000000003 btrfs_uuid=5ea11f70-0000-4000-8000-000000000004
hash_seed=5ea11f70-0000-4000-8000-000000000002
epoch=1700000000

mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,usr/lib,etc/init.d,etc/default,etc/initramfs-tools,etc/modprobe.d,proc,sys,dev,run,tmp,root} \
         "$root"/{var/lib/dpkg/info,var/log,boot/grub/i386-pc,boot/efi,lib/modules,srv/xfs,srv/btrfs}

# --- programs -------------------------------------------------------------------------------------------------------------
cp /bin/busybox "$root/bin/busybox"
for applet in sh ls cat mount umount cp mv rm ln mkdir chmod sync uname modprobe depmod ps dd sha256sum find cpio gzip sort grep sed \
              awk head tail login getty init reboot poweroff ip hostname fstrim blockdev sleep date mknod touch chown id env echo tr cut; do
    ln -s /bin/busybox "$root/bin/$applet"
done
ln -s /bin/busybox "$root/sbin/init"
ln -s /bin/busybox "$root/usr/bin/env"
if [ -n "$lvm" ]; then
    # The real one, with the libraries that it is linked to.
    for file in /usr/sbin/lvm $(ldd /usr/sbin/lvm | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
        echo "$file"
    done > "$root/etc/initramfs-tools/lvm-files"
fi

# --- kernel and the modules that either side of a migration may need -----------------------------------------------------
cp "/boot/vmlinuz-$kernel" "/boot/config-$kernel" "$root/boot/"
mkdir -p "$root/lib/modules/$kernel"
cp "/lib/modules/$kernel"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$kernel/"
for module in virtio_blk virtio_scsi virtio_pci virtio_net virtio_ring virtio virtio_rng virtio_console xts ata_piix ahci sd_mod sr_mod vmw_pvscsi vmxnet3 \
              ${uefi:+vfat nls_cp437 nls_ascii} ${lvm:+dm_mod} ${data:+xfs btrfs crc32c_generic} ${local:+button evdev}; do
    # A module that this kernel lacks or has built in is not an error: the guest's own log tells what it loaded.
    { modprobe -S "$kernel" --show-depends "$module" 2>/dev/null || true; } | awk '/^insmod/ { print $2 }'
done | sort -u | while read -r file; do
    mkdir -p "$root$(dirname "$file")"
    cp "$file" "$root$file"
done
depmod -b "$root" "$kernel"

# --- what makes it a Debian ----------------------------------------------------------------------------------------------
cat > "$root/etc/os-release" <<'X'
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
X
echo 12.5 > "$root/etc/debian_version"
echo tiny-guest > "$root/etc/hostname"
echo 'root::0:0:root:/root:/bin/sh' > "$root/etc/passwd"
echo 'root:x:0:' > "$root/etc/group"
{
    # As Debian's installer writes it: volumes by their names, everything else by UUID.
    if [ -n "$lvm" ]; then echo "/dev/mapper/tiny-root / ext4 errors=remount-ro 0 1"; else echo "UUID=$uuid / ext4 errors=remount-ro 0 1"; fi
    [ -z "$uefi" ] || echo "UUID=${esp_serial:0:4}-${esp_serial:4} /boot/efi vfat umask=0077 0 1"
    [ -z "$data" ] || printf 'UUID=%s /srv/xfs xfs defaults 0 0\nUUID=%s /srv/btrfs btrfs defaults 0 0\n' "$xfs_uuid" "$btrfs_uuid"
} > "$root/etc/fstab"
echo '# tiny' > "$root/etc/modprobe.d/tiny.conf"
{ echo '# storage drivers of the initramfs'; for module in $modules; do echo "$module"; done; } > "$root/etc/initramfs-tools/modules"
printf 'GRUB_CMDLINE_LINUX="console=ttyS0,115200"\nGRUB_TIMEOUT=0\n' > "$root/etc/default/grub"
while read -r name version; do
    printf 'Package: %s\nStatus: install ok installed\nPriority: optional\nSection: kernel\nMaintainer: none <none@localhost>\nArchitecture: amd64\nVersion: %s\nDescription: stand-in\n\n' "$name" "$version"
done > "$root/var/lib/dpkg/status" <<X
$package 6.1.0-1
$([ -n "$uefi" ] && echo grub-efi-amd64 || echo grub-pc) 2.06-13+deb12u2
dpkg 1.21.22
initramfs-tools 0.142+deb12u3
X
(cd "$root" && find "boot/vmlinuz-$kernel" "boot/config-$kernel" "lib/modules/$kernel" | sort | sed 's,^,/,') > "$root/var/lib/dpkg/info/$package.list"

# --- stand-ins for the tools that virt-v2v runs in the guest --------------------------------------------------------------
cat > "$root/usr/bin/dpkg" <<'X'
#!/bin/sh
# stand-in: lists a package's files, names the architecture, agrees to everything else
case "$1" in
    -L|--listfiles) for name; do :; done; cat "/var/lib/dpkg/info/${name%%:*}.list" ;;
    --print-architecture) echo amd64 ;;
esac
X
cat > "$root/usr/sbin/update-initramfs" <<'X'
#!/bin/sh
# stand-in: builds an initramfs of busybox and the modules named in /etc/initramfs-tools/modules, with what they depend on.
# SYSROOT is set while the guest is built from outside; inside the guest it is empty.
set -e
S=${SYSROOT:-}; BB=${BUSYBOX:-/bin/busybox}; K=
while [ $# -gt 0 ]; do case "$1" in -k) K=$2; shift ;; esac; shift; done
[ -n "$K" ] && [ "$K" != all ] || K=$(ls "$S/lib/modules" | head -1)
T=$S/tmp/initramfs.$$; rm -rf "$T"; mkdir -p "$T/bin" "$T/dev" "$T/proc" "$T/sys" "$T/new" "$T/m"
cp "$S/bin/busybox" "$T/bin/busybox"
for m in $(grep -v '^#' "$S/etc/initramfs-tools/modules"); do
    # modules.dep names each file with what it depends on, nearest first: load from the end
    $BB awk -v m="$m" -v k="$K" 'BEGIN { gsub(/-/, "_", m) }
        { f = $1; sub(/:$/, "", f); b = f; sub(/.*\//, "", b); sub(/\.ko.*/, "", b); gsub(/-/, "_", b)
          if (b == m) { for (i = NF; i >= 2; i--) print "/lib/modules/" k "/" $i; print "/lib/modules/" k "/" f } }' "$S/lib/modules/$K/modules.dep"
done > "$T/list"
n=100
while read -r f; do
    b=${f##*/}
    case " $seen " in *" $b "*) ;; *) seen="$seen $b"; n=$((n + 1)); cp "$S$f" "$T/m/$n-$b" ;; esac
done < "$T/list"
rm "$T/list"
U=$(sed -n 's,^\([^ ]*\) / .*,\1,p' "$S/etc/fstab")
L=$S/etc/initramfs-tools/lvm-files
if [ -e "$L" ]; then while read -r f; do mkdir -p "$T${f%/*}"; cp "$S$f" "$T$f"; done < "$L"; fi
cat > "$T/init" <<Y
#!/bin/busybox sh
/bin/busybox mount -t proc p /proc; /bin/busybox mount -t sysfs s /sys; /bin/busybox mount -t devtmpfs d /dev
for k in /m/*.ko; do /bin/busybox insmod \$k 2>/dev/null; done
i=0; while [ \$i -lt 20 ]; do
    [ ! -x /usr/sbin/lvm ] || /usr/sbin/lvm vgchange -ay --config 'activation{udev_sync=0 udev_rules=0} devices{use_devicesfile=0}' >/dev/null 2>&1
    case $U in UUID=*) D=\$(/bin/busybox findfs $U 2>/dev/null) ;; *) D=; [ ! -b $U ] || D=$U ;; esac
    [ -z "\$D" ] || break
    i=\$((i+1)); /bin/busybox sleep 0.5
done
[ -n "\$D" ] || { echo "ALERT! root $U not found"; /bin/busybox poweroff -f; }
/bin/busybox mount -t ext4 -o ro \$D /new && exec /bin/busybox switch_root /new /sbin/init
echo "ALERT! mount failed"; /bin/busybox poweroff -f
Y
chmod 755 "$T/init"
[ -z "$STAMP" ] || find "$T" -exec touch -h -d "@$STAMP" {} +
(cd "$T" && find . | sort | cpio -o -H newc $CPIOFLAGS 2>/dev/null | gzip -n -1) > "$S/boot/initrd.img-$K"
rm -rf "$T"
echo "update-initramfs: Generating /boot/initrd.img-$K ($((n - 100)) modules)"
X
# busybox gzip knows no -n (it never stores a name): the guest's own copy goes without.
cat > "$root/usr/sbin/update-grub" <<'X'
#!/bin/sh
# stand-in: grub.cfg names the one kernel that there is
exit 0
X
cat > "$root/usr/sbin/grub-mkconfig" <<'X'
#!/bin/sh
# stand-in: gives the present grub.cfg again
o=; while [ $# -gt 0 ]; do case "$1" in -o) o=$2; shift ;; esac; shift; done
[ -z "$o" ] || [ "$o" = /boot/grub/grub.cfg ] || cat /boot/grub/grub.cfg > "$o"
exit 0
X
cat > "$root/etc/inittab" <<'X'
::sysinit:/etc/init.d/rcS
ttyS0::respawn:/bin/getty -L 115200 ttyS0 vt100
::shutdown:/bin/umount -a -r
X
cat > "$root/etc/init.d/rcS" <<'X'
#!/bin/sh
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -o remount,rw /
hostname tiny-guest; modprobe virtio_net 2>/dev/null; modprobe vmxnet3 2>/dev/null
# What fstab needs; a module that is not there is built in, or not needed.
for m in nls_cp437 nls_ascii crc32c_generic $(awk '$2 != "/" { print $3 }' /etc/fstab); do modprobe $m 2>/dev/null; done
mount -a
echo "TINY-UP root=$(awk '$2=="/"{print $1}' /proc/mounts | tail -1) mounts=$(awk '$1 ~ "^/dev" && $2 != "/" {print $2 "=" $3}' /proc/mounts | tr '\n' ,) mods=$(cut -d' ' -f1 /proc/modules | tr '\n' ,)"
[ -x /etc/rc.local ] && /etc/rc.local
X
if [ -n "$local" ]; then cp "$local" "$root/etc/rc.local"; chmod 755 "$root/etc/rc.local"; fi
if [ -n "$agent" ]; then
    # With the libraries that it is linked with; what it runs to shut down is a script.
    for file in /usr/sbin/qemu-ga $(ldd /usr/sbin/qemu-ga | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
    done
    printf '#!/bin/sh\npoweroff\n' > "$root/sbin/shutdown"
    cat > "$root/usr/sbin/guest-agent" <<'X'
#!/bin/sh
modprobe virtio_console
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = org.qemu.guest_agent.0 ] && exec qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run
done
X
    chmod 755 "$root/sbin/shutdown"
fi
chmod 755 "$root/usr/bin/dpkg" "$root"/usr/sbin/* "$root/etc/init.d/rcS"

# --- boot loader ---------------------------------------------------------------------------------------------------------
# no_timer_check: under emulation on a busy host the kernel's test of its timer fails at times, and it panics; KVM guests skip it too.
cat > "$root/boot/grub/grub.cfg" <<X
set timeout=0
search --no-floppy --fs-uuid --set=root $uuid
menuentry 'Debian GNU/Linux' {
 linux /boot/vmlinuz-$kernel root=$([ -n "$lvm" ] && echo /dev/mapper/tiny-root || echo UUID=$uuid) ro console=ttyS0,115200 no_timer_check quiet
 initrd /boot/initrd.img-$kernel
}
X
printf '(hd0) /dev/sda\n' > "$root/boot/grub/device.map"
SYSROOT=$root BUSYBOX=/bin/busybox STAMP=$epoch CPIOFLAGS='-R 0:0 --reproducible' sh "$root/usr/sbin/update-initramfs" -c -k "$kernel" > "$work/initramfs.log"
sed -i 's/gzip -n -1/gzip -1/' "$root/usr/sbin/update-initramfs"
filesystems="ext2 normal search search_fs_uuid linux configfile serial terminal echo ${lvm:+lvm}"
if [ -n "$uefi" ]; then
    # As Debian's own: it reads the grub.cfg beside it, which leads to the one in /boot. (Word splitting is meant.)
    grub-mkimage -O x86_64-efi -o "$work/grubx64.efi" -p /EFI/debian part_gpt fat $filesystems
    printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' "$uuid" > "$work/grub.cfg"
else
    grub-mkimage -O i386-pc -o "$work/core.img" -p "$([ -n "$lvm" ] && echo '(lvm/tiny-root)' || echo '(hd0,msdos1)')/boot/grub" biosdisk part_msdos $filesystems
    [ "$(stat -c %s "$work/core.img")" -lt $((2047 * 512)) ] || fail "GRUB's core image does not fit before the first partition"
fi

# --- the disk: MBR or GPT, with UEFI 34 MiB of FAT32, then the root file system, with LVM behind a MiB of metadata -------------
find "$root" -exec touch -h -d "@$epoch" {} +
disk=$out.$$.new
M=1048576 root_length=127 esp_start=1 esp_length=34
if [ -n "$uefi" ]; then start=$((esp_start + esp_length)) tail=1; else start=1 tail=0; fi
length=$((root_length + (${lvm:-0}))) root_start=$((start + (${lvm:-0})))
rm -f "$disk"; truncate -s $((start + length + tail))M "$disk"
if [ -n "$uefi" ]; then
    sfdisk -q "$disk" <<X
label: gpt
label-id: 5EA11F70-0000-4000-8000-000000000010
start=${esp_start}MiB, size=${esp_length}MiB, type=U, uuid=5EA11F70-0000-4000-8000-000000000011
start=${start}MiB, size=${length}MiB, type=$([ -n "$lvm" ] && echo V || echo L), uuid=5EA11F70-0000-4000-8000-000000000012
X
    # One sector a cluster, or it would have too few clusters for FAT32.
    truncate -s ${esp_length}M "$work/esp"
    mkfs.vfat -F 32 -s 1 --invariant -i $esp_serial -n ESP "$work/esp" > "$work/vfat.log"
    touch -d "@$epoch" "$work/grubx64.efi" "$work/grub.cfg"
    export SOURCE_DATE_EPOCH=$epoch TZ=UTC
    mmd -i "$work/esp" ::EFI ::EFI/debian
    if [ -n "$removable" ]; then
        mmd -i "$work/esp" ::EFI/BOOT
        mcopy -m -i "$work/esp" "$work/grubx64.efi" ::EFI/BOOT/BOOTX64.EFI
    fi
    mcopy -m -i "$work/esp" "$work/grubx64.efi" "$work/grub.cfg" ::EFI/debian/
    dd if="$work/esp" of="$disk" bs=$M seek=$esp_start conv=notrunc,sparse status=none
else
    printf 'label: dos\nlabel-id: 0x5ea11f70\n2048,,%s,*\n' "$([ -n "$lvm" ] && echo 8e || echo L)" | sfdisk -q "$disk"
fi
[ -z "$lvm" ] || "$here/lvm-volume.py" "$disk" $((start * M)) $((length * M)) tiny root
E2FSPROGS_FAKE_TIME=$epoch mkfs.ext4 -q -F -U "$uuid" -L root -E "offset=$((root_start * M)),hash_seed=$hash_seed,root_owner=0:0" -d "$root" "$disk" $((root_length * 1024))k
# mke2fs took over the builder's ids and the present time as each inode's ctime: set both.
find "$root" -mindepth 1 -printf '/%P\n' | sort | while read -r path; do
    printf 'sif "%s" %s\n' "$path" 'uid 0' "$path" 'gid 0' "$path" "ctime @$epoch"
done > "$work/inodes"
E2FSPROGS_FAKE_TIME=$epoch debugfs -w -f "$work/inodes" "$disk?offset=$((root_start * M))" > "$work/inodes.log" 2>&1
if grep -v '^debugfs' "$work/inodes.log" >&2; then fail "debugfs could not set the owners"; fi
if [ -z "$uefi" ]; then
    dd if=/usr/lib/grub/i386-pc/boot.img of="$disk" bs=440 count=1 conv=notrunc status=none
    dd if="$work/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
fi

# --- the disk for data -----------------------------------------------------------------------------------------------------
if [ -n "$data" ]; then
    mkdir "$work/files"; echo hello > "$work/files/hello"
    # XFS is not made smaller than 300 MiB.
    truncate -s 300M "$work/xfs"; truncate -s 128M "$work/btrfs"
    printf '/\n0 0\nd--755 0 0\nhello ---644 0 0 %s\n$\n' "$work/files/hello" > "$work/proto"
    mkfs.xfs -q -m uuid=$xfs_uuid -L files -p "$work/proto" "$work/xfs"
    mkfs.btrfs -q -U $btrfs_uuid -L more --rootdir "$work/files" "$work/btrfs"
    rm -f "$data.$$.new"; truncate -s 430M "$data.$$.new"
    printf 'label: gpt\nstart=1MiB, size=300MiB\nstart=301MiB, size=128MiB\n' | sfdisk -q "$data.$$.new"
    dd if="$work/xfs" of="$data.$$.new" bs=$M seek=1 conv=notrunc,sparse status=none
    dd if="$work/btrfs" of="$data.$$.new" bs=$M seek=301 conv=notrunc,sparse status=none
    mv "$data.$$.new" "$data"
fi
mv "$disk" "$out"
