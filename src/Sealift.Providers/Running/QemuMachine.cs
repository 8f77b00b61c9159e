using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Qmp;

namespace Sealift.Providers;

/// <summary>
/// A running QEMU, reached through its QMP socket. Points in time are taken by a backup job that copies aside what the guest is about
/// to overwrite ("image fleecing": sync=none into a scratch image above the disk), changes are tracked by dirty bitmaps, and both begin in
/// one transaction over all disks. Nothing is ever written to a disk; whatever is made in QEMU has a name that begins with
/// <see cref="RunningSource.Prefix"/>. QEMU's docs/interop/bitmaps.rst and live-block-operations.rst.
/// </summary>
public sealed class QemuMachine : IRunningMachine
{
    // What is asked here is done in QEMU's main loop, which may wait for a flush of the guest's.
    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan EndDeadline = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private const string ScratchSuffix = ".scratch";
    private const int BitmapGranularityBytes = 64 << 10;

    private readonly QmpClient qmp;
    private readonly QmpName name;
    private readonly string socketPath;
    private readonly GuestAgent? agent;
    private string? serverSocket;

    private QemuMachine(QmpClient qmp, QmpName name)
    {
        (this.qmp, this.name, socketPath) = (qmp, name, name.SocketPath);
        agent = name.AgentPath is null ? null : new GuestAgent(name.AgentPath, Name);
    }

    /// <inheritdoc/>
    public string Name => $"the QEMU at {socketPath}";

    /// <summary>QEMU's version.</summary>
    public string Version => qmp.Version;

    /// <summary>Connects.</summary>
    /// <param name="socketPath">QEMU's QMP socket. It talks to one client at a time: a second one waits.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="QmpException">SL3101.</exception>
    public static Task<QemuMachine> ConnectAsync(string socketPath, CancellationToken cancel) => ConnectAsync(new QmpName(socketPath, null), cancel);

    /// <summary>Connects to one whose guest may have an agent.</summary>
    internal static async Task<QemuMachine> ConnectAsync(QmpName name, CancellationToken cancel) =>
        new(await QmpClient.ConnectAsync(name.SocketPath, static (_, _) => { }, TimeSpan.FromSeconds(20), cancel), name);

    /// <summary>The same, or null where QEMU has ended. One that is there and cannot be talked to is an error.</summary>
    /// <inheritdoc cref="ConnectAsync(string, CancellationToken)"/>
    public static Task<QemuMachine?> ConnectIfThereAsync(string socketPath, CancellationToken cancel) => ConnectIfThereAsync(new QmpName(socketPath, null), cancel);

    /// <inheritdoc cref="ConnectIfThereAsync(string, CancellationToken)"/>
    internal static async Task<QemuMachine?> ConnectIfThereAsync(QmpName name, CancellationToken cancel)
    {
        try
        {
            return await ConnectAsync(name, cancel);
        }
        catch (QmpException e) when (e.IsNobodyThere)
        {
            return null; // that is the question
        }
    }

    /// <inheritdoc/>
    public string ScratchDirectory(string? planned, string own) => planned ?? own;

    /// <inheritdoc/>
    public ValueTask<long> FreeBytesAsync(string directory, CancellationToken cancel) => ValueTask.FromResult(PosixPath.FreeBytes(directory));

