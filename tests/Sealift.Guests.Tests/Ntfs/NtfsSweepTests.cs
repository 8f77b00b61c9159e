using Sealift.Bench.FileSystems.Formats;
using Sealift.Bench.FileSystems;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Ntfs;

/// <summary>
/// Single damages to used metadata: 4 KiB or 64 KiB of zeros, or one flipped bit. Ours beside what Linux has: ntfsfix(8) -n and
/// ntfsresize(8) -i -f, which count as having seen it where their exit code or one word of their output is another one than before.
/// </summary>
[Collection(nameof(NtfsVolumes))]
public sealed class NtfsSweepTests(NtfsVolumes volumes)
{
    private const int EachKind = 45;
    private static readonly string[] Kinds = ["4 KiB of zeros", "64 KiB of zeros", "one flipped bit"];

    [Fact]
    public async Task Nine_of_ten_damages_are_found_wherever_they_are()
    {
        // Every structure is hit as often as every other, so that the small ones are seen at all.
        var found = await SweepAsync("mixed", 1, EachKind, ofStructures: true, withPeers: true);
        Assert.InRange(found, EachKind * Kinds.Length * 9 / 10, EachKind * Kinds.Length);
    }

    [Theory]
    [InlineData("mixed")]
    [InlineData("many")]
    [InlineData("small")]
    public async Task Most_damages_are_found_where_metadata_are(string name)
    {
        // Every block of metadata is hit as often as every other: four of five are of $MFT, whose records are full of times, for which
        // any value is possible.
        const int Each = 100;
        var found = await SweepAsync(name, 2, Each, ofStructures: false, withPeers: false);
        Assert.InRange(found, Each * Kinds.Length * 85 / 100, Each * Kinds.Length);
    }

    private async Task<int> SweepAsync(string name, int seed, int each, bool ofStructures, bool withPeers)
    {
        var volume = (byte[])volumes.Bytes(name).Clone();
        var map = await NtfsMetadata.ReadAsync(volume, TestContext.Current.CancellationToken);
        var groups = ofStructures
            ? map.Places.GroupBy(p => p.Structure).Select(g => g.ToList()).ToList()
            : map.Places.GroupBy(p => p.Offset / NtfsMetadata.BlockBytes).Select(g => g.ToList()).ToList();
        var random = new Random(seed);
        var copy = volumes.Scratch($"{name}.sweep");
        string fixBefore = string.Empty, resizeBefore = string.Empty;
        if (withPeers)
        {
            await File.WriteAllBytesAsync(copy, volume, TestContext.Current.CancellationToken);
            (fixBefore, resizeBefore) = (await PeerAsync("ntfsfix", "-n", copy), await PeerAsync("ntfsresize", "-i", "-f", "-P", copy));
        }

        var rows = new SortedDictionary<string, (int All, int Ours, int Fix, int Resize)>(StringComparer.Ordinal);
        var found = 0;
        foreach (var kind in Kinds)
        {
            for (var i = 0; i < each; i++)
            {
                var (place, start, length, bit) = Choose(random, groups[random.Next(groups.Count)], kind, volume);
                var saved = volume.AsSpan(start, length).ToArray();
                if (kind == Kinds[2]) volume[start] ^= (byte)(1 << bit);
                else volume.AsSpan(start, length).Clear();
                var ours = !(await NtfsVolumes.CheckAsync(volume)).IsSound;
                bool fix = false, resize = false;
                if (withPeers)
                {
                    Patch(copy, start, volume.AsSpan(start, length));
                    (fix, resize) = (await PeerAsync("ntfsfix", "-n", copy) != fixBefore, await PeerAsync("ntfsresize", "-i", "-f", "-P", copy) != resizeBefore);
                    Patch(copy, start, saved);
                }

                saved.CopyTo(volume, start);
                found += ours ? 1 : 0;
                foreach (var key in (string[])[kind, $"  {place.Structure}", "total"])
                {
                    var row = rows.GetValueOrDefault(key);
                    rows[key] = (row.All + 1, row.Ours + (ours ? 1 : 0), row.Fix + (fix ? 1 : 0), row.Resize + (resize ? 1 : 0));
                }
            }
        }

        Print($"{name}, {(ofStructures ? "each structure as often" : "each block as often")}", rows, withPeers);
        return found;
    }

    private static (Place Place, int Start, int Length, int Bit) Choose(Random random, List<Place> group, string kind, byte[] volume)
    {
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            var at = random.Next(group.Sum(p => p.LengthBytes));
            var index = 0;
            while (at >= group[index].LengthBytes) at -= group[index++].LengthBytes;
            var place = group[index];
            var offset = (int)place.Offset + at;
            var size = kind == Kinds[0] ? 4096 : 65536;
            var (start, length) = kind == Kinds[2] ? (offset, 1) : (offset / size * size, Math.Min(size, volume.Length - (offset / size * size)));
            // Zeros over zeros are no damage.
            if (kind == Kinds[2] || volume.AsSpan(start, length).ContainsAnyExcept((byte)0)) return (place, start, length, random.Next(8));
        }

        throw new InvalidOperationException($"Nothing but zeros in {group[0].Structure}");
    }

    private static void Patch(string path, int offset, ReadOnlySpan<byte> bytes)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.Write(file, bytes, offset);
    }

    // Exit code and words; a tool that is killed by what it reads has seen something too.
    private static async Task<string> PeerAsync(string program, params string[] arguments)
    {
        try
        {
            var result = await ChildProcess.RunAsync(
                new ChildCommand(program, arguments) { Deadline = TimeSpan.FromMinutes(1), AcceptedExitCodes = [.. Enumerable.Range(0, 256)] }, TestContext.Current.CancellationToken);
            return $"{result.ExitCode}\n{result.Output}\n{result.ErrorTail}";
        }
        catch (ChildException e) when (e.End is { BySignal: true })
        {
            return e.Message;
        }
    }

    private static void Print(string title, SortedDictionary<string, (int All, int Ours, int Fix, int Resize)> rows, bool withPeers)
    {
        var output = TestContext.Current.TestOutputHelper;
        output?.WriteLine(title);
        foreach (var (name, row) in rows)
            output?.WriteLine($"{name,-22} {row.Ours,4} of {row.All,4}{(withPeers ? $"   ntfsfix -n {row.Fix,4}   ntfsresize -i -f {row.Resize,4}" : string.Empty)}");
    }
}
