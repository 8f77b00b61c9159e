using Sealift.Blkhash;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A repair as a whole: what differs is copied again, whatever it is, and what must not be written never is.</summary>
public sealed class TargetRepairTests : IDisposable
{
    private const long Length = 48 << 20;
    private const int Block = 65536;
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task More_ranges_than_are_listed_are_all_repaired()
    {
        var content = await MadeAsync();
        var (before, spoilt) = (await File.ReadAllBytesAsync(scratch["target"], Cancel), 0);
        using (var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite))
            for (long at = 0; at < Length; at += 2 * Block, spoilt++) file.WriteAt([(byte)~before[at]], at);
        var told = new Told();
        var report = await RepairAsync(told);
        Assert.Equal((spoilt * (long)Block, spoilt * (long)Block, true), (report.DifferingBytes, report.RewrittenBytes, report.IsEqual));
        Assert.True(spoilt > CopyOptions.Default.MismatchLimit, $"{spoilt} ranges");
        Assert.Equal(CopyOptions.Default.MismatchLimit, told.Mismatches.Count);
        Assert.Equal(spoilt * (long)Block, told.More);
        Assert.All(told.Mismatches, m => Assert.Equal(m.Range.Offset, m.First!.Offset));
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["target"], Cancel));
        Assert.Equal(Convert.ToHexStringLower(Scratch.NaiveRoot(content)), report.Root);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    [InlineData("nbd")]
    public async Task Damage_in_data_in_zeros_and_in_the_last_block_is_repaired_on_every_kind_of_target(string kind)
    {
        var content = await MadeAsync();
        var target = scratch["target"];
        Spoil(target, 100_000, 30 << 20, Length - 1);
        if (kind == "qcow2")
        {
            await Scratch.ToolAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", target, scratch["target.qcow2"]);
            target = scratch["target.qcow2"];
        }

        await using var server = kind == "nbd" ? await Nbdkit.StartAsync(scratch, "file", target) : null;
        var told = new Told();
        var report = await RepairAsync(told, target: server?.Uri.ToString() ?? target);
        Assert.Equal([100_000, 30 << 20, Length - 1], told.Mismatches.Select(m => m.First!.Offset));
        Assert.Equal((3L * Block, true, true), (report.RewrittenBytes, report.IsEqual, told.Wrote));
        var format = kind == "qcow2" ? "qcow2" : "raw";
        await Scratch.ToolAsync("qemu-img", "compare", "-f", "raw", "-F", format, scratch["source.raw"], target);
        if (format == "raw") Assert.Equal(content, await File.ReadAllBytesAsync(target, Cancel));

        var again = new Told();
        Assert.Equal(0, (await RepairAsync(again, target: server?.Uri.ToString() ?? target)).RewrittenBytes);
        Assert.False(again.Wrote);
    }

    [Fact]
    public async Task A_look_alone_tells_what_differs_and_writes_nothing()
    {
        await MadeAsync();
        Spoil(scratch["target"], 100_000);
        var before = (File.GetLastWriteTimeUtc(scratch["target"]), await File.ReadAllBytesAsync(scratch["target"], Cancel));
        var told = new Told();
        var report = await RepairAsync(told, checkOnly: true);
        Assert.Equal((false, (long)Block, 0L, false), (report.IsEqual, report.DifferingBytes, report.RewrittenBytes, told.Wrote));
        Assert.Equal(100_000, Assert.Single(told.Mismatches).First!.Offset);
        Assert.Equal(before.Item1, File.GetLastWriteTimeUtc(scratch["target"]));
        Assert.Equal(before.Item2, await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    [Fact]
    public async Task A_source_or_a_map_of_another_disk_writes_nothing_at_all()
    {
        await MadeAsync();
        // The first block that differs is one that the other source has right; only a later one gives it away.
        File.Copy(scratch["source.raw"], scratch["other.raw"]);
        Spoil(scratch["other.raw"], 20 << 20);
        Spoil(scratch["target"], 100_000, 20 << 20);
        var before = await File.ReadAllBytesAsync(scratch["target"], Cancel);
        await RefusedAsync("SL4263", before, source: scratch["other.raw"]);

        await using (var disk = Scratch.OpenRaw(scratch.Raw("third.raw", Length, 9, (0, 2 << 20))))
        using (var map = scratch.Map("third.map", Length))
        {
            await DiskHash.RunAsync(disk, map.Parameters, map, CopyOptions.Default, null, Cancel);
            map.Close();
        }

        await RefusedAsync("SL4263", before, map: scratch["third.map"]);
    }

    [Fact]
    public async Task What_has_another_length_is_refused_before_anything_is_read()
    {
        await MadeAsync();
        File.Copy(scratch["target"], scratch["longer"]);
        using (var file = PosixFile.Open(scratch["longer"], OpenMode.ReadWrite)) file.SetLength(Length + 512);
        await RefusedAsync("SL4262", await File.ReadAllBytesAsync(scratch["longer"], Cancel), target: scratch["longer"]);
        await RefusedAsync("SL4263", await File.ReadAllBytesAsync(scratch["target"], Cancel), source: scratch["longer"]);
        await Scratch.ToolAsync("qemu-img", "create", "-q", "-f", "qcow2", scratch["other.qcow2"], "64M");
        await RefusedAsync("SL4262", await File.ReadAllBytesAsync(scratch["other.qcow2"], Cancel), target: scratch["other.qcow2"]);
    }

    [Fact]
    public async Task An_export_that_is_too_short_is_refused_and_one_that_is_longer_keeps_its_end()
    {
        var content = await MadeAsync();
        var store = scratch["store"];
        await File.WriteAllBytesAsync(store, content[..^512], Cancel);
        await using (var server = await Nbdkit.StartAsync(scratch, "file", store))
            await RefusedAsync("SL4206", await File.ReadAllBytesAsync(store, Cancel), target: server.Uri.ToString(), written: store);

        await File.WriteAllBytesAsync(store, [.. content, .. new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }.Concat(new byte[504])], Cancel);
        Spoil(store, 70_000);
        await using (var server = await Nbdkit.StartAsync(scratch, "file", store))
            Assert.Equal(Block, (await RepairAsync(new Told(), target: server.Uri.ToString())).RewrittenBytes);
        var now = await File.ReadAllBytesAsync(store, Cancel);
        Assert.Equal(content, now[..(int)Length]);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], now[(int)Length..((int)Length + 8)]);
    }

    [Fact]
    public async Task A_target_is_never_its_own_source_whatever_it_is_called()
    {
        await MadeAsync();
        Spoil(scratch["target"], 100_000);
        var before = await File.ReadAllBytesAsync(scratch["target"], Cancel);
        File.CreateSymbolicLink(scratch["link"], scratch["target"]);
        await RefusedAsync("SL4257", before, source: scratch["target"]);
        await RefusedAsync("SL4257", before, source: scratch["link"]);
        await RefusedAsync("SL4257", before, source: scratch["target"], target: scratch["link"]);
        await using var server = await Nbdkit.StartAsync(scratch, "file", scratch["target"]);
        await RefusedAsync("SL4257", before, source: server.Uri.ToString(), target: server.Uri.ToString());
    }

    [Fact]
    public async Task A_disk_that_somebody_uses_is_refused()
    {
        await MadeAsync();
        Spoil(scratch["target"], 100_000);
        var before = await File.ReadAllBytesAsync(scratch["target"], Cancel);
        using (var held = PosixFile.Open(scratch["target"], OpenMode.Read))
        {
            Assert.True(held.TryLock());
            await RefusedAsync("SL4261", before);
            held.Unlock();
        }

        await Scratch.ToolAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", scratch["target"], scratch["target.qcow2"]);
        foreach (var (path, format) in new[] { (scratch["target"], ImageFormat.Raw), (scratch["target.qcow2"], ImageFormat.Qcow2) })
        {
            // It holds the record locks by which qemu says that an image is in use.
            await using var running = await QemuNbdServer.StartWritableAsync(path, format, scratch.Folder, QemuCache.Writeback, Cancel);
            await RefusedAsync("SL4261", await File.ReadAllBytesAsync(path, Cancel), target: path);
        }
    }

    [Theory]
    [InlineData("gone")]
    [InlineData("vmdk")]
    [InlineData("backing")]
    [InlineData("directory")]
    public async Task What_is_no_target_is_refused(string kind)
    {
        await MadeAsync();
        var path = scratch[kind];
        switch (kind)
        {
            case "vmdk": await Scratch.ToolAsync("qemu-img", "convert", "-f", "raw", "-O", "vmdk", scratch["target"], path); break;
            case "backing": await Scratch.ToolAsync("qemu-img", "create", "-q", "-f", "qcow2", "-b", scratch["target"], "-F", "raw", path); break;
            case "directory": Directory.CreateDirectory(path); break;
        }

        var expected = kind switch { "gone" => "SL1001", "backing" => "SL4009", _ => "SL4264" };
        Assert.Equal(expected, (await Assert.ThrowsAnyAsync<SealiftException>(() => RepairAsync(new Told(), target: path))).Code);
    }

    [Fact]
    public async Task An_incomplete_or_damaged_map_repairs_nothing()
    {
        await MadeAsync();
        Spoil(scratch["target"], 100_000);
        var before = await File.ReadAllBytesAsync(scratch["target"], Cancel);
        File.Copy(scratch["map"], scratch["damaged"]);
        File.Copy(scratch["map"], scratch["short"]);
        using (var map = BlockMap.OpenForUpdate(scratch["map"]))
        {
            map.SetUnknown(3, 1);
            map.Close();
        }

        await RefusedAsync("SL4207", before);
        var bytes = await File.ReadAllBytesAsync(scratch["damaged"], Cancel);
        var page = bytes.AsSpan(8192).IndexOf("PAGE"u8) + 8192 + 5000;
        bytes[page] ^= 1;
        await File.WriteAllBytesAsync(scratch["damaged"], bytes, Cancel);
        await RefusedAsync("SL2106", before, map: scratch["damaged"]);
        using (var file = PosixFile.Open(scratch["short"], OpenMode.ReadWrite)) file.SetLength(9000);
        await RefusedAsync("SL2104", before, map: scratch["short"]);
    }

    [Fact]
    public async Task What_breaks_elsewhere_while_it_is_repaired_is_seen()
    {
        await MadeAsync();
        Spoil(scratch["target"], 100_000);
        var told = new Told { AtReadBack = number => { if (number == 2) Spoil(scratch["target"], 40 << 20); } };
        Assert.Equal("SL4235", (await Assert.ThrowsAsync<SealiftException>(() => RepairAsync(told))).Code);
        Assert.True(told.Wrote);
    }

    [Fact]
    public async Task Killed_while_it_writes_it_is_simply_run_again()
    {
        var content = await MadeAsync();
        var spoilt = Enumerable.Range(0, 40).Select(i => i * (1L << 20)).ToArray();
        Spoil(scratch["target"], spoilt);
        // What a kill after the first half leaves: some ranges right, one half written, the rest as it was.
        using (var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite))
        {
            foreach (var at in spoilt.Take(20)) file.WriteAt(content.AsSpan((int)at, Block), at);
            file.WriteAt(content.AsSpan((int)spoilt[20], 4096), spoilt[20]);
            file.WriteAt(new byte[5000], spoilt[20] + 4096);
        }

        var report = await RepairAsync(new Told());
        Assert.Equal(20L * Block, report.RewrittenBytes);
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["target"], Cancel));

        using var stop = new CancellationTokenSource();
        Spoil(scratch["target"], spoilt);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RepairAsync(new Told { AtWriting = stop.Cancel }, cancel: stop.Token));
        Assert.Equal(40L * Block, (await RepairAsync(new Told())).RewrittenBytes);
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    public void Dispose() => scratch.Dispose();

    /// <summary>A source, a whole copy of it, and the map of the copy.</summary>
    private async Task<byte[]> MadeAsync()
    {
        var path = scratch.Raw("source.raw", Length, 1, (0, 3 << 20), (4 << 20, 17 << 20), (Length - 5000, 5000));
        File.Copy(path, scratch["target"]);
        await using var disk = Scratch.OpenRaw(path);
        using var map = scratch.Map("map", Length);
        await DiskHash.RunAsync(disk, map.Parameters, map, CopyOptions.Default, null, Cancel);
        map.Close();
        return await File.ReadAllBytesAsync(path, Cancel);
    }

    private static void Spoil(string path, params long[] offsets)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        var one = new byte[1];
        foreach (var at in offsets)
        {
            file.ReadExactlyAt(one, at);
            one[0] ^= 0x40;
            file.WriteAt(one, at);
        }
    }

    private async Task RefusedAsync(string code, byte[] before, string? source = null, string? target = null, string? map = null, string? written = null)
    {
        var told = new Told();
        Assert.Equal(code, (await Assert.ThrowsAnyAsync<SealiftException>(() => RepairAsync(told, source, target, map))).Code);
        Assert.False(told.Wrote);
        var path = written ?? (target is null || target.Contains("://", StringComparison.Ordinal) ? scratch["target"] : target);
        // By a call of our own: the runtime's takes a lock for reading, which the lock of a test would refuse.
        using var file = PosixFile.Open(path, OpenMode.Read);
        var now = new byte[before.Length];
        file.ReadExactlyAt(now, 0);
        Assert.Equal(before.Length, file.Facts().LengthBytes);
        Assert.Equal(before, now);
    }

    private async Task<RepairReport> RepairAsync(Told told, string? source = null, string? target = null, string? map = null, bool checkOnly = false, CancellationToken? cancel = null)
    {
        using var opened = BlockMap.Open(map ?? scratch["map"]);
        var to = await RepairTarget.ExamineAsync(target ?? scratch["target"], null, new NbdOptions(), scratch.Folder, Cancel);
        var from = await CopySource.ExamineAsync(source ?? scratch["source.raw"], new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), scratch.Folder, Cancel);
        return await TargetRepair.RunAsync(new RepairRequest(to, from, opened) { CheckOnly = checkOnly }, told, cancel ?? Cancel);
    }

    private sealed class Told : IRepairObserver
    {
        public Action? AtWriting { get; init; }

        public List<Mismatch> Mismatches { get; } = [];

        public long More { get; private set; }

        public bool Wrote { get; private set; }

        public void Begun(long lengthBytes) => Assert.Equal(Length, lengthBytes);

        public Action<int>? AtReadBack { get; init; }

        private int readBacks;

        public IProgress<DiskProgress>? Progress(string stage)
        {
            AtReadBack?.Invoke(++readBacks);
            return null;
        }

        public void Differs(Mismatch mismatch) => Mismatches.Add(mismatch);

        public void DiffersMore(long differingBytes) => More = differingBytes;

        public void Writing(long differingBytes)
        {
            Wrote = true;
            AtWriting?.Invoke();
        }
    }
}
