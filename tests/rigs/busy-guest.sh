#!/bin/busybox sh
# /etc/rc.local of a guest that is never idle. At its start it says what it finds: for each directory the records that are whole, and each
# slot with the generation of its record. Then it writes records without end, syncs after each, and only then says so. A press of the power
# button shuts it down. Everything is said on the serial console.
PATH=/bin:/usr/bin:/sbin:/usr/sbin
busybox=/bin/busybox
slots=40
expected() { echo "generation $2"; $busybox yes "slot $1 generation $2" | $busybox head -c 20000; } # SLOT GENERATION

for dir in /var/records /srv/xfs/records; do
    [ -d "${dir%/records}" ] || continue
    whole=0 broken=0 last=0
    for file in "$dir"/slot*; do
        [ -f "$file" ] || continue
        slot=${file##*/slot}
        generation=$($busybox head -1 "$file" | $busybox cut -d' ' -f2)
        expected "$slot" "$generation" > /run/expected
        if $busybox cmp -s /run/expected "$file"; then whole=$((whole + 1)); else broken=$((broken + 1)); fi
        [ "$generation" -le "$last" ] 2>/dev/null || last=$generation
        found="$found $slot:$generation"
    done
    echo "RECORDS $dir whole=$whole broken=$broken last=$last$found"
    found=
    mkdir -p "$dir"
done

modprobe button; modprobe evdev
mkdir -p /etc/acpi/PWRF
printf '#!/bin/busybox sh\n/bin/busybox poweroff\n' > /etc/acpi/PWRF/00000080
chmod 755 /etc/acpi/PWRF/00000080
$busybox acpid -l /run/acpid.log

# Where it was built with an agent, and its host has a channel for one.
if [ -x /usr/sbin/guest-agent ]; then /usr/sbin/guest-agent < /dev/null > /dev/ttyS0 2>&1 & fi

write() {
    n=0
    while [ $n -lt 1000000 ]; do
        n=$((n + 1))
        for dir in /var/records /srv/xfs/records; do
            [ -d "$dir" ] || continue
            expected $((n % slots)) $n > "$dir/next" && mv "$dir/next" "$dir/slot$((n % slots))"
        done
        sync
        echo "SYNCED $n"
        $busybox sleep 0.1
    done
}
write < /dev/null > /dev/ttyS0 2>&1 &
