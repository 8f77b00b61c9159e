#!/bin/bash
# lio-vm.sh OUT.gz: an initramfs for Debian's cloud kernel in which Linux's own SCSI target (LIO) exports each virtio disk over iSCSI, on
# port 3260 of 10.0.2.15 (QEMU's user network), as LUN 1, 2, … of iqn.2026-01.invalid.rig:NAME. The kernel's command line says how:
#   rig.name=NAME      the target's name; lio where it is not given
#   rig.serials=A,B,…  the units' serial numbers, from which LIO makes their NAA names
#   rig.3pc=0          without third-party copies
#   rig.user=U rig.password=P   only this user is let in (CHAP)
#   rig.readonly=1     the units may not be written
# It prints LIO-UP on the serial console when all is there.
set -e
out=$1
version=$(ls -v /lib/modules | grep cloud | tail -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,dev,proc,sys,modules}
cp /bin/busybox "$work/bin"
n=0
for module in virtio_pci virtio_blk virtio_net target_core_mod target_core_iblock iscsi_target_mod; do
  modprobe -S "$version" --show-depends "$module" | awk '/^insmod/ { print $2 }'
done | awk '!seen[$0]++' | while read -r file; do
  n=$((n + 1))
  cp "$file" "$work/modules/$(printf %03d $n)-$(basename "$file")"
done
cat > "$work/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done
given() { tr ' ' '\n' < /proc/cmdline | sed -n "s/^rig\.$1=//p"; }
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do sleep .1; tries=$((tries + 1)); done
mount -t configfs config /sys/kernel/config
target=/sys/kernel/config/target
mkdir -p $target/iscsi /var/target/pr # where LIO keeps reservations
name=$(given name)
portals=$target/iscsi/iqn.2026-01.invalid.rig:${name:-lio}/tpgt_1
mkdir -p ${portals%/*}; mkdir $portals
number=0
for serial in $(given serials | tr ',' ' '); do
  number=$((number + 1))
  letter=$(echo abcdefgh | cut -c$number)
  unit=$target/core/iblock_0/disk$letter
  mkdir -p $unit
  echo "udev_path=/dev/vd$letter" > $unit/control
  [ "$(given readonly)" = 1 ] && echo "readonly=1" > $unit/control
  echo "$serial" > $unit/wwn/vpd_unit_serial
  echo 1 > $unit/enable
  for attribute in emulate_tpu=1 emulate_tpws=1 unmap_zeroes_data=1 emulate_3pc=$(given 3pc | sed 's/^$/1/'); do
    echo ${attribute#*=} > $unit/attrib/${attribute%=*} 2> /dev/null || echo "RIG-WITHOUT $attribute"
  done
  mkdir $portals/lun/lun_$number
  ln -s $unit $portals/lun/lun_$number/disk
done
mkdir $portals/np/0.0.0.0:3260
user=$(given user)
for attribute in authentication=${user:+1} generate_node_acls=1 demo_mode_write_protect=0 cache_dynamic_acls=1; do
  value=${attribute#*=}
  echo ${value:-0} > $portals/attrib/${attribute%=*}
done
if [ -n "$user" ]; then printf %s "$user" > $portals/auth/userid; printf %s "$(given password)" > $portals/auth/password; fi # a newline would be a part of it
echo 1 > $portals/enable
echo LIO-UP
# Until it is switched off.
while :; do sleep 3600; done
INIT
chmod +x "$work/init"
(cd "$work" && find . | cpio -o -H newc --quiet | gzip -1) > "$out"
