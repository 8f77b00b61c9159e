using System.Runtime.CompilerServices;
using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Seals;

/// <summary>Reads a disk again, all of it, and says whether it still is what the seal says; where not, the block map says where.</summary>
internal static class SealedDiskCheck
{
    private const int RangesNamed = 8;
    private const int UriLimitBytes = 4096;
    private const string Started = "Has the machine been started since? A guest that runs changes its disks, and then they rightly differ. If it has not, the storage or somebody changed it: do not start it, and migrate again.";

    /// <param name="disk">What the seal says.</param>
    /// <param name="named">Where whoever verifies says that it is; null: beside the seal.</param>
    /// <param name="sealDirectory">Where the seal and its block map are.</param>
    /// <param name="progress">Told.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<ClaimResult> RunAsync(SealedDisk disk, string? named, string sealDirectory, IProgress<SealProgress>? progress, CancellationToken cancel)
    {
        var volume = named is null ? null : FarDisks.Parse(named, mayHaveParameters: true);
        var path = named ?? Path.Combine(sealDirectory, disk.TargetFile);
        if (volume is null && FileFacts.OfPathIfExists(path) is null)
            return new ClaimResult(disk.Key, false, $"{path} is not there", $"Put it beside the seal, or name it: --disk {disk.Key}=FILE.");
        // A directory of our own, with a short name: a socket's path has at most 107 bytes (unix(7)).
        using var work = new WorkDirectory();
        try
        {
            // What lies beside the seal is not signed: it has to lead to what is. Whoever names a file vouches for it.
            if (named is null && disk.TargetVolume is { } name) volume = SealedVolume(path, name);
            if (volume is var (uri, place)) return await CompareFarAsync(disk, uri, place, sealDirectory, work.Path, progress, cancel);
            return await CompareAsync(disk, path, named is null ? disk.TargetExport : null, sealDirectory, work.Path, progress, cancel);
        }
        catch (SealiftException e)
        {
            // A disk that cannot be read is a claim that does not hold; the other disks are still worth a look.
            return new ClaimResult(disk.Key, false, $"it could not be read: {e.Message}");
        }
    }

    private static async Task<ClaimResult> CompareAsync(SealedDisk disk, string path, string? sealedExport, string sealDirectory, string work, IProgress<SealProgress>? progress, CancellationToken cancel)
    {
        if (ExportOf(path, sealedExport) is { } export) return await CompareAsync(disk, await CopiedDisk.OnExport(export).OpenUncachedAsync(disk.VirtualBytes, work, cancel), export.ToString(), sealDirectory, progress, cancel);
        var format = disk.TargetFormat == "qcow2" && FileFacts.OfPath(path).Kind != FileKind.BlockDevice ? ImageFormat.Qcow2 : ImageFormat.Raw;
        // The image may have been replaced by one that names other files: our own look comes first, and refuses that.
        if (format == ImageFormat.Qcow2) await ImageProbe.ExamineAsync(new ImageLocation(path), new ImageProbeOptions { Format = format }, cancel);

        var opened = await DiskImage.OpenUncachedAsync(path, format, work, cancel);
        // A device may be longer than the disk that was brought to it; what lies behind was never a part of it.
        if (FileFacts.OfPath(path).Kind == FileKind.BlockDevice && opened.LengthBytes > disk.VirtualBytes) opened = await DiskImage.OfLengthAsync(opened, disk.VirtualBytes);
        return await CompareAsync(disk, opened, Path.GetFileName(path), sealDirectory, progress, cancel);
    }

    /// <summary>A volume of another host, read there past the page cache by a server that opens it for reading only.</summary>
    private static async Task<ClaimResult> CompareFarAsync(SealedDisk disk, string uri, string place, string sealDirectory, string work, IProgress<SealProgress>? progress, CancellationToken cancel)
    {
        var directory = $"/var/tmp/sealift-verify-{Guid.NewGuid().ToString("N")[..12]}";
        await using var host = await LibvirtHost.ConnectAsync(uri, cancel);
        await host.MakeDirectoryAsync(directory, cancel);
        try
        {
            await using var server = await host.ServeAsync(place, disk.TargetFormat == "qcow2" ? ImageFormat.Qcow2 : ImageFormat.Raw, writable: false, directory, "disk", Path.Combine(work, "disk"), cancel);
            return await CompareAsync(disk, await CopiedDisk.InFarFile(server.Uri, VolumeServer.CacheBypass(LibvirtHost.HostNameOf(uri))).OpenUncachedAsync(disk.VirtualBytes, work, cancel), $"{Path.GetFileName(place)} on {LibvirtHost.HostNameOf(uri)}", sealDirectory, progress, cancel);
        }
        finally
        {
            await host.EndServersAsync(directory, CancellationToken.None);
        }
    }

