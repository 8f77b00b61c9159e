using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// A domain of libvirt's. A point in time is a backup job in pull mode, and a checkpoint that begins with it records what changes after
/// it, in a bitmap that libvirt keeps in the qcow2 image. To read the disks of a domain that has shut down, it is started without being
/// let go: its QEMU is there, its bitmaps are, and its guest executes nothing.
/// https://libvirt.org/kbase/live_full_disk_backup.html, formatbackup.html, formatcheckpoint.html.
/// </summary>
public sealed class LibvirtMachine : IRunningMachine
{
    // Each look is a process, over SSH a connection.
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan EndDeadline = TimeSpan.FromMinutes(2);

    private readonly LibvirtName name;
    private readonly SharedSsh? ssh;
    private readonly Virsh virsh;
    private readonly HostCommands host;

    private LibvirtMachine(LibvirtName name, SharedSsh? ssh) => (this.name, this.ssh, virsh, host) = (name, ssh, new Virsh(name, ssh?.Host), new HostCommands(ssh?.Host));

    /// <inheritdoc/>
    public string Name => name.Source;

    /// <summary>Connects.</summary>
    /// <exception cref="SealiftException">SL6412: libvirt cannot be reached, or has no such domain; SL6418: its host cannot.</exception>
    internal static async Task<LibvirtMachine> ConnectAsync(LibvirtName name, CancellationToken cancel)
    {
        var machine = new LibvirtMachine(name, name.Host is null ? null : await SharedSsh.OpenAsync(name.Host, cancel));
        try
        {
            _ = await machine.StateAsync(cancel); // only whether there is one
            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>The same, or null where there is no such domain.</summary>
    internal static async Task<LibvirtMachine?> ConnectIfThereAsync(LibvirtName name, CancellationToken cancel)
    {
        try
        {
            return await ConnectAsync(name, cancel);
        }
        catch (LibvirtException e) when (e.IsNoDomain)
        {
            return null; // that is the question
        }
    }

    /// <inheritdoc/>
    public async Task<SourceMachine> DescribeAsync(MachineOverrides given, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(given);
        var domain = await DomainAsync(cancel);
        if (domain.Obstacle is { } obstacle) throw ProviderErrors.NothingRuns(Name, obstacle);
        var (state, _) = await StateAsync(cancel);
        if (state == "shut off") throw ProviderErrors.DomainIsOff(Name, domain.Disks.Select(d => d.File));
        var facts = await FactsAsync(cancel);
        // One that libvirt forgets when it shuts down could not be read after it.
        if (facts.GetValueOrDefault("Persistent") != "yes") throw ProviderErrors.NothingRuns(Name, "libvirt forgets it when it shuts down: it is transient");
        var sizes = await SizesAsync(domain, cancel);
        var notes = new List<string>();
        if (facts.GetValueOrDefault("Autostart") == "enable") notes.Add("libvirt starts the source again when its host boots: after the cutover, `virsh autostart --disable` prevents that.");
        notes.AddRange(domain.Disks.Where(d => d.Untracked is not null).Select(d => $"{d.Target}: {d.Untracked}: each pass reads all of it and compares by hash."));
        if (!domain.HasAgent) notes.Add("No guest agent has connected: points in time are what a power cut would leave, and file systems with a journal are made for that.");
        return new SourceMachine(domain.Machine(d => sizes[d.Target]).With(given), "libvirt", [], notes, []) { RunningName = Name };
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<RunningDisk>> DisksAsync(CancellationToken cancel)
    {
        var domain = await DomainAsync(cancel);
        var sizes = await SizesAsync(domain, cancel);
        var isActive = (await StateAsync(cancel)).State != "shut off";
        var checkpoints = new List<(string Name, XElement Xml)>();
        foreach (var checkpoint in await CheckpointsAsync(RunningSource.Prefix, cancel))
            checkpoints.Add((checkpoint, await virsh.AskXmlAsync("checkpoint-dumpxml", cancel, ["--checkpointname", checkpoint, "--no-domain", .. isActive ? ["--size"] : Array.Empty<string>()])));
        return [.. domain.Disks.Select(d => new RunningDisk(d.Target, d.Target, d.File, sizes[d.Target].LengthBytes, sizes[d.Target].AllocatedBytes, [.. BitmapsOf(d.Target)])
        {
            Untracked = d.Untracked,
            Place = name.Host is null ? RunningDisk.PlaceOf(d.File, d.Format, sizes[d.Target].LengthBytes) : RunningDisk.OfAnotherHost(sizes[d.Target].LengthBytes),
        })];

        IEnumerable<DirtyBitmap> BitmapsOf(string target)
        {
            foreach (var (checkpoint, xml) in checkpoints)
                if (xml.Element("disks")?.Elements("disk").FirstOrDefault(d => d.Attribute("name")?.Value == target && d.Attribute("checkpoint")?.Value == "bitmap") is { } disk)
                    // libvirt tells no size where the bitmap, or one after it, is missing or was not closed properly.
                    yield return new DirtyBitmap(
                        checkpoint,
                        long.TryParse(disk.Attribute("size")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var dirty) ? dirty : 0,
                        IsRecording: true,
                        IsInconsistent: isActive && disk.Attribute("size") is null);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> IsStoppedAsync(CancellationToken cancel) => (await StateAsync(cancel)).State is "shut off" or "paused";

    /// <inheritdoc/>
    public string ScratchDirectory(string? planned, string own) => planned ?? "/var/tmp"; // QEMU has a user of its own, who can enter it

    /// <inheritdoc/>
    public ValueTask<long> FreeBytesAsync(string directory, CancellationToken cancel) => host.FreeBytesAsync(directory, cancel);

    /// <inheritdoc/>
    public async Task<PointInTime> FreezeAsync(string owner, string? bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        var domain = await DomainAsync(cancel);
        return await BeginAsync(domain, domain.HasAgent, owner, bitmap, disks, scratchDirectory, socketDirectory, cancel);
    }

    /// <inheritdoc/>
    public async Task<PointInTime> ShowStoppedAsync(string owner, string bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        if ((await StateAsync(cancel)).State == "shut off") await StartStoppedAsync(cancel);
        // There already where an earlier run came this far.
        var isNew = !(await CheckpointsAsync(bitmap, cancel)).Contains(bitmap);
        return await BeginAsync(await DomainAsync(cancel), withAgent: false, owner, isNew ? bitmap : null, disks, scratchDirectory, socketDirectory, cancel);
    }

    /// <inheritdoc/>
    public async Task ForgetAsync(IReadOnlyCollection<string> names, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(names);
        RunningSource.DemandOurs(names);
        foreach (var checkpoint in (await CheckpointsAsync(RunningSource.Prefix, cancel)).Where(names.Contains)) await DeleteCheckpointAsync(checkpoint, cancel);
    }

    /// <inheritdoc/>
    public async Task<bool> ShutDownAsync(TimeSpan deadline, bool force, CancellationToken cancel)
    {
        var (state, reason) = await StateAsync(cancel);
        // An earlier run came this far. By what the domain was off then nobody knows any more: where the plan allowed force, the worse is said.
        if (state == "paused" && await IsUntouchedAsync(cancel)) return force;
        var forced = false;
        if (state != "shut off")
        {
            // libvirt takes the agent where there is one, and the power button where there is none.
            _ = await virsh.AskAsync("shutdown", cancel); // it says that it was asked
            var watch = Stopwatch.StartNew();
            while ((await StateAsync(cancel)).State != "shut off" && watch.Elapsed < deadline) await Task.Delay(PollInterval, cancel);
            if ((await StateAsync(cancel)).State != "shut off")
            {
                if (!force) throw ProviderErrors.NotShutDown(Name, deadline);
                _ = await virsh.AskAsync("destroy", cancel, "--graceful"); // it says that it did
                forced = true;
            }

            (state, reason) = await StateAsync(cancel);
            if (state != "shut off") throw ProviderErrors.NotStopped(Name, state);
        }

        if (!forced && reason != "shutdown")
        {
            if (!force) throw ProviderErrors.NotCleanlyOff(Name, reason);
            forced = true;
        }

        await StartStoppedAsync(cancel);
        return forced;
    }

    /// <inheritdoc/>
    public async Task<string?> StirredAsync(string bitmap, DateTimeOffset since, CancellationToken cancel)
    {
        var (state, reason) = await StateAsync(cancel);
        if (state == "shut off")
        {
            // Somebody switched off what we had left stopped. The bitmaps, which are in the images, tell whether it ran meanwhile.
            if ((await DisksAsync(cancel)).FirstOrDefault(d => d.Untracked is not null) is { } untracked) return $"it is off ({reason}), and nobody can tell whether it was started meanwhile: {untracked.Identity}: {untracked.Untracked}";
            await StartStoppedAsync(cancel);
        }
        else if (state != "paused")
        {
            return $"it is {state}";
        }

        if (!await IsUntouchedAsync(cancel)) return "its guest has run";
        foreach (var disk in (await DisksAsync(cancel)).Where(d => d.Untracked is null))
        {
            if (disk.Bitmaps.FirstOrDefault(b => b.Name == bitmap) is not { } guard) return $"the checkpoint of {disk.Identity} is gone";
            if (guard.IsInconsistent) return $"the bitmap on {disk.Identity} is missing or broken: its QEMU was killed";
            if (guard.DirtyBytes > 0) return $"{guard.DirtyBytes} bytes of {disk.Identity} were written to";
        }

        return null;
    }

    /// <inheritdoc/>
    public async Task StartAgainAsync(CancellationToken cancel)
    {
        // From its firmware: what was started and not let go has executed nothing yet.
        _ = await virsh.AskAsync((await StateAsync(cancel)).State == "shut off" ? "start" : "resume", cancel); // it says that it did
        if ((await StateAsync(cancel)).State is not ("running" or "idle") and var state) throw ProviderErrors.NotStopped(Name, state);
    }

    /// <inheritdoc/>
    public async Task QuitAsync(CancellationToken cancel)
    {
        var (state, _) = await StateAsync(cancel);
        if (state == "shut off") return;
        if (state != "paused" || !await IsUntouchedAsync(cancel)) throw ProviderErrors.NotStopped(Name, state);
        _ = await virsh.AskAsync("destroy", cancel, "--graceful"); // it says that it did
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> LeftoversAsync(string prefix, CancellationToken cancel) =>
        [.. (await ExportsAsync(cancel)).Where(e => e.StartsWith(prefix, StringComparison.Ordinal)).Select(e => $"backup {e}"), .. (await CheckpointsAsync(prefix, cancel)).Select(c => $"checkpoint {c}")];

    /// <inheritdoc/>
    public async Task RemoveAsync(string prefix, bool keepBitmaps, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        RunningSource.DemandOurs(prefix);
        if ((await ExportsAsync(cancel)).Any(e => e.StartsWith(prefix, StringComparison.Ordinal)))
        {
            // Begun by a run that was killed, perhaps between freeze and thaw.
            await virsh.ThawAsync();
            var places = await PlacesAsync(cancel);
            await EndBackupAsync(cancel);
            foreach (var place in places.GroupBy(p => Path.GetDirectoryName(p)!)) await host.RemoveDirectoryAsync(place.Key, place.Select(p => Path.GetFileName(p)), cancel);
        }

        if (keepBitmaps) return;
        var checkpoints = await CheckpointsAsync(prefix, cancel);
        if (checkpoints.Count == 0) return;
        // libvirt removes a bitmap only where the domain's QEMU is there.
        var wasOff = (await StateAsync(cancel)).State == "shut off";
        if (wasOff) await StartStoppedAsync(cancel);
        foreach (var checkpoint in checkpoints) await DeleteCheckpointAsync(checkpoint, cancel);
        if (wasOff) await QuitAsync(cancel);
    }

    /// <inheritdoc/>
    public async Task RemoveScratchAsync(string directory, string owner, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(owner);
        RunningSource.DemandOurs(owner);
        var place = DirectoryOf(directory, owner);
        if (await host.ExistsAsync(place, cancel)) await host.RemoveDirectoryAsync(place, LibvirtPoint.FileNamesOf(LibvirtPoint.MostDisks), cancel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        if (ssh is not null) await ssh.DisposeAsync();
    }

    /// <summary>Ends the backup job of a point in time, and takes its files back.</summary>
    internal async Task ReleaseAsync(LibvirtPoint point)
    {
        await host.LeaveAsync();
        if ((await ExportsAsync(CancellationToken.None)).Any(e => point.Parts.Any(p => p.Name == e))) await EndBackupAsync(CancellationToken.None);
        await host.RemoveDirectoryAsync(point.Directory, point.FileNames, CancellationToken.None);
    }

    private async Task<PointInTime> BeginAsync(
        LibvirtDomain domain, bool withAgent, string owner, string? bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        if (disks.Count > LibvirtPoint.MostDisks) throw ProviderErrors.NothingRuns(Name, $"it has {disks.Count} disks, and {LibvirtPoint.MostDisks} are possible");
        // Nobody else may enter it: not to read what is shown, and not to lay a link where QEMU is to write.
        var directory = DirectoryOf(scratchDirectory, owner);
        var parts = disks.Select((d, i) => new LibvirtPart(
            d, d.Node, string.Create(CultureInfo.InvariantCulture, $"{owner}-d{i + 1}"), Path.Combine(directory, LibvirtPoint.ScratchName(i)), d.Since.Count == 0 ? null : d.Since[0])).ToList();
        var point = new LibvirtPoint(this, directory, parts);
        try
        {
            await host.MakeDirectoryAsync(directory, domain.Owner, cancel);
            var (backup, checkpoint) = (Path.Combine(socketDirectory, "backup.xml"), Path.Combine(socketDirectory, "checkpoint.xml"));
            PosixPath.WriteFileDurably(backup, Encoding.UTF8.GetBytes(LibvirtXml.Backup(point.SocketPath, domain.AllTargets, parts)), replace: true);
            var tracked = domain.Disks.Where(d => d.Untracked is null).Select(d => d.Target).ToList();
            if (bitmap is null || tracked.Count == 0) checkpoint = null;
            else PosixPath.WriteFileDurably(checkpoint, Encoding.UTF8.GetBytes(LibvirtXml.Checkpoint(bitmap, domain.AllTargets, tracked)), replace: true);
            if (withAgent)
            {
                point.Said = PointInTime.ByAgent(await virsh.BeginFrozenAsync(backup, checkpoint, cancel));
            }
            else
            {
                _ = await virsh.AskAsync("backup-begin", cancel, ["--backupxml", backup, .. checkpoint is null ? [] : new[] { "--checkpointxml", checkpoint }]); // it says that it began
                if (await IsStoppedAsync(cancel)) point.Said = "the machine is off";
            }

            point.ReachableSocket = await host.ReachAsync(point.SocketPath, socketDirectory, cancel);
            return point;
        }
        catch
        {
            await point.DisposeAsync();
            throw;
        }
    }

    // Of this domain only: machines that are looked at have one owner, and one host may have several.
    private string DirectoryOf(string scratchDirectory, string owner) => Path.Combine(scratchDirectory, $"{owner}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name.Domain)))[..8]}");

    private async Task EndBackupAsync(CancellationToken cancel)
    {
        _ = await virsh.AskAsync("domjobabort", cancel); // it ends by and by
        for (var watch = Stopwatch.StartNew(); (await ExportsAsync(cancel)).Count > 0; await Task.Delay(PollInterval, cancel))
            if (watch.Elapsed > EndDeadline) throw ProviderErrors.StillThere(Name, "backup job", "of the domain", EndDeadline);
    }

    private async Task DeleteCheckpointAsync(string checkpoint, CancellationToken cancel)
    {
        try
        {
            _ = await virsh.AskAsync("checkpoint-delete", cancel, "--checkpointname", checkpoint); // it says that it did
        }
        catch (LibvirtException e) when (e.Said.Contains("not found in backing chain", StringComparison.Ordinal))
        {
            // Its bitmap went with a QEMU that was killed: what is left is libvirt's memory of it.
            _ = await virsh.AskAsync("checkpoint-delete", cancel, "--checkpointname", checkpoint, "--metadata"); // it says that it did
        }
    }

    /// <summary>The exports of the backup job, or none where there is no job.</summary>
    private async Task<IReadOnlyList<string>> ExportsAsync(CancellationToken cancel) =>
        await BackupAsync(cancel) is { } backup ? [.. backup.Descendants("disk").Select(d => d.Attribute("exportname")?.Value).OfType<string>()] : [];

    /// <summary>The files of the backup job.</summary>
    private async Task<IReadOnlyList<string>> PlacesAsync(CancellationToken cancel) =>
        await BackupAsync(cancel) is { } backup
            ? [.. backup.Descendants("scratch").Select(s => s.Attribute("file")?.Value).Append(backup.Element("server")?.Attribute("socket")?.Value).OfType<string>()]
            : [];

    private async Task<XElement?> BackupAsync(CancellationToken cancel)
    {
        try
        {
            return await virsh.AskXmlAsync("backup-dumpxml", cancel);
        }
        catch (LibvirtException e) when (e.IsNoBackup)
        {
            return null; // that is the question
        }
    }

    private async Task<IReadOnlyList<string>> CheckpointsAsync(string prefix, CancellationToken cancel) =>
        [.. (await virsh.AskAsync("checkpoint-list", cancel, "--name", "--topological")).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(c => c.StartsWith(prefix, StringComparison.Ordinal))];

    private async Task<(string State, string Reason)> StateAsync(CancellationToken cancel)
    {
        var said = (await virsh.AskAsync("domstate", cancel, "--reason")).Trim();
        return said.IndexOf(" (", StringComparison.Ordinal) is > 0 and var at && said.EndsWith(')') ? (said[..at], said[(at + 2)..^1]) : (said, string.Empty);
    }

    private async Task<LibvirtDomain> DomainAsync(CancellationToken cancel) => new(await virsh.AskXmlAsync("dumpxml", cancel), Name);

    /// <summary>Starts the domain without letting its guest go.</summary>
    private async Task StartStoppedAsync(CancellationToken cancel)
    {
        _ = await virsh.AskAsync("start", cancel, "--paused"); // it says that it did
        if ((await StateAsync(cancel)).State is not "paused" and var state) throw ProviderErrors.NotStopped(Name, state);
    }

    /// <summary>Whether the guest has executed nothing since its QEMU was started: it has neither read nor written anything.</summary>
    private async Task<bool> IsUntouchedAsync(CancellationToken cancel)
    {
        // block.0.rd.reqs=0
        var counts = (await virsh.AskAsync("domstats", cancel, "--block")).Split('\n', StringSplitOptions.TrimEntries).Where(l => l.Contains(".rd.reqs=", StringComparison.Ordinal) || l.Contains(".wr.reqs=", StringComparison.Ordinal)).ToList();
        if (counts.Count == 0) throw ProviderErrors.BadLibvirtAnswer(Name, "domstats --block");
        return counts.TrueForAll(l => l.EndsWith("=0", StringComparison.Ordinal));
    }

    private async Task<IReadOnlyDictionary<string, (long LengthBytes, long AllocatedBytes)>> SizesAsync(LibvirtDomain domain, CancellationToken cancel)
    {
        var sizes = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        foreach (var disk in domain.Disks)
        {
            var said = Fields(await virsh.AskAsync("domblkinfo", cancel, "--device", disk.Target));
            sizes.Add(disk.Target, (Number("Capacity"), Number("Allocation")));

            long Number(string field) => long.TryParse(said.GetValueOrDefault(field), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw ProviderErrors.BadLibvirtAnswer(Name, $"domblkinfo {disk.Target}: {field}");
        }

        return sizes;
    }

    private async Task<IReadOnlyDictionary<string, string>> FactsAsync(CancellationToken cancel) => Fields(await virsh.AskAsync("dominfo", cancel));

    /// <summary>What virsh prints as <c>Field: value</c>.</summary>
    private static Dictionary<string, string> Fields(string text)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n'))
            if (line.Split(':', 2, StringSplitOptions.TrimEntries) is [var field, var value]) fields[field] = value;
        return fields;
    }
}

/// <summary>A backup job that shows the disks of a domain.</summary>
internal sealed class LibvirtPoint(LibvirtMachine machine, string directory, IReadOnlyList<LibvirtPart> parts) : ExportedPoint
{
    private const string SocketName = "nbd";

    /// <summary>More disks than a domain can have anywhere.</summary>
    public const int MostDisks = 256;

    /// <summary>The directory for its files, on the machine's host, and what is made in it.</summary>
    public string Directory => directory;

    public IEnumerable<string> FileNames => FileNamesOf(parts.Count);

    public IReadOnlyList<LibvirtPart> Parts => parts;

    /// <summary>Its socket on the machine's host.</summary>
    public string SocketPath => Path.Combine(directory, SocketName);

    /// <summary>The socket of this host that leads there.</summary>
    public string ReachableSocket { get; set; } = string.Empty;

    public string Said { get; set; } = "as after a power cut: no guest agent has connected";

    public override string Consistency => Said;

    protected override NbdUri UriOf(string key) => NbdUri.Unix(ReachableSocket, Part(key).Name);

    // QEMU's name for what libvirt merged of all bitmaps since the checkpoint.
    protected override IReadOnlyList<string> BitmapsOf(string key) => Part(key) is { Since: not null } part ? [$"backup-{part.Target}"] : [];

    /// <summary>What is made in such a directory for so many disks.</summary>
    public static IEnumerable<string> FileNamesOf(int disks) => Enumerable.Range(0, disks).Select(ScratchName).Append(SocketName);

    /// <summary>The scratch image of a disk.</summary>
    public static string ScratchName(int disk) => string.Create(CultureInfo.InvariantCulture, $"d{disk + 1}.scratch");

    protected override async ValueTask ReleaseAsync() => await machine.ReleaseAsync(this);

    private LibvirtPart Part(string key) => parts.Single(p => p.Disk.Key == key);
}
