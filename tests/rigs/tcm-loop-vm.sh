#!/bin/bash
# tcm-loop-vm.sh OUT.gz SEALIFT JOB: an initramfs for Debian's cloud kernel in which Linux's own SCSI target (LIO) makes each virtio disk a
# unit of the machine itself (tcm_loop): /dev/sda, /dev/sdb, … in their order, units of one SCSI target. In it JOB, a script of busybox's
# shell, runs the real sealift command, whose directory is /sealift, with the libraries that it loads. The kernel's command line says how:
#   rig.serials=A,B,…  the units' serial numbers, from which LIO makes their NAA names
#   rig.alone=C        the serial number of the unit that is one of a target of its own
# What JOB prints comes out of the serial console; TCM-LOOP-END and its exit code are the last line, and the machine is switched off.
. "$(dirname "$0")/small-vm.sh"
vm_modules virtio_pci virtio_blk sd_mod target_core_mod target_core_iblock tcm_loop
vm_sealift "$2"
cp "$3" "$work/job"
cp "$(dirname "$0")/lio-units.sh" "$work"
vm_pack "$1" << 'INIT'
waitfor /dev/vda
. /lio-units.sh
mkdir -p $target/loopback
portals() { # a SCSI target of this machine, by a number
  mkdir -p $target/loopback/naa.500140500000000$1; mkdir $target/loopback/naa.500140500000000$1/tpgt_1
  echo naa.500140500000001$1 > $target/loopback/naa.500140500000000$1/tpgt_1/nexus
}
portals 1; portals 2
loop_unit() {
  which=1; [ "$3" = "$(given alone)" ] && which=2
  unit=$(unit $2 $3)
  mkdir $target/loopback/naa.500140500000000$which/tpgt_1/lun/lun_$1
  ln -s $unit $target/loopback/naa.500140500000000$which/tpgt_1/lun/lun_$1/disk
  waitfor /dev/sd$2
}
each_unit loop_unit
PATH=/bin:/sealift HOME=/tmp sh /job
echo "TCM-LOOP-END $?"
poweroff -f
INIT
