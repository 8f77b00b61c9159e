#!/bin/bash
# tcm-loop-vm.sh OUT.gz SEALIFT JOB: an initramfs for Debian's cloud kernel in which Linux's own SCSI target (LIO) makes each virtio disk a
# unit of the machine itself (tcm_loop): /dev/sda, /dev/sdb, … in their order, units of one SCSI target. In it JOB, a script of busybox's
# shell, runs the real sealift command, whose directory is /sealift, with the libraries that it loads. The kernel's command line says how:
#   rig.serials=A,B,…  the units' serial numbers, from which LIO makes their NAA names
#   rig.alone=C        the serial number of the unit that is one of a target of its own
# What JOB prints comes out of the serial console; TCM-LOOP-END and its exit code are the last line, and the machine is switched off.
set -e
out=$1 sealift=$2 job=$3
version=$(ls -v /lib/modules | grep cloud | tail -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,dev,proc,sys,tmp,modules,sealift,var}
cp /bin/busybox "$work/bin"
cp "$job" "$work/job"
cp "$(dirname "$sealift")"/{sealift,libe_sqlite3.so} "$work/sealift"
# What the command is linked with, and what it loads while it runs: the digests are OpenSSL's.
libraries=$(ldconfig -p | awk '/x86-64/ && ($1 == "libssl.so.3" || $1 == "libcrypto.so.3") { print $NF }')
for file in $(ldd "$sealift" $libraries | awk '/=> \// { print $3 } $1 ~ /^\// && $1 !~ /:$/ { print $1 }' | sort -u) $libraries; do
  mkdir -p "$work$(dirname "$file")"
  cp -L "$file" "$work$file"
done
n=0
for module in virtio_pci virtio_blk sd_mod target_core_mod target_core_iblock tcm_loop; do
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
waitfor() { tries=0; while [ ! -b "$1" ] && [ $tries -lt 100 ]; do sleep .1; tries=$((tries + 1)); done; }
waitfor /dev/vda
mount -t configfs config /sys/kernel/config
target=/sys/kernel/config/target
mkdir -p $target/loopback /var/target/pr
portals() { # a SCSI target of this machine, by a number
  mkdir -p $target/loopback/naa.500140500000000$1; mkdir $target/loopback/naa.500140500000000$1/tpgt_1
  echo naa.500140500000001$1 > $target/loopback/naa.500140500000000$1/tpgt_1/nexus
}
portals 1; portals 2
number=0
for serial in $(given serials | tr ',' ' '); do
  letter=$(echo abcdefgh | cut -c$((number + 1)))
  unit=$target/core/iblock_0/disk$letter
  mkdir -p $unit
  echo "udev_path=/dev/vd$letter" > $unit/control
  echo "$serial" > $unit/wwn/vpd_unit_serial
  echo 1 > $unit/enable
  which=1; [ "$serial" = "$(given alone)" ] && which=2
  mkdir $target/loopback/naa.500140500000000$which/tpgt_1/lun/lun_$number
  ln -s $unit $target/loopback/naa.500140500000000$which/tpgt_1/lun/lun_$number/disk
  waitfor /dev/sd$letter
  number=$((number + 1))
done
ip link set lo up
PATH=/bin:/sealift HOME=/tmp sh /job
echo "TCM-LOOP-END $?"
poweroff -f
INIT
chmod +x "$work/init"
(cd "$work" && find . | cpio -o -H newc --quiet | gzip -1) > "$out"
