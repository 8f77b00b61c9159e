using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>
/// The disks of a migration that become volumes of a storage pool of another host. A volume is journaled before libvirt makes it, and by
/// its identity (device and inode there) after; while the migration runs it is served on a socket of this host, where every step takes it
/// for an export. In the work directory and in the target a file stands for it that says where it is. What a run leaves there when it dies,
/// a server and its directory, is journaled as well, and taken back by the next.
/// </summary>
internal sealed class FarDisks : IAsyncDisposable
{
    // sockaddr_un.sun_path holds 108 bytes (unix(7)), and ssh appends to the name while it makes it.
    private const int LongestSocketDirectory = 70;

    private readonly MigrationContext context;
    private readonly LibvirtTarget libvirt;
    private readonly Dictionary<string, VolumeServer> servers = new(StringComparer.Ordinal);
    private FarPool? pool;
    private bool isPrepared;

    private FarDisks(MigrationContext context, LibvirtTarget libvirt)
    {
        (this.context, this.libvirt) = (context, libvirt);
        SocketDirectory = context.Journal.Artefacts(context.Id).FirstOrDefault(a => a.Kind == Artefacts.SocketDirectory)?.Path ?? SocketDirectoryFor(context);
    }

    private string PoolDirectory => libvirt.PoolDirectory!;

    /// <summary>Where the servers are reached. It stays the same for the whole migration: overlays name what lies below them by it.</summary>
    private string SocketDirectory { get; }

    /// <summary>The directory of the servers' sockets on their host.</summary>
    private string FarDirectory => $"/var/tmp/sealift-{context.Id}";

    /// <summary>Those of a migration; null where it goes to this host.</summary>
    public static FarDisks? Of(MigrationContext context) => context.Request.Target.Libvirt is { IsFar: true } libvirt ? new FarDisks(context, libvirt) : null;

    /// <summary>How the journal, the seal and what stands for a disk name a file of that host.</summary>
    public static string NameOf(string uri, string path) => $"{uri}:{path}";

    /// <summary>The two parts of such a name; null where it is none.</summary>
    /// <param name="name">The name.</param>
    /// <param name="mayHaveParameters">Whether it may say by which key and which program the host is reached: of whoever asks, never of a seal.</param>
    public static (string Uri, string Path)? Parse(string name, bool mayHaveParameters = false)
    {
        const string Scheme = "qemu+ssh://";
        // Nothing of a URI but its scheme has a colon before a slash.
        var colon = name.StartsWith(Scheme, StringComparison.Ordinal) ? name.IndexOf(":/", Scheme.Length, StringComparison.Ordinal) : -1;
        if (colon < 0 || name.Any(char.IsControl)) return null;
        var (uri, path) = (name[..colon], name[(colon + 1)..]);
        try
        {
            var canonical = LibvirtHost.Parse(uri);
            // A seal has one way of saying it; people have more.
            return LibvirtHost.IsFar(canonical) && (mayHaveParameters || (canonical == uri && LibvirtHost.WithoutParameters(uri) == uri)) && Path.GetFullPath(path) == path ? (canonical, path) : null;
        }
        catch (SealiftException)
        {
            return null; // not a URI that Sealift would have written
        }
    }

    /// <summary>What keeps the disks from being made there, as far as that can be known before anything is copied.</summary>
    /// <returns>That, and the space of the pool; null where it is not known, or nothing goes there.</returns>
    public static async Task<(IReadOnlyList<SealiftException> Problems, TargetSpace? Space)> LookAsync(MigrationRequest request, SourceMachine source, CancellationToken cancel)
    {
        if (request.Target.Libvirt is not { IsFar: true } libvirt) return ([], null);
        await using var pool = await FarPool.OpenAsync(libvirt.Uri, libvirt.PoolUuid ?? libvirt.Pool, cancel);
        var names = new TargetNames(request, source.Machine);
        var needed = source.Machine.Disks.Sum(d => Math.Min(d.Image.VirtualLengthBytes, d.Image.AllocatedBytes));
        var (problems, free) = await pool.LookAsync([.. source.Machine.Disks.Select(d => names.Volume(d.Key)), Path.GetFileName(names.Nvram)], needed, cancel);
        return (problems, free is { } bytes ? new TargetSpace(NameOf(LibvirtHost.WithoutParameters(libvirt.Uri), pool.Pool.DirectoryPath), needed, bytes) : null);
    }

    /// <summary>The volume of a disk, as errors and seals name it.</summary>
    public string VolumeName(string key) => NameOf(LibvirtHost.WithoutParameters(libvirt.Uri), FinalPath(key));

    /// <summary>Where a disk is reached.</summary>
    public NbdUri Export(string key) => NbdUri.Unix(Path.Combine(SocketDirectory, key));

