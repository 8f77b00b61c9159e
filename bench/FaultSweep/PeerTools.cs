namespace Sealift.Bench.Faults;

/// <summary>The programs that Debian ships for copying a disk, with the flags that a careful person would give them.</summary>
public static class PeerTools
{
    private const TargetKinds FileOrDevice = TargetKinds.File | TargetKinds.Device;
    private const string Compare = " && qemu-img compare -f raw -F raw";

    /// <summary>All of them. nbdcopy without --flush, qemu-img in its default mode (unsafe) and cp do not claim to have flushed anything.</summary>
    public static IReadOnlyList<CopyTool> All { get; } =
    [
        new("nbdcopy SOURCE TARGET") { Flushes = false },
        new("nbdcopy --flush SOURCE TARGET"),
        new("nbdcopy --synchronous --flush SOURCE TARGET"),
        new("nbdcopy --no-extents --flush SOURCE TARGET"),
        new("qemu-img convert [-n] -f raw -O raw SOURCE TARGET") { Flushes = false },
        new("qemu-img convert [-n] -f raw -O raw -t writeback SOURCE TARGET"),
        new("qemu-img convert [-n] -f raw -O raw -t writethrough SOURCE TARGET"),
        new("qemu-img convert [-n] -f raw -O raw -t directsync -T none SOURCE TARGET"),
        new("qemu-img convert [-n] -f raw -O raw -t none -T none SOURCE TARGET"),
        new("qemu-img convert -n -f raw -O raw -t none -T none SOURCE TARGET") { OverOldBytes = true },
        new("qemu-img convert [-n] -f raw -O raw SOURCE TARGET" + Compare + " SOURCE TARGET") { Flushes = false },
        new("qemu-img convert [-n] -f raw -O raw -t none -T none SOURCE TARGET" + Compare + " -T none SOURCE TARGET"),
        new("cp --sparse=auto SOURCE TARGET") { Flushes = false, Targets = FileOrDevice },
        new("cp --sparse=auto SOURCE TARGET && sync TARGET") { Targets = FileOrDevice },
        new("cp --sparse=auto SOURCE TARGET && sync -d TARGET") { Targets = FileOrDevice },
        new("dd bs=64K conv=fsync if=SOURCE of=TARGET") { Targets = FileOrDevice },
        new("dd bs=64K conv=fdatasync,sparse if=SOURCE of=TARGET") { Targets = FileOrDevice },
        new("dd bs=64K oflag=direct if=SOURCE of=TARGET") { Targets = FileOrDevice },
        new("rsync -S --fsync SOURCE TARGET") { Targets = TargetKinds.File },
    ];

    /// <summary>Sealift among them, where only the copy is compared.</summary>
    /// <param name="sealift">Path of the command.</param>
    public static CopyTool Sealift(string sealift) => new("sealift copy [--overwrite] --state STATE SOURCE TARGET") { Program = sealift };
}