    /// <summary>The machine as far as QEMU tells: name, processors, memory, firmware and disks. What it does not tell is given.</summary>
    public async Task<SourceMachine> DescribeAsync(MachineOverrides given, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(given);
        var own = (await AskAsync("query-name", null, cancel)).TryGetProperty("name", out var called) && called.ValueKind == JsonValueKind.String ? called.GetString()! : string.Empty;
        var cpus = (await AskAsync("query-cpus-fast", null, cancel)).GetArrayLength();
        var memory = Number(await AskAsync("query-memory-size-summary", null, cancel), "base-memory");
        var (disks, uefi) = await LookAsync(cancel);
        if (disks.Count == 0) throw ProviderErrors.NothingRuns(socketPath, "it has no disk that can be written to");
        var buses = new List<DiskBus>();
        foreach (var disk in disks) buses.Add(await BusAsync(disk.Identity, cancel));
        var notes = new List<string>();
        if (given.NetworkInterfaces is null) notes.Add("QEMU does not tell what its network interfaces are connected to: the new machine has none unless --nic names them.");
        if (agent is not null && await agent.WhyAbsentAsync(cancel) is { } absent) notes.Add($"The guest agent at {name.AgentPath} is not there now ({absent}): for as long as it is not, points in time are what a power cut would leave, and file systems with a journal are made for that.");
        var machine = new VirtualMachine
        {
            Name = own.Length > 0 ? own : Path.GetFileNameWithoutExtension(socketPath),
            Cpus = Math.Max(1, cpus),
            MemoryBytes = memory,
            Firmware = uefi ? Firmware.Uefi : Firmware.Bios,
            NetworkInterfaces = [],
            Disks = [.. disks.Select((d, i) => new SourceDisk(
                string.Create(CultureInfo.InvariantCulture, $"disk{i + 1}"),
                d.Identity,
                new ImageReference(new ImageLocation($"{d.File} ({d.Identity} of the QEMU at {socketPath})"), ImageFormat.Raw, string.Empty, d.LengthBytes, Math.Min(d.LengthBytes, d.AllocatedBytes), null, []),
                buses[i],
                string.Empty))],
        };
        return new SourceMachine(machine.With(given), "qemu", [], notes, []) { RunningName = name.ToString() };
    }

    /// <summary>The disks that can be written to, as they are now.</summary>
    public async Task<IReadOnlyList<RunningDisk>> DisksAsync(CancellationToken cancel) => (await LookAsync(cancel)).Disks;

    /// <inheritdoc/>
    public async Task<bool> IsStoppedAsync(CancellationToken cancel) => await StatusAsync(cancel) is "paused" or "shutdown";

    /// <summary>QEMU's run state: <c>running</c>, <c>paused</c>, <c>shutdown</c> …</summary>
    public async Task<string> StatusAsync(CancellationToken cancel) => Text(await AskAsync("query-status", null, cancel), "status");