    /// <summary>How a read-back of it keeps clear of caches.</summary>
    public string CacheBypass => VolumeServer.CacheBypass(LibvirtHost.HostNameOf(libvirt.Uri));

    /// <summary>Makes the volume of a disk anew, and serves it. What an earlier run made of it is removed.</summary>
    public async Task MakeAsync(string key, long lengthBytes, CancellationToken cancel)
    {
        var there = await ReadyAsync(cancel);
        if (servers.Remove(key, out var old)) await old.DisposeAsync();
        await RemoveAsync(there, TemporaryPath(key), cancel);
        var name = NameOf(libvirt.Uri, TemporaryPath(key));
        context.Journal.Claim(context.Id, name, Artefacts.FarVolume);
        // Not cancelled: libvirt would make it all the same. It answers within two minutes, or what it may make yet stays journaled.
        var made = await there.CreateAsync(Path.GetFileName(TemporaryPath(key)), context.Request.Format, lengthBytes, CancellationToken.None);
        context.Journal.Own(context.Id, name, Artefacts.FarVolume, made.Device, made.Inode);
        await ServeAsync(there, key, cancel);
    }

    /// <summary>Serves every volume that there is, where it is not served already.</summary>
    /// <exception cref="SealiftException">SL6608: one is gone, or was replaced.</exception>
    public async Task ShowAsync(CancellationToken cancel)
    {
        foreach (var disk in context.Source.Machine.Disks)
        {
            if (servers.TryGetValue(disk.Key, out var server) && server.IsRunning) continue;

            // One whose identity is not known was being made when a run was killed: its copy makes it anew.
            if (FileOf(TemporaryPath(disk.Key)) is not { Inode: not 0 }) continue;
            if (servers.Count > 0 && server is not null) await EndServersAsync(judge: true); // its connection was lost, and it may still be there: all are begun anew
            await VerifyAsync(disk.Key, cancel);
            await ServeAsync(await ReadyAsync(cancel), disk.Key, cancel);
        }
    }

    /// <summary>Whether there are servers.</summary>
    public bool IsServing => servers.Count > 0;

    /// <summary>What servers that have ended, or lost their connection, said last: the cause of what failed over them.</summary>
    public async Task<IReadOnlyList<string>> LastWordsAsync()
    {
        var words = new List<string>();
        foreach (var server in servers.Values)
            if (await server.LastWordsAsync() is { } said) words.Add(said);
        return words;
    }

    /// <summary>
    /// Ends the server of a disk, judges how it ends, and has another one serve it for the read-back: whoever has written a volume knows what
    /// is in it without asking storage, as the tables of a qcow2 image.
    /// </summary>
    /// <exception cref="SealiftException">SL6610: what it wrote last may be lost.</exception>
    public async Task RenewAsync(string key, CancellationToken cancel)
    {
        if (servers.Remove(key, out var server)) await server.StopAsync();
        await ServeAsync(await ReadyAsync(cancel), key, cancel);
    }

    /// <summary>Ends the servers, and judges how they end: what they wrote is on storage then.</summary>
    /// <exception cref="SealiftException">SL6610.</exception>
    public Task StopAsync() => EndServersAsync(judge: true);

    /// <summary>Throws where the volume of a disk was made, and is no longer the one that was, under whichever name.</summary>
    /// <exception cref="SealiftException">SL6608: it is not.</exception>
    public async Task VerifyAsync(string key, CancellationToken cancel)
    {
        if (FileOf(TemporaryPath(key)) is { Inode: not 0 } || FileOf(FinalPath(key)) is { Inode: not 0 }) _ = await FindOursAsync(key, cancel); // only whether it is
    }

    /// <summary>When the volume of a disk was written to last, in nanoseconds since 1970.</summary>
    /// <exception cref="SealiftException">SL6608: it is not.</exception>
    public async Task<long> ModifiedAsync(string key, CancellationToken cancel) => (await FindOursAsync(key, cancel)).ModifiedNanoseconds;

    /// <summary>Gives the volumes their final names, which nothing there has.</summary>
    /// <exception cref="SealiftException">SL6607: something there has one. SL6608: a volume is no longer the one that was made.</exception>
    public async Task HandOverAsync(CancellationToken cancel)
    {
        // The UEFI variables of another machine would become those of the new one.
        if (context.Source.Machine.Firmware == Firmware.Uefi) await (await OpenAsync(cancel)).DemandNothingAsync(Path.GetFileName(new TargetNames(context.Request, context.Source.Machine).Nvram), cancel);
        foreach (var disk in context.Source.Machine.Disks) await MoveAsync(TemporaryPath(disk.Key), FinalPath(disk.Key), cancel);
    }

