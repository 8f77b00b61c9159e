#!/bin/bash
# file-server-vm.sh OUT.gz SEALIFT JOB: an initramfs for Debian's cloud kernel which is a file server and its own client, with nothing but
# what the kernel has (nfsd and nfs). The virtio disks are file systems: vda is exported, and in its directory two vdb, which is another
# export. In it JOB, a script of busybox's shell, runs the real sealift command, whose directory is /sealift. It finds
#   /srv, /srv/two     the exported file systems
#   /mnt, /mnt/two     the same, mounted by NFS 4.2
#   /old               the same, mounted by NFS 4.1, which has no COPY
# What JOB prints comes out of the serial console; FILE-SERVER-END and its exit code are the last line, and the machine is switched off.
. "$(dirname "$0")/small-vm.sh"
vm_modules virtio_pci virtio_blk ext4 xfs nfsd nfsv4
vm_sealift "$2"
cp "$3" "$work/job"
mkdir -p "$work"/{srv,mnt,old,var/lib/nfs/v4recovery}
vm_pack "$1" << 'INIT'
mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
waitfor /dev/vdb
mount /dev/vda /srv; mkdir -p /srv/two; mount /dev/vdb /srv/two

# Who may mount what, as rpc.mountd would answer it to the kernel: a client, its exports by their numbers, and its users. exportfs(8)'s
# insecure, no_subtree_check, fsid=, crossmnt are 2h, 400h, 2000h, 4000h.
mount -t nfsd nfsd /proc/fs/nfsd
later=$(($(date +%s) + 1000000)) rules=$((0x2 | 0x400 | 0x2000 | 0x4000))
echo "nfsd 127.0.0.1 $later rig" > /proc/net/rpc/auth.unix.ip/channel
echo "0 $later 0" > /proc/net/rpc/auth.unix.gid/channel
number=0
for directory in /srv /srv/two; do
  echo "rig $directory $later $rules 65534 65534 $number" > /proc/net/rpc/nfsd.export/channel
  echo "rig 1 \\x0${number}000000 $later $directory" > /proc/net/rpc/nfsd.fh/channel
  number=$((number + 1))
done
echo "-3" > /proc/fs/nfsd/versions
echo "tcp 2049" > /proc/fs/nfsd/portlist
echo 4 > /proc/fs/nfsd/threads
echo Y > /proc/fs/nfsd/v4_end_grace
for mount in "4.2 /mnt" "4.1 /old"; do
  mount -t nfs4 -o vers=${mount% *},addr=127.0.0.1,clientaddr=127.0.0.1,sec=sys,nosharecache 127.0.0.1:/ ${mount#* } || echo "RIG-WITHOUT nfs ${mount% *}"
  ls ${mount#* }/two > /dev/null # the other export is mounted when somebody looks into it
done

PATH=/bin:/sealift HOME=/tmp sh /job
echo "FILE-SERVER-END $?"
poweroff -f
INIT