    /// <summary>
    /// Takes a point in time of all disks at once, shows each over NBD with what changed since earlier ones, and begins to record what
    /// changes from now on.
    /// </summary>
    /// <param name="owner">What the names of everything that is made begin with: <see cref="RunningSource.Prefix"/> and the migration.</param>
    /// <param name="bitmap">The new bitmap on every disk; null to record nothing.</param>
    /// <param name="disks">The disks.</param>
    /// <param name="scratchDirectory">An existing directory, for the scratch images. QEMU must be able to write there.</param>
    /// <param name="socketDirectory">An existing directory with a short path, for the socket. QEMU must be able to make it there.</param>
    /// <param name="cancel">Stops it; nothing of it stays.</param>
    public async Task<PointInTime> FreezeAsync(string owner, string? bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        var point = new QemuPoint(this, isStopped: false, [.. disks.Select((d, i) => new FrozenPart(d, NameOf(owner, i), Path.Combine(scratchDirectory, NameOf(owner, i) + ScratchSuffix)))]);
        try
        {
            await ServeAsync(Path.Combine(socketDirectory, "nbd"), cancel);
            foreach (var part in point.Parts)
            {
                await DiskImage.CreateAsync(part.ScratchPath!, ImageFormat.Qcow2, part.Disk.LengthBytes, cancel);
                _ = await AskAsync("blockdev-add", w => // it returns nothing
                {
                    w.WriteString("driver", "qcow2");
                    w.WriteString("node-name", part.Name);
                    w.WriteString("backing", part.Disk.Node);
                    w.WriteStartObject("file");
                    w.WriteString("driver", "file");
                    w.WriteString("filename", part.ScratchPath);
                    w.WriteEndObject();
                }, cancel);
            }

            // All or nothing, and all at one instant of the guest's.
            var recording = (await DisksAsync(cancel)).ToDictionary(d => d.Node, d => d.Bitmaps.Where(b => b.IsRecording).Select(b => b.Name).ToHashSet(StringComparer.Ordinal));
            Func<Task> begin = () => TransactAsync([.. point.Parts.SelectMany(p => Begin(p.Disk.Node, bitmap, p.Disk.Since.Where(recording[p.Disk.Node].Contains)).Append(w => Action(w, "blockdev-backup", () =>
            {
                w.WriteString("job-id", p.Name);
                w.WriteString("device", p.Disk.Node);
                w.WriteString("target", p.Name);
                w.WriteString("sync", "none");
            })))], cancel);
            if (agent is null) await begin();
            else point.Said = PointInTime.ByAgent(await agent.WhileFrozenAsync(begin, cancel));
            foreach (var part in point.Parts) await ExportAsync(part.Name, part.Name, part.Disk, cancel);
            return point;
        }
        catch
        {
            await point.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Shows the disks of a machine that is off or stopped, as they are. From now on <paramref name="bitmap"/> tells whether anybody
    /// wrote to them.
    /// </summary>
    /// <param name="owner">As in <see cref="FreezeAsync"/>.</param>
    /// <param name="bitmap">The new bitmap on every disk; it may be there from an earlier run.</param>
    /// <param name="disks">The disks.</param>
    /// <param name="scratchDirectory">Not used: what stands still overwrites nothing.</param>
    /// <param name="socketDirectory">As in <see cref="FreezeAsync"/>.</param>
    /// <param name="cancel">Stops it.</param>
    public async Task<PointInTime> ShowStoppedAsync(string owner, string bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(disks);
        var point = new QemuPoint(this, isStopped: true, [.. disks.Select((d, i) => new FrozenPart(d, NameOf(owner, i), null))]);
        try
        {
            await ServeAsync(Path.Combine(socketDirectory, "nbd"), cancel);
            var bitmaps = (await DisksAsync(cancel)).ToDictionary(d => d.Node, d => d.Bitmaps);
            await TransactAsync([.. disks.SelectMany(d => Begin(
                d.Node,
                bitmaps[d.Node].Any(b => b.Name == bitmap) ? null : bitmap, // there already where an earlier run came this far
                d.Since.Where(s => bitmaps[d.Node].Any(b => b.Name == s && b.IsRecording))))], cancel);
            foreach (var part in point.Parts) await ExportAsync(part.Disk.Node, part.Name, part.Disk, cancel);
            return point;
        }
        catch
        {
            await point.DisposeAsync();
            throw;
        }
    }

    /// <summary>Removes bitmaps of ours whose changes have been copied, from every disk that has them.</summary>
    /// <param name="names">Each begins with <see cref="RunningSource.Prefix"/>; one that is gone already is no error.</param>
    /// <param name="cancel">Stops it.</param>
    public async Task ForgetAsync(IReadOnlyCollection<string> names, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(names);
        RunningSource.DemandOurs(names);
        await ForgetAsync(names.Contains, cancel);
    }

    private async Task ForgetAsync(Func<string, bool> isMeant, CancellationToken cancel)
    {
        foreach (var disk in await DisksAsync(cancel))
            foreach (var bitmap in disk.Bitmaps.Where(b => isMeant(b.Name)))
                _ = await AskAsync("block-dirty-bitmap-remove", w => // it returns nothing
                {
                    w.WriteString("node", disk.Node);
                    w.WriteString("name", bitmap.Name);
                }, cancel);
    }

    /// <summary>
    /// Asks the guest to shut down, by its agent where it has one that answers and else by its power button, and waits until QEMU says that it did. QEMU itself stays, paused, so that what was written last
    /// can be read with what its bitmaps know.
    /// </summary>
    /// <param name="deadline">How long the guest may take.</param>
    /// <param name="force">Whether a guest that does not is stopped where it is: like a power cut.</param>
    /// <param name="cancel">Stops waiting; the guest may shut down all the same.</param>
    /// <returns>Whether it had to be stopped by force.</returns>
    /// <exception cref="SealiftException">SL6402: it did not shut down.</exception>
    public async Task<bool> ShutDownAsync(TimeSpan deadline, bool force, CancellationToken cancel)
    {
        // Not to exit when the guest has shut down: the bitmaps would be lost with it.
        await SetShutdownActionAsync("pause", cancel);
        if (await StatusAsync(cancel) is "shutdown") return false;
        if (agent is null || await agent.AskToShutDownAsync(cancel) is not null) _ = await AskAsync("system_powerdown", null, cancel); // it returns nothing
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < deadline; await Task.Delay(PollInterval, cancel))
            if (await StatusAsync(cancel) == "shutdown") return false;
        if (!force)
        {
            await SetShutdownActionAsync("poweroff", cancel);
            throw ProviderErrors.NotShutDown(socketPath, deadline);
        }

        _ = await AskAsync("stop", null, cancel); // it returns nothing
        if (await StatusAsync(cancel) is not ("paused" or "shutdown") and var status) throw ProviderErrors.NotStopped(socketPath, status);
        return true;
    }

    /// <summary>Whether the machine is off or stopped and nobody has written to its disks since a bitmap began; null where it is.</summary>
    public async Task<string?> StirredAsync(string bitmap, DateTimeOffset since, CancellationToken cancel)
    {
        if (await StatusAsync(cancel) is not ("paused" or "shutdown") and var status) return $"it is {status}";
        foreach (var disk in await DisksAsync(cancel))
        {
            if (disk.Bitmaps.FirstOrDefault(b => b.Name == bitmap) is not { } guard) return $"the bitmap on {disk.Identity} is gone: it was started anew";
            if (!guard.IsRecording || guard.IsInconsistent) return $"the bitmap on {disk.Identity} no longer records";
            if (guard.DirtyBytes > 0) return $"{guard.DirtyBytes} bytes of {disk.Identity} were written to";
        }

        return null;
    }

    /// <summary>Starts the guest again after <see cref="ShutDownAsync"/>: from its firmware where it had shut down, where it was where it had been stopped.</summary>
    public async Task StartAgainAsync(CancellationToken cancel)
    {
        await SetShutdownActionAsync("poweroff", cancel);
        if (await StatusAsync(cancel) == "shutdown") _ = await AskAsync("system_reset", null, cancel); // it returns nothing
        _ = await AskAsync("cont", null, cancel); // it returns nothing
        if (await StatusAsync(cancel) is not "running" and var status) throw ProviderErrors.NotStopped(socketPath, status);
    }

    /// <summary>Ends QEMU, whose guest is off.</summary>
    /// <exception cref="SealiftException">SL6403: the guest runs.</exception>
    public async Task QuitAsync(CancellationToken cancel)
    {
        if (await StatusAsync(cancel) is not ("paused" or "shutdown") and var status) throw ProviderErrors.NotStopped(socketPath, status);
        _ = await AskAsync("quit", null, cancel); // it returns nothing
    }

    /// <summary>Everything of ours in this QEMU whose name begins so: exports, jobs, nodes and bitmaps, each as <c>KIND NAME</c>, in order.</summary>
    public async Task<IReadOnlyList<string>> LeftoversAsync(string prefix, CancellationToken cancel)
    {
        var found = new List<string>();
        found.AddRange(await IdsAsync("query-block-exports", "id", "export"));
        found.AddRange(await IdsAsync("query-block-jobs", "device", "job"));
        found.AddRange(await IdsAsync("query-named-block-nodes", "node-name", "node"));
        foreach (var node in (await AskAsync("query-named-block-nodes", w => w.WriteBoolean("flat", true), cancel)).EnumerateArray())
            found.AddRange(BitmapsOf(node).Where(b => b.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(b => $"bitmap {b.Name} on {Text(node, "node-name")}"));
        return [.. found.Order(StringComparer.Ordinal)];

        async Task<IEnumerable<string>> IdsAsync(string query, string member, string kind) =>
            (await AskAsync(query, null, cancel)).EnumerateArray().Select(e => Text(e, member)).Where(id => id.StartsWith(prefix, StringComparison.Ordinal)).Select(id => $"{kind} {id}");
    }

    /// <summary>Removes what <see cref="LeftoversAsync"/> finds; bitmaps only where they are not to be kept.</summary>
    /// <param name="prefix">As there; it begins with <see cref="RunningSource.Prefix"/>.</param>
    /// <param name="keepBitmaps">Whether bitmaps stay, so that a migration can go on.</param>
    /// <param name="cancel">Stops it.</param>
    public async Task RemoveAsync(string prefix, bool keepBitmaps, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        RunningSource.DemandOurs(prefix);
        var left = await LeftoversAsync(prefix, cancel);
        foreach (var name in Of("export")) await EndExportAsync(name, cancel);
        foreach (var name in Of("job")) await EndJobAsync(name, cancel);
        foreach (var name in Of("node")) await DeleteNodeAsync(name, cancel);
        // Somebody else's exports are on somebody else's server: QEMU has one, and ours is the one that has served ours.
        if (left.Any(l => l.StartsWith("export ", StringComparison.Ordinal)) && serverSocket is null && !(await AskAsync("query-block-exports", null, cancel)).EnumerateArray().Any())
            _ = await AskAsync("nbd-server-stop", null, cancel); // it returns nothing
        if (!keepBitmaps) await ForgetAsync(name => name.StartsWith(prefix, StringComparison.Ordinal), cancel);

        IEnumerable<string> Of(string kind) => left.Where(l => l.StartsWith(kind + " ", StringComparison.Ordinal)).Select(l => l[(kind.Length + 1)..]);
    }

    /// <inheritdoc/>
    public Task RemoveScratchAsync(string directory, string owner, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(owner);
        RunningSource.DemandOurs(owner);
        if (FileFacts.OfPathIfExists(directory) is not null)
            foreach (var file in Directory.EnumerateFiles(directory, $"{owner}-d*{ScratchSuffix}")) _ = PosixPath.RemoveFile(file); // false: it has just gone
        return Task.CompletedTask;
    }

    /// <summary>Disconnects. QEMU and its guest go on as they are.</summary>
    public ValueTask DisposeAsync() => qmp.DisposeAsync();

    /// <summary>Takes back what a point in time made, as far as it came.</summary>
    internal async Task ReleaseAsync(QemuPoint point, CancellationToken cancel)
    {
        var prefixes = point.Parts.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        var left = await LeftoversAsync(RunningSource.Prefix, cancel);
        foreach (var name in prefixes.Where(n => left.Contains($"export {n}"))) await EndExportAsync(name, cancel);
        foreach (var name in prefixes.Where(n => left.Contains($"job {n}"))) await EndJobAsync(name, cancel);
        foreach (var name in prefixes.Where(n => left.Contains($"node {n}"))) await DeleteNodeAsync(name, cancel);
        await StopServingAsync(cancel);
        foreach (var part in point.Parts)
            if (part.ScratchPath is not null) _ = PosixPath.RemoveFile(part.ScratchPath); // false: it was not made yet
    }

    internal NbdUri UriOf(FrozenPart part) => NbdUri.Unix(serverSocket ?? throw new InvalidOperationException("nothing is served"), part.Name);

    // A block node's name has at most 31 characters, and a migration's id with our prefix 25 of them.
    private static string NameOf(string owner, int disk) => string.Create(CultureInfo.InvariantCulture, $"{owner}-d{disk + 1}");

    private static IEnumerable<Action<Utf8JsonWriter>> Begin(string node, string? bitmap, IEnumerable<string> recording)
    {
        if (bitmap is not null)
            yield return w => Action(w, "block-dirty-bitmap-add", () =>
            {
                w.WriteString("node", node);
                w.WriteString("name", bitmap);
                w.WriteNumber("granularity", BitmapGranularityBytes);
            });
        foreach (var name in recording)
            yield return w => Action(w, "block-dirty-bitmap-disable", () =>
            {
                w.WriteString("node", node);
                w.WriteString("name", name);
            });
    }

    private static void Action(Utf8JsonWriter w, string type, Action data)
    {
        w.WriteStartObject();
        w.WriteString("type", type);
        w.WriteStartObject("data");
        data();
        w.WriteEndObject();
        w.WriteEndObject();
    }

    private async Task TransactAsync(IReadOnlyList<Action<Utf8JsonWriter>> actions, CancellationToken cancel)
    {
        if (actions.Count == 0) return;
        _ = await AskAsync("transaction", w => // it returns nothing
        {
            w.WriteStartArray("actions");
            foreach (var action in actions) action(w);
            w.WriteEndArray();
        }, cancel);
    }

    private async Task ExportAsync(string node, string name, FrozenDisk disk, CancellationToken cancel) =>
        _ = await AskAsync("block-export-add", w => // it returns nothing
        {
            w.WriteString("type", "nbd");
            w.WriteString("id", name);
            w.WriteString("node-name", node);
            w.WriteString("name", name);
            if (disk.Since.Count == 0) return;
            w.WriteStartArray("bitmaps");
            foreach (var bitmap in disk.Since)
            {
                w.WriteStartObject();
                w.WriteString("node", disk.Node);
                w.WriteString("name", bitmap);
                w.WriteEndObject();
            }

            w.WriteEndArray();
        }, cancel);

    private async Task ServeAsync(string path, CancellationToken cancel)
    {
        _ = PosixPath.RemoveFile(path); // false: no earlier run was killed here
        try
        {
            _ = await AskAsync("nbd-server-start", w => // it returns nothing
            {
                w.WriteStartObject("addr");
                w.WriteString("type", "unix");
                w.WriteStartObject("data");
                w.WriteString("path", path);
                w.WriteEndObject();
                w.WriteEndObject();
                w.WriteNumber("max-connections", 0);
            }, cancel);
        }
        catch (QmpException e) when (e.IsRefusal && e.Said.Contains("already running", StringComparison.Ordinal))
        {
            // QEMU has one server. It is ours where an earlier run of ours was killed: nothing else is exported then.
            if ((await AskAsync("query-block-exports", null, cancel)).EnumerateArray().Any()) throw ProviderErrors.ServerInUse(socketPath);
            _ = await AskAsync("nbd-server-stop", null, cancel); // it returns nothing
            await ServeAsync(path, cancel);
        }

        serverSocket = path;
    }

    private async Task StopServingAsync(CancellationToken cancel)
    {
        if (serverSocket is not { } path) return;
        _ = await AskAsync("nbd-server-stop", null, cancel); // it returns nothing
        serverSocket = null;
        _ = PosixPath.RemoveFile(path); // false: QEMU removed it
    }

    private async Task EndExportAsync(string id, CancellationToken cancel)
    {
        _ = await AskAsync("block-export-del", w => // it returns nothing
        {
            w.WriteString("id", id);
            w.WriteString("mode", "hard"); // whoever still reads is one of ours that was killed
        }, cancel);
        await GoneAsync("export", id, cancel);
    }

    private async Task EndJobAsync(string id, CancellationToken cancel)
    {
        _ = await AskAsync("block-job-cancel", w => w.WriteString("device", id), cancel); // it returns nothing
        await GoneAsync("job", id, cancel);
    }

    private async Task DeleteNodeAsync(string name, CancellationToken cancel) =>
        _ = await AskAsync("blockdev-del", w => w.WriteString("node-name", name), cancel); // it returns nothing

    private async Task GoneAsync(string kind, string name, CancellationToken cancel)
    {
        for (var watch = Stopwatch.StartNew(); (await LeftoversAsync(name, cancel)).Contains($"{kind} {name}"); await Task.Delay(PollInterval, cancel))
            if (watch.Elapsed > EndDeadline) throw ProviderErrors.StillThere(socketPath, kind, name, EndDeadline);
    }

    private async Task SetShutdownActionAsync(string action, CancellationToken cancel) =>
        _ = await AskAsync("set-action", w => w.WriteString("shutdown", action), cancel); // it returns nothing

    private async Task<(IReadOnlyList<RunningDisk> Disks, bool Uefi)> LookAsync(CancellationToken cancel)
    {
        var disks = new List<RunningDisk>();
        var uefi = false;
        foreach (var block in (await AskAsync("query-block", null, cancel)).EnumerateArray())
        {
            if (!block.TryGetProperty("inserted", out var inserted)) continue;
            var device = block.TryGetProperty("qdev", out var qdev) ? qdev.ToString() : Text(block, "device");
            if (device.Contains("flash", StringComparison.Ordinal))
            {
                uefi = true;
                continue;
            }

            if (inserted.TryGetProperty("ro", out var ro) && ro.ValueKind == JsonValueKind.True) continue;
            // The disk itself lies below it, and what is put on the filter is gone with the backup.
            if (Text(inserted, "drv") == "copy-before-write") throw ProviderErrors.UnderBackup(socketPath, device, Text(inserted, "node-name"));
            var image = inserted.TryGetProperty("image", out var i) ? i : throw ProviderErrors.BadAnswer(socketPath, "query-block", "image");
            disks.Add(new RunningDisk(device, Text(inserted, "node-name"), Text(inserted, "file"), Number(image, "virtual-size"), image.TryGetProperty("actual-size", out _) ? Number(image, "actual-size") : Number(image, "virtual-size"), [.. BitmapsOf(inserted)])
            {
                Place = RunningDisk.PlaceOf(Text(inserted, "file"), Text(inserted, "drv"), Number(image, "virtual-size")),
            });
        }

        return (disks, uefi);
    }

    private IEnumerable<DirtyBitmap> BitmapsOf(JsonElement node)
    {
        if (!node.TryGetProperty("dirty-bitmaps", out var bitmaps)) yield break;
        foreach (var bitmap in bitmaps.EnumerateArray())
            yield return new DirtyBitmap(
                bitmap.TryGetProperty("name", out var name) ? name.ToString() : string.Empty,
                Number(bitmap, "count"),
                bitmap.TryGetProperty("recording", out var recording) && recording.ValueKind == JsonValueKind.True,
                bitmap.TryGetProperty("inconsistent", out var inconsistent) && inconsistent.ValueKind == JsonValueKind.True);
    }

    /// <summary>The kind of a disk's controller; what is none of those known is taken for SATA, which the conversion does not depend on.</summary>
    private async Task<DiskBus> BusAsync(string device, CancellationToken cancel)
    {
        if (!device.StartsWith('/')) return DiskBus.Sata;
        string type;
        try
        {
            type = (await AskAsync("qom-get", w =>
            {
                w.WriteString("path", device);
                w.WriteString("property", "type");
            }, cancel)).ToString();
        }
        catch (QmpException e) when (e.IsRefusal)
        {
            return DiskBus.Sata; // a disk with no such property; only what it hangs on stays unknown
        }

        return type switch
        {
            "virtio-blk-device" => DiskBus.VirtioBlk,
            "scsi-hd" => DiskBus.VirtioScsi,
            "nvme" or "nvme-ns" => DiskBus.Nvme,
            _ => DiskBus.Sata,
        };
    }

    private string Text(JsonElement element, string member) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : throw ProviderErrors.BadAnswer(socketPath, "an answer", member);

    private long Number(JsonElement element, string member) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0
            ? number
            : throw ProviderErrors.BadAnswer(socketPath, "an answer", member);

    private Task<JsonElement> AskAsync(string command, Action<Utf8JsonWriter>? arguments, CancellationToken cancel) => qmp.ExecuteAsync(command, arguments, AnswerDeadline, cancel);
}