    /// <summary>Gives them back the names that they had before a hand-over which did not come to its end.</summary>
    public async Task TakeBackAsync(CancellationToken cancel)
    {
        foreach (var disk in context.Source.Machine.Disks)
            if (FileOf(FinalPath(disk.Key)) is not null) await MoveAsync(FinalPath(disk.Key), TemporaryPath(disk.Key), cancel);
    }

    /// <summary>
    /// Where a run ends without a hand-over: removes the volumes of which no copy stays, and what serves them. What stays there is journaled.
    /// </summary>
    public async Task SettleAsync(CancellationToken cancel)
    {
        if (!IsInUse()) return;
        await EndServersAsync(judge: false);
        var names = new TargetNames(context.Request, context.Source.Machine);
        foreach (var disk in context.Source.Machine.Disks)
        {
            // By the journal: what stands for a disk may be out of sight, as the file system that it is on.
            if (new[] { context.DiskPath(disk.Key), names.Disk(disk.Key) }.Any(p => context.Files.Find(p) is { Inode: not 0 })) continue;
            if (FileOf(TemporaryPath(disk.Key)) is null) continue;
            var there = await OpenAsync(cancel);
            await RemoveAsync(there, TemporaryPath(disk.Key), cancel);
        }

        await RemoveDirectoryAsync(cancel);
    }

    /// <summary>Removes what a migration that is removed made there.</summary>
    /// <param name="journal">The journal.</param>
    /// <param name="row">The migration.</param>
    /// <param name="includeHandedOver">Whether what was handed over goes as well.</param>
    /// <param name="keepsDisks">Whether another domain may be using the disks, which then stay.</param>
    /// <param name="removed">Told what is gone.</param>
    /// <param name="kept">Told what stays, and why.</param>
    /// <exception cref="SealiftException">The host cannot be asked: nothing is forgotten.</exception>
    public static async Task RemoveAllAsync(Journal journal, MigrationRow row, bool includeHandedOver, bool keepsDisks, List<string> removed, List<string> kept)
    {
        var libvirt = row.Request.Target.Libvirt!;
        var made = journal.Artefacts(row.Id).Where(a => a.Kind is Artefacts.FarVolume or Artefacts.FarDirectory).ToList();
        foreach (var artefact in made.Where(a => a.HandedOver && !includeHandedOver)) kept.Add($"{artefact.Path}: it was handed over");
        foreach (var artefact in made.Where(a => !(a.HandedOver && !includeHandedOver) && keepsDisks && a.Kind == Artefacts.FarVolume)) kept.Add($"{artefact.Path}: the domain that stays may be using it");
        made.RemoveAll(a => a.Kind == Artefacts.FarVolume && ((a.HandedOver && !includeHandedOver) || keepsDisks));
        if (made.Count == 0) return;
        await using var pool = await FarPool.OpenAsync(libvirt.Uri, libvirt.PoolUuid ?? libvirt.Pool, CancellationToken.None);
        if (pool.Pool.DirectoryPath != libvirt.PoolDirectory) throw MigrationErrors.PoolMoved(libvirt.Pool, pool.Pool.DirectoryPath, libvirt.PoolDirectory!);
        // Servers first: where one cannot be ended, what it has open stays.
        foreach (var artefact in made.OrderBy(a => a.Kind != Artefacts.FarDirectory))
        {
            var path = artefact.Path[(libvirt.Uri.Length + 1)..];
            if (artefact.Kind == Artefacts.FarDirectory) await pool.Host.EndServersAsync(path, CancellationToken.None);
            else if (await pool.FindAsync(path, CancellationToken.None) is not null)
            {
                if (await pool.RemoveAsync(path, Identity(artefact), CancellationToken.None)) removed.Add(artefact.Path);
                else kept.Add($"{artefact.Path}: it is no longer the volume that Sealift made");
            }

            journal.Disown(row.Id, artefact.Path);
        }

        if (await DefinedDomain.RefreshAsync(libvirt, CancellationToken.None) is { } why) kept.Add($"libvirt still lists the volumes, until `virsh pool-refresh {libvirt.Pool}` on that host: {why}");
    }

