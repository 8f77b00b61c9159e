using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Guests.Boot;

/// <summary>The command line of the QEMU in which a machine is tried; qemu(1).</summary>
internal static class BootCommand
{
    /// <summary>Names of the sockets and files below its scratch directory.</summary>
    public const string QmpSocket = "qmp", SerialSocket = "serial", AgentSocket = "agent", VariablesFile = "vars.fd", SerialPortFile = "sercon", ScreenFile = "screen.ppm";

    /// <summary>Builds the arguments.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="kvm">Whether it runs under KVM.</param>
    /// <param name="cpus">CPUs that it gets.</param>
    /// <param name="memoryMebibytes">Memory that it gets, in MiB.</param>
    /// <param name="scratch">The directory of the sockets.</param>
    /// <param name="overlayOf">The overlay of a disk, by its key.</param>
    public static IReadOnlyList<string> Arguments(BootMachine machine, bool kvm, int cpus, long memoryMebibytes, string scratch, Func<string, string> overlayOf)
    {
        var firmware = machine.Firmware;
        var chipset = machine.OldChipset ? "pc" : "q35";
        if (machine.SecureBoot) chipset += ",smm=on";
        if (firmware is not null) chipset += ",pflash0=code,pflash1=variables";
        List<string> arguments =
        [
            "-name", "sealift-boot-check", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "std",
            // Should the guest break out of QEMU's devices, the kernel still refuses it new programs and other users.
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-machine", chipset, "-accel", kvm ? "kvm" : "tcg", "-cpu", kvm ? "host" : "max",
            "-smp", string.Create(CultureInfo.InvariantCulture, $"cpus={cpus},sockets={cpus}"), "-m", string.Create(CultureInfo.InvariantCulture, $"{memoryMebibytes}M"),
            "-rtc", machine.LocalTime ? "base=localtime" : "base=utc",
            // Started by us once everything is heard; stopped where the guest gives up, so that its last screen can be looked at.
            "-S", "-action", "panic=pause,shutdown=pause,reboot=reset",
            "-chardev", Channel("qmp", Path.Combine(scratch, QmpSocket)), "-mon", "chardev=qmp,mode=control",
            "-chardev", Channel("serial", Path.Combine(scratch, SerialSocket)), "-serial", "chardev:serial",
            "-device", "pvpanic",
            "-device", "qemu-xhci", "-device", "usb-tablet",
        ];
        if (firmware is null)
        {
            // SeaBIOS then copies what it and a boot loader write to the screen to the serial console.
            arguments.AddRange("-fw_cfg", $"name=etc/sercon-port,file={Escaped(Path.Combine(scratch, SerialPortFile))}");
        }
        else
        {
            if (machine.SecureBoot) arguments.AddRange("-global", "driver=cfi.pflash01,property=secure,value=on");
            arguments.AddRange("-blockdev", Raw("code", firmware.CodePath, readOnly: true));
            arguments.AddRange("-blockdev", Raw("variables", Path.Combine(scratch, VariablesFile), readOnly: false));
        }

        if (machine.HasVirtio)
        {
            arguments.AddRange("-device", "virtio-rng-pci", "-device", "virtio-serial-pci");
            arguments.AddRange("-chardev", Channel("agent", Path.Combine(scratch, AgentSocket)), "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0,id=agent");
        }

        for (var i = 0; i < machine.Disks.Count; i++)
        {
            var disk = machine.Disks[i];
            arguments.AddRange("-blockdev", Overlay(disk, overlayOf(disk.Key)));
            if (disk.Controller is not null) arguments.AddRange("-device", disk.Controller);
            arguments.AddRange("-device", string.Create(CultureInfo.InvariantCulture, $"{disk.Device},drive=drive-{disk.Key},serial={disk.Key},bootindex={i + 1}"));
        }

        return arguments;
    }

    /// <summary>QEMU connects to us, who listen already: so nothing is lost, and nothing is waited for by looking.</summary>
    private static string Channel(string id, string path) => $"socket,id={id},path={Escaped(path)}";

    // QEMU ends the value of an option at a comma unless it is doubled.
    private static string Escaped(string path) => path.Replace(",", ",,", StringComparison.Ordinal);

    private static string Raw(string node, string path, bool readOnly) => Json(json =>
    {
        json.WriteString("node-name", node);
        json.WriteString("driver", "raw");
        json.WriteBoolean("read-only", readOnly);
        WriteFile(json, path, readOnly);
    });

    /// <summary>The throwaway overlay over a disk that cannot be written to: its file is opened for reading only.</summary>
    private static string Overlay(BootDisk disk, string overlay) => Json(json =>
    {
        json.WriteString("node-name", $"drive-{disk.Key}");
        json.WriteString("driver", "qcow2");
        json.WriteString("discard", "unmap");
        WriteFile(json, overlay, readOnly: false);
        json.WriteStartObject("backing");
        json.WriteString("driver", disk.Format == ImageFormat.Qcow2 ? "qcow2" : "raw");
        json.WriteBoolean("read-only", true);
        if (disk.NbdSocket is { } socket) WriteExport(json, socket);
        else WriteFile(json, disk.Path, readOnly: true);
        if (disk.Format == ImageFormat.Qcow2) json.WriteNull("backing");
        json.WriteEndObject();
    });

    private static void WriteFile(Utf8JsonWriter json, string path, bool readOnly)
    {
        json.WriteStartObject("file");
        json.WriteString("driver", FileFacts.OfPathIfExists(path) is not null && FileFacts.OfPath(path).Kind == FileKind.BlockDevice ? "host_device" : "file"); // file takes no device
        json.WriteString("filename", Path.GetFullPath(path));
        json.WriteBoolean("read-only", readOnly);
        json.WriteString("locking", "auto");
        if (!readOnly)
        {
            // Nobody reads it after this: a flush of the guest need not wait for storage.
            json.WriteStartObject("cache");
            json.WriteBoolean("no-flush", true);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteExport(Utf8JsonWriter json, string socket)
    {
        json.WriteStartObject("file");
        json.WriteString("driver", "nbd");
        json.WriteBoolean("read-only", true);
        json.WriteStartObject("server");
        json.WriteString("type", "unix");
        json.WriteString("path", Path.GetFullPath(socket));
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string Json(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void AddRange(this List<string> arguments, params ReadOnlySpan<string> more)
    {
        foreach (var one in more) arguments.Add(one);
    }
}
