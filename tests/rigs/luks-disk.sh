#!/bin/bash
# Encrypts what is in a raw file into a LUKS volume, without device mapper and without root.
#
#   luks-disk.sh PLAIN IMAGE PASSPHRASE-FILE UUID 1|2
#
# QEMU writes LUKS1. LUKS2 encrypts the data in the same way, by the same key: so a LUKS2 header is made for the key of the LUKS1
# volume, and the data are put where it says that they begin. Guessing passphrases is made as cheap as the tools allow.
set -euo pipefail
plain=$1 image=$2 passphrase=$3 uuid=$4 version=$5
# It measures how long a guess takes by processor time, and gives up where the clock of that has not moved: then it is asked again.
for left in {19..0}; do
  said=$(qemu-img convert -f raw -O luks --object "secret,id=s,file=$passphrase" -o key-secret=s,iter-time=10,cipher-alg=aes-256,cipher-mode=xts,ivgen-alg=plain64 "$plain" "$image" 2>&1) && break
  if [ "$left" = 0 ] || [[ $said != *"accurate CPU usage"* ]]; then echo "$said" >&2; exit 1; fi
done
if [ "$version" = 1 ]; then
  cryptsetup luksUUID -q --uuid "$uuid" "$image"
  exit
fi
one=$image.luks1 key=$image.key
trap 'rm -f "$one" "$key"' EXIT
mv "$image" "$one"
cryptsetup luksDump -q --dump-volume-key --key-file "$passphrase" --volume-key-file "$key" "$one" >/dev/null
payload=$(cryptsetup luksDump "$one" | awk '/^Payload offset:/ { print $3 }')
truncate -s $((32768 * 512 + $(stat -c %s "$plain"))) "$image"
cryptsetup luksFormat -q --type luks2 --uuid "$uuid" --volume-key-file "$key" --key-size $(($(stat -c %s "$key") * 8)) --cipher aes-xts-plain64 \
  --sector-size 512 --offset 32768 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$passphrase" "$image"
dd if="$one" of="$image" bs=1M iflag=skip_bytes,fullblock oflag=seek_bytes skip=$((payload * 512)) seek=$((32768 * 512)) conv=notrunc status=none