    /// <summary>Ends what serves the volumes. What cannot be taken back now is journaled, and taken back by the next run.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndServersAsync(judge: false);
            if (pool is not null) await RemoveDirectoryAsync(CancellationToken.None);
        }
        catch (SealiftException e)
        {
            if (!context.Events.IsAbandoned) context.Events.Send(new Note(StepName.HandOver, $"what served the volumes on {LibvirtHost.HostNameOf(libvirt.Uri)} stays there until `sealift resume` or `sealift remove` takes it back: {e.Message}"));
        }
        finally
        {
            if (pool is not null) await pool.DisposeAsync();
        }
    }

    private static FarFile? Identity(ArtefactRecord artefact) => artefact.Inode == 0 ? null : new FarFile(artefact.Device, artefact.Inode, 0, 0);

    private static string SocketDirectoryFor(MigrationContext context)
    {
        var near = Path.Combine(context.WorkDirectory, "far");
        // ssh ends a path at a colon, and QEMU and its tools do not agree on what some characters mean in a URI.
        return near.Length <= LongestSocketDirectory && near.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-') ? near : $"/tmp/sealift-{context.Id}";
    }

    private string TemporaryPath(string key) => Path.Combine(PoolDirectory, $"sealift-{context.Id}-{key}.{context.Extension}");

    private string FinalPath(string key) => Path.Combine(PoolDirectory, new TargetNames(context.Request, context.Source.Machine).Volume(key));

    private ArtefactRecord? FileOf(string path) => context.Files.Find(NameOf(libvirt.Uri, path));

    private bool IsInUse() => pool is not null || context.Journal.Artefacts(context.Id).Any(a => a.Kind is Artefacts.FarVolume or Artefacts.FarDirectory);

    private async Task<FarPool> OpenAsync(CancellationToken cancel)
    {
        if (pool is not null) return pool;
        var opened = await FarPool.OpenAsync(libvirt.Uri, libvirt.PoolUuid ?? libvirt.Pool, cancel);
        if (opened.Pool.DirectoryPath != PoolDirectory)
        {
            await opened.DisposeAsync();
            throw MigrationErrors.PoolMoved(libvirt.Pool, opened.Pool.DirectoryPath, PoolDirectory);
        }

        return pool = opened;
    }

    /// <summary>The pool, with the directories for sockets made; what an earlier run left in them is gone.</summary>
    private async Task<FarPool> ReadyAsync(CancellationToken cancel)
    {
        var there = await OpenAsync(cancel);
        if (isPrepared) return there;
        context.Files.OwnDirectory(SocketDirectory, Artefacts.SocketDirectory, 0x1C0 /* 0700 */);
        await there.Host.EndServersAsync(FarDirectory, cancel);
        context.Journal.Claim(context.Id, NameOf(libvirt.Uri, FarDirectory), Artefacts.FarDirectory);
        await there.Host.MakeDirectoryAsync(FarDirectory, cancel);
        isPrepared = true;
        return there;
    }

    private async Task ServeAsync(FarPool there, string key, CancellationToken cancel) =>
        servers.Add(key, await there.Host.ServeAsync(TemporaryPath(key), context.Request.Format, writable: true, FarDirectory, key, Export(key).SocketPath!, cancel));

    private async Task<FarFile> FindOursAsync(string key, CancellationToken cancel)
    {
        var there = await OpenAsync(cancel);
        foreach (var path in new[] { FinalPath(key), TemporaryPath(key) })
            if (FileOf(path) is { Inode: not 0 } record && await there.FindAsync(path, cancel) is { } found && found.IsSameAs(Identity(record)!)) return found;
        throw there.Replaced(TemporaryPath(key));
    }

    /// <summary>The identity is journaled under the new name first: whichever side of the rename a crash falls on, the file is known.</summary>
    private async Task MoveAsync(string from, string to, CancellationToken cancel)
    {
        var (old, record) = (FileOf(from), FileOf(from) ?? FileOf(to));
        var there = await OpenAsync(cancel);
        var file = record is { Inode: not 0 } ? Identity(record)! : throw there.Replaced(from);
        context.Journal.Own(context.Id, NameOf(libvirt.Uri, to), Artefacts.FarVolume, file.Device, file.Inode);
        await there.RenameAsync(from, to, file, cancel);
        if (old is not null) context.Journal.Disown(context.Id, NameOf(libvirt.Uri, from));
    }

    private async Task RemoveAsync(FarPool there, string path, CancellationToken cancel)
    {
        if (FileOf(path) is not { } record) return;
        // Without an identity a run was killed between the making and its record, or libvirt has not answered and may make it yet. Nobody else
        // uses a name with the migration's id in it.
        if (record.Inode == 0 && await there.FindAsync(path, cancel) is null) return;
        if (!await there.RemoveAsync(path, Identity(record), cancel)) throw there.Replaced(path);
        context.Journal.Disown(context.Id, NameOf(libvirt.Uri, path));
    }

    private async Task EndServersAsync(bool judge)
    {
        foreach (var key in servers.Keys.ToList())
        {
            servers.Remove(key, out var server);
            if (judge) await server!.StopAsync();
            else await server!.DisposeAsync();
        }
    }

    private async Task RemoveDirectoryAsync(CancellationToken cancel)
    {
        if (FileOf(FarDirectory) is null) return;
        await (await OpenAsync(cancel)).Host.EndServersAsync(FarDirectory, cancel);
        context.Journal.Disown(context.Id, NameOf(libvirt.Uri, FarDirectory));
        isPrepared = false;
    }
}
