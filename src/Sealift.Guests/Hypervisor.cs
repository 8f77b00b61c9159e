using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>What this host can run virtual machines with.</summary>
public static class Hypervisor
{
    // Bit 0 of QEMU's exit status is always set by isa-debug-exit: (0x15 << 1) | 1.
    private const int WrittenValue = 0x15, ExitCode = (WrittenValue << 1) | 1;

    // mov al,0x15; out 0xf4,al; hlt
    private static readonly byte[] Leave = [0xB0, WrittenValue, 0xE6, 0xF4, 0xF4];

    private static readonly Lazy<Task<bool>> KvmUsable = new(() => RunsGuestCodeAsync("kvm", Leave, TimeSpan.FromSeconds(8), CancellationToken.None));

    /// <summary>
    /// Whether KVM really runs a guest here. /dev/kvm may exist, open and answer, and still hang (nested virtualisation), so this is
    /// found out once per process by booting three instructions under it with a deadline of 8 seconds, with the processor that libguestfs asks for.
    /// </summary>
    /// <param name="cancel">Cancels the wait, not the test.</param>
    /// <exception cref="SealiftException">QEMU is not installed (SL1101), or the test's file could not be written.</exception>
    public static Task<bool> KvmUsableAsync(CancellationToken cancel) => KvmUsable.Value.WaitAsync(cancel);

    /// <summary>The environment in which libguestfs and virt-v2v run here: QEMU directly, without KVM where it is not usable.</summary>
    /// <param name="cancel">Cancels the wait for <see cref="KvmUsableAsync"/>.</param>
    public static async Task<IReadOnlyDictionary<string, string?>> ApplianceEnvironmentAsync(CancellationToken cancel) => new Dictionary<string, string?>
    {
        ["LIBGUESTFS_BACKEND"] = "direct",
        ["LIBGUESTFS_BACKEND_SETTINGS"] = await KvmUsableAsync(cancel) ? null : "force_tcg",
        // What a user exported for debugging would mix into the output that is parsed here.
        ["LIBGUESTFS_TRACE"] = null,
        ["LIBGUESTFS_DEBUG"] = null,
        ["GUESTFISH_INIT"] = null,
        ["GUESTFISH_PID"] = null,
    };

    /// <summary>Boots, by way of the BIOS, a boot sector that is to leave with an exit code of our choice.</summary>
    internal static Task<bool> RunsGuestCodeAsync(string accelerator, TimeSpan deadline, CancellationToken cancel) => RunsGuestCodeAsync(accelerator, Leave, deadline, cancel);

    /// <summary>The same with other code in the boot sector.</summary>
    internal static async Task<bool> RunsGuestCodeAsync(string accelerator, byte[] code, TimeSpan deadline, CancellationToken cancel)
    {
        var bootSector = new byte[512];
        code.CopyTo(bootSector, 0);
        (bootSector[510], bootSector[511]) = (0x55, 0xAA);
        var path = Path.Combine(Path.GetTempPath(), $"sealift-{accelerator}.{Guid.NewGuid():N}.bin");
        try
        {
            using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew, 0x180 /* 0600 */)) file.WriteAt(bootSector, 0);
            var result = await ChildProcess.RunAsync(
                new ChildCommand("qemu-system-x86_64", "-accel", accelerator, "-cpu", "max", "-machine", "pc", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                    "-drive", $"file={path.Replace(",", ",,", StringComparison.Ordinal)},format=raw,if=ide,readonly=off", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04")
                {
                    Deadline = deadline,
                    AcceptedExitCodes = [.. Enumerable.Range(0, 129)],
                },
                cancel);
            return result.ExitCode == ExitCode;
        }
        catch (ChildException e) when (e.Code is "SL1103" or "SL1104")
        {
            return false; // it hung or crashed instead of running three instructions: not usable, which is the answer
        }
        finally
        {
            _ = PosixPath.RemoveFile(path); // false: it could not be made, and the error for that is on its way
        }
    }
}
