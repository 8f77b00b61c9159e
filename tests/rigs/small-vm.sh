# small-vm.sh: what the rigs share that run something in a small VM with Debian's cloud kernel. Sourced by them; it makes an initramfs of
# busybox, the modules and programs that are asked for, and an init that ends with the rig's own lines. In those, given NAME prints what the
# kernel's command line says as rig.NAME=…, and waitfor DEVICE waits until a block device is there.
set -e
version=$(ls -v /lib/modules | grep cloud | tail -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,dev,proc,sys,tmp,run,etc,var,modules}
cp /bin/busybox "$work/bin"

# Kernel modules with all that they need, loaded in this order.
vm_modules() {
  local n=0 module file
  for module in "$@"; do modprobe -S "$version" --show-depends "$module" | awk '/^insmod/ { print $2 }'; done | awk '!seen[$0]++' | while read -r file; do
    n=$((n + 1))
    cp "$file" "$work/modules/$(printf %03d $n)-$(basename "$file")"
  done
}

# The libraries that files of this host are linked with.
vm_libraries() {
  local file
  ldd "$@" | awk '/=> \// { print $3 } $1 ~ /^\// && $1 !~ /:$/ { print $1 }' | sort -u | while read -r file; do
    mkdir -p "$work$(dirname "$file")"
    cp -L "$file" "$work$file"
  done
}

# The sealift command, as /sealift, with what it loads while it runs: the digests are OpenSSL's.
vm_sealift() {
  local libraries file
  mkdir -p "$work/sealift"
  cp "$(dirname "$1")"/{sealift,libe_sqlite3.so} "$work/sealift"
  libraries=$(ldconfig -p | awk '/x86-64/ && ($1 == "libssl.so.3" || $1 == "libcrypto.so.3") { print $NF }')
  for file in $libraries; do mkdir -p "$work$(dirname "$file")"; cp -L "$file" "$work$file"; done
  vm_libraries "$1" $libraries
}

# Packs it all; the rig's own lines of init come from standard input.
vm_pack() {
  cat > "$work/init" << 'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done
given() { tr ' ' '\n' < /proc/cmdline | sed -n "s/^rig\.$1=//p"; }
waitfor() { tries=0; while [ ! -b "$1" ] && [ $tries -lt 100 ]; do sleep .1; tries=$((tries + 1)); done; }
ip link set lo up
INIT
  cat >> "$work/init"
  chmod +x "$work/init"
  (cd "$work" && find . | cpio -o -H newc --quiet | gzip -1) > "$1"
}
