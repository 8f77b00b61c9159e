#!/bin/bash
# smb-server-vm.sh OUT.gz SEALIFT JOB: an initramfs for Debian's cloud kernel which is a server of SMB and its own client: Samba's smbd, and
# the kernel's cifs. (The kernel's own server, ksmbd, lets that client log in and connects it to no share.) The virtio disks are file
# systems, vda and vdb. In it JOB, a script of busybox's shell, runs the real sealift command, whose directory is /sealift. It finds
#   /srv/one, /srv/two   the file systems
#   /one, /two           the shares of these, mounted by SMB 3.1.1 in one session
#   /apart               a share of /srv/one, in another session, and without the client's cache (cache=none)
#   /old                 a share of /srv/one, mounted by SMB 1, which is not asked for copies
# What JOB prints comes out of the serial console; SMB-SERVER-END and its exit code are the last line, and the machine is switched off.
. "$(dirname "$0")/small-vm.sh"
vm_modules virtio_pci virtio_blk ext4 xfs cifs cmac hmac md4 md5 ecb ctr ccm gcm ghash-generic sha512_generic
vm_sealift "$2"
vm_libraries /usr/sbin/smbd /usr/bin/smbpasswd
mkdir -p "$work"/{srv/one,srv/two,one,two,apart,old,usr/sbin,usr/bin,etc/samba,var/lib/samba/private,var/cache/samba,run/samba}
cp /usr/sbin/smbd "$work/usr/sbin"
cp /usr/bin/smbpasswd "$work/usr/bin"
cp "$3" "$work/job"
printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$work/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$work/etc/group"
cat > "$work/etc/samba/smb.conf" << 'CONF'
[global]
  interfaces = lo
  bind interfaces only = yes
  server role = standalone server
  disable netbios = yes
  smb ports = 445
  server min protocol = NT1
  ntlm auth = yes
  unix charset = UTF-8
  dos charset = ASCII
  load printers = no
  printing = bsd
  disable spoolss = yes
  log file = /run/smbd.log
[one]
  path = /srv/one
  read only = no
[two]
  path = /srv/two
  read only = no
[apart]
  path = /srv/one
  read only = no
[old]
  path = /srv/one
  read only = no
CONF
vm_pack "$1" << 'INIT'
mount -t tmpfs tmp /tmp; mount -t tmpfs run /run; mkdir /run/samba
waitfor /dev/vdb
mount /dev/vda /srv/one; mount /dev/vdb /srv/two
hostname rig
printf 'rig\nrig\n' | smbpasswd -s -a root > /dev/null 2> /run/smbpasswd || { echo "RIG-WITHOUT user"; cat /run/smbpasswd; }
smbd -D
tries=0
while ! grep -q ' 0100007F:01BD ' /proc/net/tcp && [ $tries -lt 300 ]; do sleep .1; tries=$((tries + 1)); done
options=$(given mount)
for mount in "one 3.1.1" "two 3.1.1" "apart 3.1.1,cache=none,nosharesock" "old 1.0,nosharesock"; do
  share=${mount% *}
  mount -i -t cifs -o "vers=${mount#* },${options:+$options,}ip=127.0.0.1,username=root,password=rig,noperm" "//127.0.0.1/$share" /$share || { echo "RIG-WITHOUT $share"; dmesg | tail -5; cat /run/smbd.log; }
done

PATH=/bin:/sealift HOME=/tmp sh /job
echo "SMB-SERVER-END $?"
poweroff -f
INIT
