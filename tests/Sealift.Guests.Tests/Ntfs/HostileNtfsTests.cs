using System.Buffers.Binary;
using System.Diagnostics;
using Sealift.Bench.FileSystems.Formats;
using Sealift.Bench.FileSystems;
using Sealift.Guests.Ntfs;

namespace Sealift.Guests.Tests.Ntfs;

/// <summary>Whatever is on a volume, a check ends in a report: soon, with little memory, and without any exception.</summary>
[Collection(nameof(NtfsVolumes))]
public sealed class HostileNtfsTests(NtfsVolumes volumes)
{
    // A check of these volumes takes some milliseconds; of a hostile one no more than the time to walk all of its clusters.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private const long MaximumAllocatedBytes = 256L << 20;
    private static readonly byte[] Extremes = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF];

    [Theory]
    [InlineData("mixed", 11, 700)]
    [InlineData("small", 12, 300)]
    [InlineData("large", 13, 300)]
    [InlineData("compressed", 14, 300)]
    [InlineData("shredded", 15, 200)]
    public async Task Changed_metadata_end_in_a_report(string name, int seed, int runs)
    {
        var volume = (byte[])volumes.Bytes(name).Clone();
        var places = (await NtfsMetadata.ReadAsync(volume, TestContext.Current.CancellationToken)).Places;
        var random = new Random(seed);
        var sound = 0;
        for (var run = 0; run < runs; run++)
        {
            var undo = new Stack<(int Offset, byte[] Bytes)>();
            for (var i = random.Next(1, 40); i > 0; i--) Mutate(volume, places[random.Next(places.Count)], places, random, undo);
            if (await CheckAsync(volume, $"{name}, seed {seed}, run {run}")) sound++;
            while (undo.TryPop(out var piece)) piece.Bytes.CopyTo(volume, piece.Offset);
        }

        Assert.InRange(sound, 0, runs / 5);
        Assert.True(await CheckAsync(volume, "all undone"));
    }

    [Fact]
    public async Task Records_that_are_whole_and_wrong_end_in_a_report()
    {
        const int Runs = 500;

        // The protection of records is put on again, so that what is behind it is reached.
        var editor = await VolumeEditor.CopyAsync(volumes.Bytes("mixed"));
        var random = new Random(5);
        var wrong = 0;
        for (var run = 0; run < Runs; run++)
        {
            var saved = editor.Bytes.AsSpan((int)(editor.Boot.MftCluster * editor.Boot.ClusterBytes), (int)editor.Records * 1024).ToArray();
            for (var i = random.Next(1, 6); i > 0; i--)
            {
                var number = random.Next(4) == 0 ? random.Next(1, 12) : random.Next(64, (int)editor.Records);
                await EditAsync(editor, number, random);
            }

            wrong += await CheckAsync(editor.Bytes, $"run {run}") ? 0 : 1;
            saved.CopyTo(editor.Bytes, (int)(editor.Boot.MftCluster * editor.Boot.ClusterBytes));
        }

        Assert.InRange(wrong, Runs / 2, Runs);
    }

    [Fact]
    public async Task Files_that_each_claim_all_of_the_volume_end_in_a_report()
    {
        var editor = await VolumeEditor.CopyAsync(volumes.Bytes("small"));
        var claims = 0;
        for (long number = SystemRecord.FirstOrdinary; number < editor.Records; number++)
        {
            var place = await editor.PlaceAsync(SystemRecord.Mft, AttributeType.Data, string.Empty, number * editor.Boot.RecordBytes);
            if (!MftRecord.LooksInUse(editor.Bytes.AsSpan(place, editor.Boot.RecordBytes))) continue;
            await editor.EditRecordAsync(number, r => claims += ClaimAll(r, (int)editor.Boot.Clusters));
        }

        Assert.InRange(claims, 20, 1000);
        var report = await NtfsVolumes.CheckAsync(editor.Bytes);
        Assert.False(report.IsComplete);
        Assert.Contains(report.Observations, o => o.Class == "ntfs.not-checked" && o.Text.StartsWith("More clusters are claimed twice", StringComparison.Ordinal));
        Assert.Equal(editor.Boot.Clusters, report.Facts.ClustersInUse);
    }

    [Fact]
    public async Task An_index_that_leads_back_to_itself_ends_in_a_report()
    {
        var editor = await VolumeEditor.CopyAsync(volumes.Bytes("mixed"));
        await editor.EditRecordAsync(await editor.FindAsync("System32"), r =>
        {
            // The child of the root's end entry, in its last eight bytes, becomes that of its first entry.
            var root = VolumeEditor.Value(r, AttributeType.IndexRoot, "$I30") + 32;
            var end = root;
            while ((r[end + 12] & 2) == 0) end += BinaryPrimitives.ReadUInt16LittleEndian(r.AsSpan(end + 8));
            Assert.NotEqual(root, end);
            r.AsSpan(root + BinaryPrimitives.ReadUInt16LittleEndian(r.AsSpan(root + 8)) - 8, 8).CopyTo(r.AsSpan(end + 16));
        });
        var report = await NtfsVolumes.CheckAsync(editor.Bytes);
        Assert.Contains(report.Observations, o => o.Class == "ntfs.index" && o.Text.Contains("two entries lead to the block at", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(4096)]
    [InlineData(65536)]
    [InlineData((48 << 20) - 1)]
    public async Task A_volume_cut_off_anywhere_ends_in_a_report(int lengthBytes) =>
        Assert.False((await NtfsVolumes.CheckAsync(volumes.Bytes("mixed").AsMemory(0, lengthBytes))).IsSound);

    [Fact]
    public async Task Noise_behind_a_boot_sector_ends_in_a_report()
    {
        var random = new Random(3);
        for (var run = 0; run < 50; run++)
        {
            var volume = new byte[1 << 20];
            random.NextBytes(volume);
            volumes.Bytes("plain").AsSpan(0, 512).CopyTo(volume);
            Assert.False(await CheckAsync(volume, $"run {run}"));
        }
    }

    // One run of three bytes for its length and one for its first cluster, 0.
    private static int ClaimAll(byte[] record, int clusters)
    {
        foreach (var attribute in MftRecord.Trusted(record))
        {
            if (attribute.Type != AttributeType.Data || !attribute.IsNonResident) continue;
            var runs = record.AsSpan(attribute.Offset + attribute.Bytes.U16(32));
            runs[0] = 0x13;
            BinaryPrimitives.WriteInt32LittleEndian(runs[1..], clusters);
            (runs[4], runs[5]) = (0, 0);
            return 1;
        }

        return 0;
    }

    private static async Task EditAsync(VolumeEditor editor, long number, Random random)
    {
        var place = await editor.PlaceAsync(SystemRecord.Mft, AttributeType.Data, string.Empty, number * editor.Boot.RecordBytes);
        var record = editor.Bytes.AsSpan(place, editor.Boot.RecordBytes).ToArray();
        if (Fixups.Apply(record, 0x2A) is not null) return; // changed already
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            var at = random.Next(0x10, 0x200);
            record[at] = random.Next(2) == 0 ? Extremes[random.Next(Extremes.Length)] : (byte)(record[at] ^ (1 << random.Next(8)));
        }

        VolumeEditor.Protect(record);
        record.CopyTo(editor.Bytes, place);
    }

    private static void Mutate(byte[] volume, Place place, IReadOnlyList<Place> places, Random random, Stack<(int Offset, byte[] Bytes)> undo)
    {
        var at = (int)place.Offset + random.Next(place.LengthBytes);
        var length = (int)Math.Min(random.Next(4) switch { 0 => 1, 1 => 8, 2 => random.Next(1, 64), _ => 1024 }, volume.Length - at);
        undo.Push((at, volume.AsSpan(at, length).ToArray()));
        switch (random.Next(5))
        {
            case 0:
                volume.AsSpan(at, length).Fill(Extremes[random.Next(Extremes.Length)]);
                break;
            case 1:
                // Something sound in the wrong place.
                var other = (int)places[random.Next(places.Count)].Offset;
                volume.AsSpan(other, Math.Min(length, volume.Length - other)).CopyTo(volume.AsSpan(at));
                break;
            case 2:
                volume[at] ^= (byte)(1 << random.Next(8));
                break;
            case 3:
                volume[at] = (byte)(volume[at] + 1);
                break;
            default:
                random.NextBytes(volume.AsSpan(at, length));
                break;
        }
    }

    private static async Task<bool> CheckAsync(byte[] volume, string what)
    {
        var watch = Stopwatch.StartNew();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        cancel.CancelAfter(Deadline);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var report = await NtfsVerifier.RunAsync(new MemoryVolume(volume), null, cancel.Token);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < MaximumAllocatedBytes, $"{what}: {allocated} bytes in {watch.Elapsed}");
        Assert.All(report.Observations, o => Assert.InRange(o.Text.Length, 1, 4096));
        return report.IsSound;
    }
}
