using System.Globalization;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// A storage pool of another host's libvirt. Its volumes are made by libvirt, so that they are what libvirt makes of them there; they are
/// named and removed by coreutils, which tell what they do to which file; and they are written and read by a qemu-nbd of that host.
/// </summary>
public sealed class FarPool : IAsyncDisposable
{
    private FarPool(LibvirtHost host, StoragePool pool) => (Host, Pool) = (host, pool);

    /// <summary>The host, which serves volumes.</summary>
    public LibvirtHost Host { get; }

    /// <summary>What libvirt says of it. Its directory is one of that host.</summary>
    public StoragePool Pool { get; }

    /// <summary>What its host is called.</summary>
    public string HostName => LibvirtHost.HostNameOf(Host.Uri);

    private HostCommands Commands => Host.Commands;

    /// <summary>Logs in to the host and finds the pool.</summary>
    /// <param name="uri">libvirt there, as <see cref="LibvirtHost.Parse"/> gives it.</param>
    /// <param name="pool">The pool's name or UUID.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL6418: no login. As <see cref="LibvirtHost.PoolAsync"/>.</exception>
    public static async Task<FarPool> OpenAsync(string uri, string pool, CancellationToken cancel)
    {
        var host = await LibvirtHost.ConnectAsync(uri, cancel);
        try
        {
            return new FarPool(host, await host.PoolAsync(pool, cancel));
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>What keeps disks from being made here, as far as that can be known before.</summary>
    /// <param name="names">The files that are to be in the pool.</param>
    /// <param name="neededBytes">What they need at most.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>That, and how many bytes are free; null where it cannot be asked.</returns>
    public async Task<(IReadOnlyList<SealiftException> Problems, long? FreeBytes)> LookAsync(IReadOnlyList<string> names, long neededBytes, CancellationToken cancel)
    {
        const string Script = """for tool in "$@"; do command -v "$tool" >/dev/null || printf '%s\n' "$tool"; done""";
        string[] tools = ["qemu-nbd", "stat", "ln", "rm", "sync", "mkdir", "rmdir", "realpath", "readlink", "sed", "tr", "cat", "grep", "id", "test", "uname"];
        var problems = new List<SealiftException>();
        var missing = (await Commands.RunAsync(["sh", "-c", Script, "sh", .. tools], cancel)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (missing.Length > 0) problems.Add(LibvirtTargetErrors.ToolsMissing(HostName, missing));
        if ((await Commands.RunAsync(["test", "-w", Pool.DirectoryPath], cancel, 0, 1)).ExitCode != 0) problems.Add(LibvirtTargetErrors.NotWritable(HostName, Pool.Name, Pool.DirectoryPath));
        if (missing.Contains("stat")) return (problems, null);
        foreach (var path in names.Select(n => Path.Combine(Pool.DirectoryPath, n)))
            if (await FindAsync(path, cancel) is not null) problems.Add(LibvirtTargetErrors.VolumeExists(HostName, path));
        // Asked for now: libvirt tells what was free when it looked last.
        var free = await Commands.FreeBytesAsync(Pool.DirectoryPath, cancel);
        if (free < neededBytes) problems.Add(LibvirtTargetErrors.PoolTooSmall(Pool.Name, neededBytes, free));
        return (problems, free);
    }

    /// <summary>That a file there is not, or no longer, the one that was made.</summary>
    public SealiftException Replaced(string path) => LibvirtTargetErrors.VolumeReplaced(HostName, path, "it is gone, or no longer the one that Sealift made");

    /// <summary>Demands that nothing in the pool has a name.</summary>
    /// <exception cref="SealiftException">SL6607.</exception>
    public async Task DemandNothingAsync(string name, CancellationToken cancel)
    {
        var path = Path.Combine(Pool.DirectoryPath, name);
        if (await FindAsync(path, cancel) is not null) throw LibvirtTargetErrors.VolumeExists(HostName, path);
    }

    /// <summary>What is at a path of the pool; null where nothing is. Links are not followed: one would be somebody else's, whatever it leads to.</summary>
    /// <exception cref="SealiftException">SL6413: the answer makes no sense. SL6419: the host is lost. SL6617: it cannot be seen whether there is anything.</exception>
    public async Task<FarFile?> FindAsync(string path, CancellationToken cancel)
    {
        const int NotThere = 3, NotSeen = 4;
        // What cannot be looked at is not gone; nor is anything of a directory that is gone itself, as where it was a mount.
        const string Script = """
            said=$(LC_ALL=C stat -c '%d %i %s %.9Y' -- "$1" 2>&1) && { printf '%s\n' "$said"; exit 0; }
            case $said in *": No such file or directory") [ -d "$2" ] && exit 3 ;; esac
            printf '%s\n' "$said" >&2
            exit 4
            """;
        var looked = await Commands.RunAsync(["sh", "-c", Script, "sh", path, Pool.DirectoryPath], cancel, 0, NotThere, NotSeen);
        if (looked.ExitCode == NotThere) return null;
        if (looked.ExitCode == NotSeen) throw LibvirtTargetErrors.CannotLook(HostName, path, looked.ErrorTail.Trim());
        return FarFile.Parse(looked.Output.Trim()) ?? throw ProviderErrors.BadLibvirtAnswer(HostName, $"stat {path}: {ProviderErrors.Clean(looked.Output, 200)}");
    }

    /// <summary>Has libvirt make an empty volume, and makes its name durable.</summary>
    /// <param name="name">The volume.</param>
    /// <param name="format">raw or qcow2.</param>
    /// <param name="lengthBytes">The length of the disk in bytes.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL6607: something of its name is there. SL6412: libvirt refused. SL6613: it has another length than was asked for.</exception>
    public async Task<FarFile> CreateAsync(string name, ImageFormat format, long lengthBytes, CancellationToken cancel)
    {
        var path = Path.Combine(Pool.DirectoryPath, name);
        await DemandNothingAsync(name, cancel);
        // libvirt has qemu-img make it in whole KiB.
        if (format == ImageFormat.Qcow2 && lengthBytes % 1024 != 0) throw LibvirtTargetErrors.VolumeLength(HostName, path, (lengthBytes / 1024 * 1024) + 1024, lengthBytes);
        try
        {
            await Host.CreateVolumeAsync(Pool.Uuid, name, format, lengthBytes, cancel);
        }
        catch (LibvirtException)
        {
            // What was removed without libvirt it still lists, until it looks again. Where it made something, it is another matter.
            if (await FindAsync(path, cancel) is not null) throw;
            await Host.RefreshAsync(Pool.Uuid, cancel);
            await Host.CreateVolumeAsync(Pool.Uuid, name, format, lengthBytes, cancel);
        }

        await SyncAsync(cancel);
        var made = await FindAsync(path, cancel) ?? throw Replaced(path);
        if (format == ImageFormat.Raw && made.LengthBytes != lengthBytes) throw LibvirtTargetErrors.VolumeLength(HostName, path, made.LengthBytes, lengthBytes);
        return made;
    }

    /// <summary>Gives a file there another name, durably. Nothing is replaced; what an earlier run did of it is gone on with.</summary>
    /// <param name="from">Its name.</param>
    /// <param name="to">Its new one.</param>
    /// <param name="file">What it is known by.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL6607: something of the new name is there. SL6608: it is another file, or none. SL6618: it cannot be given the name.</exception>
    public async Task RenameAsync(string from, string to, FarFile file, CancellationToken cancel)
    {
        if (await FindAsync(to, cancel) is null)
        {
            if (await FindAsync(from, cancel) is not { } found || !found.IsSameAs(file)) throw Replaced(from);
            // A second name first: unlike a rename, that never replaces anything, on a server's file system either.
            var linked = await Commands.RunAsync(["ln", "-T", "--", from, to], cancel, 0, 1);
            if (linked.ExitCode != 0 && await FindAsync(to, cancel) is null) throw LibvirtTargetErrors.CannotName(HostName, to, linked.ErrorTail.Trim());
        }

        if (await FindAsync(to, cancel) is not { } named || !named.IsSameAs(file)) throw LibvirtTargetErrors.VolumeExists(HostName, to);
        await SyncAsync(cancel);
        _ = await RemoveAsync(from, file, cancel); // false: somebody else's is there by now, and stays
    }

    /// <summary>Removes a file there, where it is the one that is meant; and makes that durable.</summary>
    /// <param name="path">The file.</param>
    /// <param name="file">What it is known by; null where its name alone says whose it is.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>False where another one is there, which stays.</returns>
    public async Task<bool> RemoveAsync(string path, FarFile? file, CancellationToken cancel)
    {
        if (await FindAsync(path, cancel) is not { } found) return true;
        if (file is not null && !found.IsSameAs(file)) return false;
        _ = await Commands.RunAsync(["rm", "-f", "--", path], cancel); // it prints nothing
        await SyncAsync(cancel);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Host.DisposeAsync();

    // fsync(2) of the directory: a name that was made or changed is lost in a power cut otherwise.
    private async Task SyncAsync(CancellationToken cancel) => _ = await Commands.RunAsync(["sync", "--", Pool.DirectoryPath], cancel); // it prints nothing
}

/// <summary>A file of another host, as stat(1) there tells.</summary>
/// <param name="Device">The number of its file system.</param>
/// <param name="Inode">Its number in that.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="ModifiedNanoseconds">When its content was changed last, in nanoseconds since 1970.</param>
public sealed record FarFile(ulong Device, ulong Inode, long LengthBytes, long ModifiedNanoseconds)
{
    /// <summary>Whether it is the same file.</summary>
    public bool IsSameAs(FarFile other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Device == other.Device && Inode == other.Inode;
    }

    /// <summary>Reads <c>DEVICE INODE LENGTH SECONDS.NANOSECONDS</c>; null where it is not that.</summary>
    internal static FarFile? Parse(string said)
    {
        const int FractionDigits = 9;
        if (said.Split(' ') is not [var device, var inode, var length, var modified] || modified.Split('.') is not [var seconds, { Length: FractionDigits } fraction]) return null;
        return ulong.TryParse(device, NumberStyles.None, CultureInfo.InvariantCulture, out var d) && ulong.TryParse(inode, NumberStyles.None, CultureInfo.InvariantCulture, out var i)
            && long.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var l) && long.TryParse(seconds, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var s)
            && s is > -9_000_000_000 and < 9_000_000_000 && long.TryParse(fraction, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? new FarFile(d, i, l, (s * 1_000_000_000) + n)
            : null;
    }
}
