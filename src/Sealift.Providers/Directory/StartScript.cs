using System.Globalization;
using System.Text;
using Sealift.Disks;

namespace Sealift.Providers;

/// <summary>A POSIX shell script that boots a target machine with QEMU alone.</summary>
public static class StartScript
{
    /// <summary>A function of a POSIX shell that tells whether KVM works.</summary>
    internal const string KvmWorks = """
        # /dev/kvm may exist and yet run nothing, and QEMU's own fallback then hangs: see whether a BIOS comes up on it.
        kvm_works() {
          [ -w /dev/kvm ] || return 1
          timeout -k 1 5 qemu-system-x86_64 -accel kvm -cpu host -m 64 -nodefaults -display none -no-reboot -boot reboot-timeout=1 \
            -chardev stdio,id=log -device isa-debugcon,iobase=0x402,chardev=log </dev/null 2>/dev/null | grep -q "No bootable device"
        }
        """;

    /// <summary>Writes the script. It finds the machine's files beside itself, so the directory may be moved.</summary>
    /// <exception cref="Posix.SealiftException">SL6301 or SL6302: the target cannot be described.</exception>
    public static string Build(TargetMachine target)
    {
        ArgumentNullException.ThrowIfNull(target);
        target.Check();
        var uefi = target.Machine.Firmware == Firmware.Uefi;
        var script = new StringBuilder();
        script.Append($$"""
            #!/bin/sh
            # Boots the machine {{target.Machine.FileName}} with QEMU; its serial console is this terminal (Ctrl-A X ends it).
            # More options for QEMU may follow; paths in them start at this directory.
            # SEALIFT_ACCEL=kvm or tcg chooses how it runs; without it KVM is tried first.
            set -eu
            cd -- "$(dirname -- "$0")"
            command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is not installed" >&2; exit 127; }

            {{KvmWorks}}
            accel=${SEALIFT_ACCEL:-}
            if [ -z "$accel" ]; then
              # What the shell itself would say of a QEMU that aborts is no news either.
              if kvm_works 2>/dev/null; then accel=kvm; else accel=tcg; echo "KVM is not usable here: the machine is emulated, and slow" >&2; fi
            fi
            case $accel in
              kvm) cpu=host ;;
              tcg) cpu=max ;;
              *) echo "SEALIFT_ACCEL is kvm or tcg, not $accel" >&2; exit 2 ;;
            esac

            """.ReplaceLineEndings("\n"));
        if (uefi) AppendFirmware(script, target);
        script.Append("\nexec qemu-system-x86_64");
        foreach (var options in Options(target)) script.Append(" \\\n  ").Append(options);
        return script.Append(" \\\n  \"$@\"\n").ToString();
    }

    /// <summary>A word as the shell takes it literally.</summary>
    internal static string Quote(string word) => "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private static void AppendFirmware(StringBuilder script, TargetMachine target) => script.Append($$"""

        code=${OVMF_CODE:-}
        vars=${OVMF_VARS:-}
        for pair in \
        {{string.Join(" \\\n", UefiFirmware.Known(target.Machine.SecureBoot).Select(f => $"  {f.CodePath}:{f.VariablesPath}"))}}
        do
          [ -n "$code" ] && break
          if [ -f "${pair%%:*}" ] && [ -f "${pair#*:}" ]; then code=${pair%%:*}; vars=${pair#*:}; fi
        done
        [ -n "$code" ] && [ -n "$vars" ] || { echo "No UEFI firmware found: install ovmf, or set OVMF_CODE and OVMF_VARS" >&2; exit 1; }
        # The machine's own UEFI variables: made once, then kept.
        nvram={{Quote(target.NvramFileName)}}
        if [ ! -e "$nvram" ]; then
          cp -- "$vars" "$nvram.new"
          chmod u+w -- "$nvram.new"
          mv -- "$nvram.new" "$nvram"
        fi

        """.ReplaceLineEndings("\n"));

    private static IEnumerable<string> Options(TargetMachine target)
    {
        var secure = target.Machine.SecureBoot;
        yield return $"-name {Quote(target.Machine.FileName)}";
        yield return $"-uuid {target.Uuid:D}";
        yield return $"-machine {(target.NeedsIde ? "pc" : "q35")}{(secure ? ",smm=on" : string.Empty)} -accel \"$accel\" -cpu \"$cpu\"";
        yield return string.Create(CultureInfo.InvariantCulture, $"-smp cpus={target.Machine.Cpus},{(target.Machine.CoresPerSocket is > 0 and var cores ? $"sockets={target.Machine.Cpus / cores},cores={cores},threads=1" : $"sockets={target.Machine.Cpus}")} -m {target.MemoryMebibytes}M");
        yield return $"-nodefaults -display none -vga std -serial mon:stdio -rtc base={(target.GuestIsWindows ? "localtime" : "utc")}";
        if (target.Machine.Firmware == Firmware.Uefi)
        {
            if (secure) yield return "-global driver=cfi.pflash01,property=secure,value=on";
            // QEMU ends an option's value at a comma unless it is doubled; only a path set by the user could hold one.
            yield return "-drive \"if=pflash,unit=0,format=raw,readonly=on,file=$(printf %s \"$code\" | sed 's/,/,,/g')\"";
            yield return "-drive \"if=pflash,unit=1,format=raw,file=$nvram\"";
        }

        foreach (var option in Disks(target)) yield return option;
        for (var i = 0; i < target.NetworkInterfaces.Count; i++)
        {
            var model = target.NetworkInterfaces[i].Model switch
            {
                NicModel.E1000 => "e1000",
                NicModel.E1000e => "e1000e",
                NicModel.Vmxnet3 => "vmxnet3",
                NicModel.Pcnet => "pcnet",
                _ => "virtio-net-pci",
            };
            yield return string.Create(CultureInfo.InvariantCulture, $"-netdev user,id=net{i} -device {model},netdev=net{i},mac={target.MacOf(i)}");
        }

        yield return "-device qemu-xhci -device usb-tablet";
        if (target.Converted) yield return "-device virtio-rng-pci";
    }

    private static IEnumerable<string> Disks(TargetMachine target)
    {
        var index = 0;
        foreach (var (disk, (controller, device)) in target.Disks.Zip(DiskDevices.Of(target.Disks)))
        {
            // A URI of an export has each comma as %2C.
            if (controller is not null) yield return $"-device {controller}";
            yield return $"-drive if=none,id={disk.Key},format={(disk.Format == ImageFormat.Qcow2 ? "qcow2" : "raw")},discard=unmap,file={Quote(disk.Export?.ToString() ?? disk.FileName)}";
            yield return string.Create(CultureInfo.InvariantCulture, $"-device {device},drive={disk.Key},serial={disk.Key},bootindex={++index}");
        }
    }
}
