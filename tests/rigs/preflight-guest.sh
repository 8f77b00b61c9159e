#!/bin/bash
# Builds a disk that libguestfs takes for a Debian, with everything in it that a look before the migration can see at once, and files
# that try to lead that look astray. It does not boot. No root; about a second; 200 MiB, sparse.
#
#   preflight-guest.sh OUT.raw
#
# GPT: 1 /boot, nearly full; 2 the root file system; 3 /escape, a link out of the guest; 4 /nodir, which does not exist
# UUIDs: 5ea11f70-0000-4000-8000-0000000000eN, N = the partition.
# Needs the Debian packages busybox-static e2fsprogs fdisk.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
[ $# = 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/preflight-guest.XXXXXX"); trap 'rm -rf "$work"' EXIT
M=1048576 root=$work/root boot=$work/boot
uuid() { printf '5ea11f70-0000-4000-8000-0000000000e%s' "$1"; }
mkdir -p "$root"/{bin,sbin,boot,etc/default,etc/lvm,usr/bin,usr/sbin,usr/lib,usr/lib/modules,var/lib/dpkg/info,srv} "$boot/grub" "$work/empty"
cp /bin/busybox "$root/bin/ls"; cp /bin/busybox "$root/bin/sh"
ln -s usr/lib "$root/lib"

printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n' > "$root/etc/os-release"
echo 12.5 > "$root/etc/debian_version"
printf 'Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDescription: x\n\n' > "$root/var/lib/dpkg/status"

{
    printf 'UUID=%s / ext4 errors=remount-ro 0 1\nUUID=%s /boot ext4 defaults 0 2\n' "$(uuid 2)" "$(uuid 1)"
    printf 'UUID=%s /escape ext4 defaults 0 2\nUUID=%s /nodir ext4 defaults 0 2\n' "$(uuid 3)" "$(uuid 4)"
    printf '/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part9 /srv ext4 nofail 0 2\nUUID=gone\033[2J /srv/gone ext4 defaults 0 2\n'
    printf '/dev/sda5 none swap sw 0 0\n/dev/hdc1 /srv/ide ext4 nofail 0 0\n'
} > "$root/etc/fstab"
ln -s /etc "$root/escape"                                     # the appliance's own, to a shell that follows it
mkfifo "$root/etc/crypttab"                                   # never ends
ln -s ../../../../../../proc/kmsg "$root/etc/default/grub"    # neither does this
printf 'devices {\n# %s\n\tfilter = [ "a|^/dev/sda2$|", "r|.*|" ]\n}\n' "$(head -c 200000 /dev/zero | tr '\0' '#')" > "$root/etc/lvm/lvm.conf"
head -c 1000000 /dev/zero | tr '\0' 'x' > "$boot/grub/device.map"
printf 'menuentry x {\n linux /vmlinuz-6.1.0-1 root=/dev/sda2 ro resume=UUID=x\n linux /vmlinuz-6.1.0-2 root=UUID=x resume=/dev/sda5\n}\n' > "$boot/grub/grub.cfg"

# Kernels: one that is whole, one without an initramfs and virtio_net, one without modules, and a name that is none.
for v in 6.1.0-1 6.1.0-2; do
    echo kernel > "$boot/vmlinuz-$v"; mkdir -p "$root/usr/lib/modules/$v/kernel/drivers"; echo "/boot/vmlinuz-$v" > "$root/var/lib/dpkg/info/linux-image-$v.list"
    for m in virtio_pci virtio_scsi; do echo x > "$root/usr/lib/modules/$v/kernel/drivers/$m.ko.xz"; done
    echo kernel/drivers/block/virtio_blk.ko > "$root/usr/lib/modules/$v/modules.builtin"
done
echo CONFIG_VIRTIO_NET=m > "$boot/config-6.1.0-1"
echo initramfs > "$boot/initrd.img-6.1.0-1"; echo kdump > "$boot/initrd.img-6.1.0-2kdump.img"
echo kernel > "$boot/vmlinuz-5.10.0-9"
echo kernel > "$boot/"'vmlinuz-$(reboot)'
: > "$root/usr/bin/vmtoolsd"
ln -s /usr/bin/dracut-somewhere "$root/usr/bin/dracut"        # dangling
ln -s /usr/sbin/real-update-initramfs "$root/usr/sbin/update-initramfs" # absolute, and fine as the guest sees it
: > "$root/usr/sbin/real-update-initramfs"

fs() { truncate -s "$2" "$work/$1.img"; mkfs.ext4 -q -F -U "$(uuid "$3")" -E root_owner=0:0 "${@:5}" -d "$4" "$work/$1.img"; }
fs p1 24M 1 "$boot" -N 64 -O '^has_journal'; fs p2 150M 2 "$root"; fs p3 16M 3 "$work/empty"; fs p4 16M 4 "$work/empty"
rm -f "$1"; truncate -s 210M "$1"
printf 'label: gpt\nstart=1MiB, size=24MiB\nstart=25MiB, size=150MiB\nstart=175MiB, size=16MiB\nstart=191MiB, size=16MiB\n' | sfdisk -q "$1"
at=1; for p in p1 p2 p3 p4; do dd if="$work/$p.img" of="$1" bs=$M seek=$at conv=notrunc,sparse status=none; at=$((at + $(stat -c %s "$work/$p.img") / M)); done
