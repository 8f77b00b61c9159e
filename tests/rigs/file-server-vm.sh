#!/bin/bash
# file-server-vm.sh OUT.gz SEALIFT JOB: an initramfs for Debian's cloud kernel which is a file server and its own client, with nothing but
# what the kernel has (nfsd and nfs; ksmbd and cifs, where this host has ksmbd's daemon). The virtio disks are file systems: vda is exported
# whole, and what lies in its directory two is another export, vdb. In it JOB, a script of busybox's shell, runs the real sealift command,
# whose directory is /sealift. It finds
#   /srv, /srv/two     the exported file systems
#   /mnt, /mnt/two     the same, mounted by NFS 4.2
#   /old               the same, mounted by NFS 4.1, which has no COPY
#   /smb               /srv/smb, mounted by SMB 3.1.1; RIG-WITHOUT smb and why is printed where that does not work
# What JOB prints comes out of the serial console; FILE-SERVER-END and its exit code are the last line, and the machine is switched off.
. "$(dirname "$0")/small-vm.sh"
# The kernel would fetch ciphers and digests by modprobe, which is not there.
vm_modules virtio_pci virtio_blk ext4 xfs nfsd nfsv4 cmac ccm gcm ctr ecb cts md4 des_generic sha512_generic cifs ksmbd
vm_sealift "$2"
cp "$3" "$work/job"
mkdir -p "$work"/{srv,mnt,old,smb,var/lib/nfs/v4recovery,etc/ksmbd}
if [ -x /usr/sbin/ksmbd.mountd ]; then vm_programs /usr/sbin/ksmbd.mountd /usr/sbin/ksmbd.adduser; fi
vm_pack "$1" << 'INIT'
mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
waitfor /dev/vdb
mount /dev/vda /srv; mkdir -p /srv/two /srv/smb; mount /dev/vdb /srv/two

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

if [ -x /usr/sbin/ksmbd.mountd ]; then
  hostname rig
  printf '[global]\n  server string = rig\n  netbios name = RIG\n[rig]\n  path = /srv/smb\n  read only = no\n  guest ok = no\n' > /etc/ksmbd/ksmbd.conf
  echo 'root:x:0:0:root:/:/bin/sh' > /etc/passwd; echo 'root:x:0:' > /etc/group
  /usr/sbin/ksmbd.adduser -a root -p rig > /dev/null 2>&1 || true
  /usr/sbin/ksmbd.mountd > /tmp/ksmbd 2>&1 || true
  tries=0
  while ! mount -t cifs -o vers=3.1.1,ip=127.0.0.1,unc=//127.0.0.1/rig,username=root,password=rig //127.0.0.1/rig /smb 2> /tmp/smb && [ $tries -lt 50 ]; do sleep .1; tries=$((tries + 1)); done
fi
grep -q ' /smb cifs ' /proc/mounts || echo "RIG-WITHOUT smb $(cat /tmp/ksmbd /tmp/smb 2> /dev/null | tr '\n' ' ') $(dmesg | grep -iE 'smb|cifs' | tail -3 | tr '\n' ' ')"
PATH=/bin:/sealift HOME=/tmp sh /job
echo "FILE-SERVER-END $?"
poweroff -f
INIT
