# lio-units.sh: sourced within a VM of lio-vm.sh or tcm-loop-vm.sh. Makes units of Linux's own SCSI target (LIO) of the virtio disks.
mount -t configfs config /sys/kernel/config
target=/sys/kernel/config/target
mkdir -p /var/target/pr # where LIO keeps reservations

# A unit of a disk: its letter, and its serial number, from which LIO makes its NAA name. Prints its directory.
unit() {
  made=$target/core/iblock_0/disk$1
  mkdir -p $made
  echo "udev_path=/dev/vd$1" > $made/control
  [ "$(given readonly)" = 1 ] && echo "readonly=1" > $made/control
  echo "$2" > $made/wwn/vpd_unit_serial
  echo 1 > $made/enable
  echo $made
}

# Calls a function for each of rig.serials, with its number from 0 on, the disk's letter, and the serial number.
each_unit() {
  number=0
  for serial in $(given serials | tr ',' ' '); do
    $1 $number "$(echo abcdefgh | cut -c$((number + 1)))" "$serial"
    number=$((number + 1))
  done
}
