#!/bin/bash
# lio-vm.sh OUT.gz: an initramfs for Debian's cloud kernel in which Linux's own SCSI target (LIO) exports each virtio disk over iSCSI, on
# port 3260 of 10.0.2.15 (QEMU's user network), as LUN 1, 2, … of iqn.2026-01.invalid.rig:NAME. The kernel's command line says how:
#   rig.name=NAME      the target's name; lio where it is not given
#   rig.serials=A,B,…  the units' serial numbers, from which LIO makes their NAA names
#   rig.3pc=0          without third-party copies
#   rig.user=U rig.password=P   only this user is let in (CHAP)
#   rig.readonly=1     the units may not be written
# It prints LIO-UP on the serial console when all is there.
. "$(dirname "$0")/small-vm.sh"
vm_modules virtio_pci virtio_blk virtio_net target_core_mod target_core_iblock iscsi_target_mod
cp "$(dirname "$0")/lio-units.sh" "$work"
vm_pack "$1" << 'INIT'
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
waitfor /dev/vda
. /lio-units.sh
mkdir -p $target/iscsi
name=$(given name)
portals=$target/iscsi/iqn.2026-01.invalid.rig:${name:-lio}/tpgt_1
mkdir -p ${portals%/*}; mkdir $portals
export_unit() {
  unit=$(unit $2 $3)
  for attribute in emulate_tpu=1 emulate_tpws=1 unmap_zeroes_data=1 emulate_3pc=$(given 3pc | sed 's/^$/1/'); do
    echo ${attribute#*=} > $unit/attrib/${attribute%=*} 2> /dev/null || echo "RIG-WITHOUT $attribute"
  done
  mkdir $portals/lun/lun_$(($1 + 1))
  ln -s $unit $portals/lun/lun_$(($1 + 1))/disk
}
each_unit export_unit
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
