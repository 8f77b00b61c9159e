#!/usr/bin/busybox sh
# A vmkfstools of an ESXi host that is none: -i SOURCE -d thin TARGET. It copies the bytes of the disk, or does what $VMKFSTOOLS_RIG/behaviour says.
[ "$#" -eq 5 ] && [ "$1 $3 $4" = "-i -d thin" ] || { echo "unexpected: $*" >&2; exit 64; }
source=$2 descriptor=$5 flat=${5%.vmdk}-flat.vmdk
echo "$$ $source $descriptor" >>"$VMKFSTOOLS_RIG/log"
[ ! -e "$descriptor" ] && [ ! -e "$flat" ] || { echo "Failed to clone disk: The file already exists (39)." >&2; exit 1; }

percent() { printf '\rClone: %s%% done.' "$1"; }

# Every byte, zeros as holes.
copy() { qemu-img convert -q -U -f vmdk -O raw -o extent_size_hint=0 "$source" "$flat" || { echo "Failed to clone disk: There is not enough space on the file system for the selected operation (13)." >&2; rm -f "$flat"; exit 1; }; }

describe() { printf '# Disk DescriptorFile\nversion=1\ncreateType="vmfs"\nRW %s VMFS "%s"\n' "$(($(stat -c %s "$flat") / 512))" "${flat##*/}" >"$descriptor"; }

echo "Destination disk format: VMFS thin-provisioned"
echo "Cloning disk '$source'..."
case $(cat "$VMKFSTOOLS_RIG/behaviour" 2>/dev/null || echo honest) in
honest) percent 0; copy; for p in 17 54 99; do percent $p; done; describe ;;
nothing) ;;
zeros) copy; length=$(stat -c %s "$flat"); rm "$flat"; truncate -s "$length" "$flat"; describe ;;
half) copy; length=$(stat -c %s "$flat"); truncate -s $((length / 2)) "$flat"; truncate -s "$length" "$flat"; describe ;;
shifted) copy; length=$(stat -c %s "$flat"); (head -c 65536 /dev/zero; cat "$flat") >"$flat.x"; truncate -s "$length" "$flat.x"; mv "$flat.x" "$flat"; describe ;;
elsewhere) copy; mv "$flat" "$VMKFSTOOLS_RIG/elsewhere-flat.vmdk" ;;
short) copy; truncate -s $(($(stat -c %s "$flat") - 512)) "$flat"; describe ;;
pipe) mkfifo "$flat"; describe ;;
fail) percent 40; head -c 1000000 /dev/urandom >"$flat"; printf '\n'; echo "Failed to clone disk: Input/output error (327689)." >&2; exit 1 ;;
full) percent 12; head -c 1000000 /dev/urandom >"$flat"; printf '\n'; echo "Failed to clone disk: There is not enough space on the file system for the selected operation (13)." >&2; exit 1 ;;
hostile) printf 'Clone: 120%% done.\rClone: -1%% done.\rClone: 9999999999%% done.\r\033[2Jsealift-ended \rsealift-ended x\n'; printf 'it \033[31msaid\007 this\n' >&2; exit 1 ;;
hang) exec sleep 3600 ;;
stubborn) trap '' TERM; percent 2; percent 3; while [ ! -e "$VMKFSTOOLS_RIG/go" ]; do head -c 100000 /dev/urandom >>"$flat"; sleep 0.1; done ;;
noisy) while :; do echo "Clone: nothing done."; done ;;
slow) percent 9; percent 10; head -c 100000 /dev/urandom >"$flat"; while [ ! -e "$VMKFSTOOLS_RIG/go" ]; do sleep 0.1; done; rm "$flat"; copy; describe ;;
*) echo "no such behaviour" >&2; exit 64 ;;
esac
percent 100
printf '\n'
