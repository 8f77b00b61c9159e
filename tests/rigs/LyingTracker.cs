using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>What a change tracker does to what it should tell.</summary>
internal enum TrackerLie
{
    /// <summary>Areas are left out.</summary>
    DroppedAreas,

    /// <summary>Areas lie elsewhere.</summary>
    ShiftedAreas,

    /// <summary>The list ends before its end.</summary>
    CutOffList,

    /// <summary>Everything is told twice: no lie at all.</summary>
    DuplicatePages,

    /// <summary>Areas are shorter than what was written.</summary>
    CutShortAreas,

    /// <summary>It was cleared, and has forgotten everything.</summary>
    ClearedBitmap,
}

/// <summary>A disk that was copied, was written to at random places, and whose tracker does not tell all of it; and the pass that believes it.</summary>
/// <param name="Injected">Blocks that were written and that it kept to itself.</param>
/// <param name="Found">Blocks that the pass calls lies.</param>
/// <param name="HasArrived">Whether the target is the source, byte by byte.</param>
/// <param name="RootIsOfMap">Whether the root that the pass says is that of the map that it left.</param>
internal sealed record LyingTracker(IReadOnlySet<long> Injected, IReadOnlySet<long> Found, bool HasArrived, bool RootIsOfMap)
{
    public const int BlockBytes = 4096;

    private static readonly BlkhashParameters Hash = new(BlkhashAlgorithm.Sha256, BlockBytes);

    /// <summary>Lets it lie once.</summary>
    /// <param name="directory">An existing directory, for the files; they are gone afterwards.</param>
    /// <param name="random">Where it writes, and what of that it tells.</param>
    /// <param name="length">Of the disk, in bytes.</param>
    /// <param name="writes">How often it is written, at least once.</param>
    /// <param name="lie">How it lies.</param>
    /// <param name="audit">How much of what it does not tell is looked at.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<LyingTracker> LieAsync(string directory, Random random, int length, int writes, TrackerLie lie, AuditScope audit, CancellationToken cancel)
    {
        var place = Directory.CreateDirectory(Path.Combine(directory, $"lie-{Guid.NewGuid():N}"));
        string In(string name) => Path.Combine(place.FullName, name);
        try
        {
            var bytes = new byte[length];
            random.NextBytes(bytes.AsSpan(0, length / 2));
            await File.WriteAllBytesAsync(In("source"), bytes, cancel);
            await DiskImage.CreateAsync(In("target"), ImageFormat.Raw, length, cancel);
            BlockMap.Create(In("map"), length, Hash).Close();
            _ = await PassAsync(In, new WarmPassPlan(null, AuditScope.None), cancel); // the copy that the next pass builds on; a bad one shows then

            var written = new List<DiskRange>();
            for (; writes > 0; writes--)
            {
                var offset = random.Next(0, length);
                written.Add(new DiskRange(offset, Math.Min(length - offset, random.Next(1, 9000))));
                random.NextBytes(bytes.AsSpan(offset, (int)written[^1].LengthBytes));
            }

            await File.WriteAllBytesAsync(In("source"), bytes, cancel);
            var told = Told(lie, random, written);
            var claimed = await ChangeList.ReadAsync("d", length, BlockBytes, (offset, _) => Task.FromResult(Page(random, told, offset, length)), cancel);
            var injected = Blocks(written);
            injected.ExceptWith(Blocks(claimed.Ranges(BlockBytes, length)));
            var result = await PassAsync(In, new WarmPassPlan(claimed, audit), cancel);
            using var map = BlockMap.Open(In("map"));
            var target = await File.ReadAllBytesAsync(In("target"), cancel);
            return new LyingTracker(injected, Blocks(result.Lies), bytes.AsSpan().SequenceEqual(target), map.Root().AsSpan().SequenceEqual(result.Copied.Root));
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    /// <summary>A page of random length, now and then empty, with what lies in it, in any order, some of it twice.</summary>
    public static ChangePage Page(Random random, IReadOnlyList<DiskRange> ranges, long offset, long length)
    {
        var end = Math.Min(length, offset + random.Next(512, 50_000));
        var inside = ranges.Where(r => r.Offset < end && r.End > offset).ToList();
        return new ChangePage(end, [.. inside.OrderBy(_ => random.Next()), .. inside.Take(random.Next(0, 2))]);
    }

    private static List<DiskRange> Told(TrackerLie lie, Random random, List<DiskRange> written) => lie switch
    {
        TrackerLie.DroppedAreas => [.. written.Where(_ => random.Next(2) == 0)],
        TrackerLie.ShiftedAreas => [.. written.Select(r => r with { Offset = r.Offset + BlockBytes })],
        TrackerLie.CutOffList => [.. written.Take(written.Count / 2)],
        TrackerLie.DuplicatePages => [.. written.Concat(written)],
        TrackerLie.CutShortAreas => [.. written.Select(r => r with { LengthBytes = r.LengthBytes / 3 })],
        TrackerLie.ClearedBitmap => [],
        _ => throw new ArgumentOutOfRangeException(nameof(lie)),
    };

    private static HashSet<long> Blocks(IEnumerable<DiskRange> ranges)
    {
        var blocks = new HashSet<long>();
        foreach (var range in ranges)
            for (var at = range.Offset / BlockBytes; at * BlockBytes < range.End; at++) blocks.Add(at);
        return blocks;
    }

    private static async Task<WarmPassResult> PassAsync(Func<string, string> place, WarmPassPlan plan, CancellationToken cancel)
    {
        var length = new FileInfo(place("source")).Length;
        await using var source = await DiskImage.OpenReadAsync(new ImageReference(new ImageLocation(place("source")), ImageFormat.Raw, string.Empty, length, length, null, [place("source")]), Path.GetTempPath(), cancel);
        await using var target = await DiskImage.OpenWriteAsync(place("target"), ImageFormat.Raw, Path.GetTempPath(), cancel);
        using var map = BlockMap.OpenForUpdate(place("map"));
        var result = await WarmPass.RunAsync(source, target, map, plan, CopyOptions.Default with { MismatchLimit = int.MaxValue }, _ => null, cancel);
        map.Close();
        return result;
    }
}