    /// <summary>Where a volume is: as it is signed, and as what lies beside the seal, which is not, has to say. Nothing is connected to.</summary>
    /// <exception cref="SealiftException">SL7145.</exception>
    private static (string Uri, string Path) SealedVolume(string path, string name)
    {
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) throw MigrationErrors.OtherVolumeNamed(path, name);
        using var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow);
        return SmallFile.ReadText(file, UriLimitBytes)?.Trim() == name ? FarDisks.Parse(name) ?? throw MigrationErrors.OtherVolumeNamed(path, name) : throw MigrationErrors.OtherVolumeNamed(path, name);
    }

    /// <summary>The export that a disk is on, out of the file that stands for it; null where the path is the disk's own. Nothing is connected to.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sealedExport">What it has to hold; null where that is not known, or is left to whoever named the file.</param>
    /// <exception cref="SealiftException">SL7142: it holds no URI that can be used. SL7143: it holds another one.</exception>
    private static NbdUri? ExportOf(string path, string? sealedExport)
    {
        if (sealedExport is null && Path.GetExtension(path) != $".{TargetMachine.ExportExtension}") return null;
        var kind = FileFacts.OfPath(path).Kind;
        if (kind != FileKind.Regular) return sealedExport is null ? null : throw MigrationErrors.NoExportNamed(path, $"it is a {kind}");
        using var file = PosixFile.Open(path, OpenMode.Read);
        if (SmallFile.ReadText(file, UriLimitBytes)?.Trim() is not { } text) throw MigrationErrors.NoExportNamed(path, $"it is longer than {UriLimitBytes} bytes");
        try
        {
            var uri = NbdUri.Parse(text);
            if (sealedExport is not null && text != sealedExport) throw MigrationErrors.OtherExportNamed(path, uri.ToString(), sealedExport);
            return uri.UsesTls ? throw MigrationErrors.NoExportNamed(path, "the export is to be reached by TLS, which none that a disk was brought to is") : uri;
        }
        catch (NbdException e)
        {
            throw MigrationErrors.NoExportNamed(path, e.Said, e);
        }
    }

    /// <param name="disk">What the seal says.</param>
    /// <param name="opened">The disk; closed at the end.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="sealDirectory">Where its block map is.</param>
    /// <param name="progress">Told.</param>
    /// <param name="cancel">Stops it.</param>
    private static async Task<ClaimResult> CompareAsync(SealedDisk disk, IUncachedReader opened, string name, string sealDirectory, IProgress<SealProgress>? progress, CancellationToken cancel)
    {
        await using var reader = opened;
        if (reader.LengthBytes != disk.VirtualBytes)
            return new ClaimResult(disk.Key, false, $"its length is {Measures.Exact(reader.LengthBytes)}, sealed were {Measures.Exact(disk.VirtualBytes)}", Started);

        // Every byte: what is claimed of a seal years later is not left to the allocation map of a file.
        var whole = new WholeDisk(reader);
        var relay = progress is null ? null : new Relay(disk.Key, progress);
        var (map, noMap) = OpenMap(disk, sealDirectory, cancel);
        using (map)
        {
            if (map is null)
            {
                var root = Convert.ToHexStringLower(await DiskHash.RunAsync(whole, SealStatement.ParametersOf(disk), null, CopyOptions.Default, relay, cancel));
                return root == disk.FinalRoot ? Equal(disk, name) : new ClaimResult(disk.Key, false, $"it differs: its root is {root}, sealed was {disk.FinalRoot}. Where it differs cannot be said: {noMap}", Started);
            }

            var result = await ReadBack.RunAsync(whole, map, CopyOptions.Default, relay, cancel);
            if (result.IsEqual && Convert.ToHexStringLower(result.Root) == disk.FinalRoot) return Equal(disk, name);
            return new ClaimResult(disk.Key, false, Locate(result, disk.BlockBytes), Started);
        }
    }

    private static ClaimResult Equal(SealedDisk disk, string name) =>
        new(disk.Key, true, $"every byte of {name} is as it was sealed ({Measures.Size(disk.VirtualBytes)}, root {Measures.Short(disk.FinalRoot!)})");

    private static string Locate(ReadBackResult result, int blockBytes)
    {
        var blocks = (result.MismatchedBytes + blockBytes - 1) / blockBytes;
        var ranges = string.Join("; ", result.Mismatches.Take(RangesNamed).Select(m => $"offset {m.Range.Offset}, length {m.Range.LengthBytes}"));
        var more = result.MismatchesOmitted || result.Mismatches.Count > RangesNamed ? "; and more after these" : "";
        return $"{blocks} {(blocks == 1 ? "block differs" : "blocks differ")}: {ranges}{more}";
    }

    // The map is believed only after its SHA-256 is what the seal says, and its own root what the disk's must be.
    private static (BlockMap? Map, string Reason) OpenMap(SealedDisk disk, string sealDirectory, CancellationToken cancel)
    {
        if (disk.BlockMap is not { } file) return (null, "the seal names no block map");
        BlockMap? map = null;
        try
        {
            var path = Path.Combine(sealDirectory, file.Name);
            if (FileFacts.OfPathIfExists(path) is null) return (null, $"its block map {file.Name} is not beside the seal");
            if (FileDigest.Differs(path, file, cancel) is { } differs) return (null, $"its block map {file.Name} is not the sealed one ({differs})");
            map = BlockMap.Open(path);
            if (map.IsComplete && map.LengthBytes == disk.VirtualBytes && map.Parameters == SealStatement.ParametersOf(disk) && Convert.ToHexStringLower(map.Root()) == disk.FinalRoot) return (map, "");
            map.Dispose();
            return (null, $"its block map {file.Name} is of another disk");
        }
        catch (SealiftException e)
        {
            map?.Dispose();
            return (null, $"its block map cannot be read ({e.Said})"); // the disk is then proven without it, from its root alone
        }
    }

    private sealed class Relay(string key, IProgress<SealProgress> to) : IProgress<DiskProgress>
    {
        public void Report(DiskProgress value) => to.Report(new SealProgress(key, value.DoneBytes, value.TotalBytes));
    }

    /// <summary>A disk of which nothing is taken for a hole: what the image's own map says about itself is no proof.</summary>
    private sealed class WholeDisk(IDiskReader disk) : IDiskReader
    {
        public string Name => disk.Name;

        public long LengthBytes => disk.LengthBytes;

        public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel) => disk.ReadAsync(offset, buffer, cancel);

        public async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
        {
            await Task.CompletedTask;
            yield return new DiskExtent(offset, lengthBytes, IsHole: false);
        }

        public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => disk.VerifyUnchangedAsync(cancel);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask; // the caller owns the disk
    }
}
