using CsCheck;
using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>Changed areas of a disk: whatever pages they come in they are the same, and an answer that cannot be is never half believed.</summary>
public sealed class ChangedAreasTests
{
    private const long Capacity = 1 << 16;

    private static readonly Gen<(long Start, long Length)[]> Areas = Gen.Select(Gen.Long[0, Capacity - 1], Gen.Long[1, 5000]).Select((s, l) => (s, Math.Min(l, Capacity - s))).Array[0, 60];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_area_is_found_once_in_whatever_pages_and_order_it_comes() =>
        Gen.Select(Areas, Gen.Int[1, 7], Gen.Long[1, Capacity], Gen.Int[0, 1000]).Sample((areas, most, step, seed) =>
        {
            var random = new Random(seed);
            var found = Collect(offset =>
            {
                // What begins in a part is told in it, as far as the page holds; empty parts are told, too.
                var end = Math.Min(Capacity, offset + step);
                var told = areas.Where(a => a.Start < end && a.Start + a.Length > offset).OrderBy(a => a.Start).Take(most + 1).ToList();
                if (told.Count > most)
                {
                    end = Math.Max(offset + 1, Math.Min(end, told[^1].Start));
                    told.RemoveAt(told.Count - 1);
                }

                told = [.. told.Where(a => a.Start < end).Concat(told.Take(random.Next(3)))]; // and some of them twice
                random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(told));
                return new ChangedAreaPage(offset, end - offset, told);
            });
            Assert.Equal(Bitmap(areas), Bitmap(found.Select(a => (a.Start, a.Length))));
            Ordered(found);
        }, iter: 300);

    [Fact]
    public void Whatever_a_server_says_it_ends_and_nothing_lies_outside_of_the_disk() =>
        Gen.Select(Gen.Select(Wild(), Wild(), Gen.Select(Wild(), Wild()).Array[0, 5]).Array[1, 12], Gen.Bool).Sample((pages, honest) =>
        {
            var asked = 0;
            long last = -1;
            try
            {
                var found = Collect(offset =>
                {
                    Assert.True(offset > last); // it goes on, always
                    last = offset;
                    Assert.True(asked <= pages.Length);
                    if (asked == pages.Length) return new ChangedAreaPage(offset, Capacity - offset, []); // at last it is told all
                    var (start, length, areas) = pages[asked++];
                    return honest ? new ChangedAreaPage(offset, Math.Abs(length % Capacity) + 1, areas) : new ChangedAreaPage(start, length, areas);
                });
                Ordered(found);
            }
            catch (VSphereException e)
            {
                Assert.Equal("SL3321", e.Code);
            }
        }, iter: 2000);

    [Theory]
    [InlineData(4096, 1L << 40)] // a part is left out
    [InlineData(0, 0)] // it stands still
    [InlineData(0, -1)]
    [InlineData(-1, 100)]
    [InlineData(long.MaxValue, 1)]
    [InlineData(1, long.MaxValue)]
    public void An_answer_that_leaves_a_gap_or_stands_still_is_refused(long start, long length) =>
        Assert.Equal("SL3321", Assert.Throws<VSphereException>(() => Collect(_ => new ChangedAreaPage(start, length, []))).Code);

    [Theory]
    [InlineData(-1, 2)]
    [InlineData(5, -1)]
    [InlineData(long.MaxValue, 2)]
    [InlineData(long.MinValue, long.MaxValue)]
    public void An_area_that_cannot_be_is_refused(long start, long length) =>
        Assert.Equal("SL3321", Assert.Throws<VSphereException>(() => Collect(o => new ChangedAreaPage(o, Capacity, [(start, length)]))).Code);

    [Fact]
    public void The_next_question_begins_where_the_answer_ends_and_not_behind_its_last_area()
    {
        var asked = new List<long>();
        var found = Collect(offset =>
        {
            asked.Add(offset);
            return offset switch
            {
                0 => new ChangedAreaPage(0, 1000, [(8, 2), (0, 8)]), // they touch: one area
                1000 => new ChangedAreaPage(1000, 5000, []), // nothing changed in this part: that is not the end
                _ => new ChangedAreaPage(500, Capacity, [(Capacity - 1, 5), (Capacity + 5, 5), (20, 0)]), // begins before, reaches beyond
            };
        });
        Assert.Equal([0, 1000, 6000], asked);
        Assert.Equal([new DiskArea(0, 10), new DiskArea(Capacity - 1, 1)], found);
    }

    [Fact]
    public async Task More_areas_than_one_answer_holds_are_all_found()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var (machine, snapshot, disk) = await TrackedAsync(client);
        const int Count = 5000; // a page of ESXi's has 2,000
        const long Length = 16L << 30;
        var areas = string.Join(',', Enumerable.Range(0, Count).Select(i => $"[{(long)i * (2 << 20)},65536]"));
        await server.TrackAsync($$"""{"key":{{disk.Key}},"capacity":{{Length}},"areas":[{{areas}}],"pageAreas":2000}""", Cancel);
        var found = await client.ChangedAreasAsync(machine, snapshot, disk.Key, disk.ChangeId!, Length, Cancel);
        Assert.Equal(Enumerable.Range(0, Count).Select(i => new DiskArea((long)i * (2 << 20), 65536)), found);
        Assert.Equal(3, await server.CountAsync("QueryChangedDiskAreas", Cancel));
    }

    [Fact]
    public async Task A_session_that_ends_and_a_reply_that_is_lost_between_two_pages_lose_no_area()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var (machine, snapshot, disk) = await TrackedAsync(client);
        await server.TrackAsync($$"""{"key":{{disk.Key}},"capacity":1048576,"areas":[[0,512],[4096,512],[8192,512],[12288,512]],"pageAreas":1}""", Cancel);
        await server.HappenAsync("QueryChangedDiskAreas", "expire", Cancel, skip: 1);
        await server.HappenAsync("QueryChangedDiskAreas", "drop-reply", Cancel, skip: 1);
        var found = await client.ChangedAreasAsync(machine, snapshot, disk.Key, VSphereClient.AllAllocated, 1048576, Cancel);
        Assert.Equal([0, 4096, 8192, 12288], found.Select(a => a.Start));
    }

    [Fact]
    public async Task A_server_that_lies_and_one_that_refuses_are_told_apart()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var (machine, snapshot, disk) = await TrackedAsync(client);
        await server.TrackAsync($$"""{"key":{{disk.Key}},"capacity":1048576,"script":[{"start":0,"length":4096,"areas":[[0,512]]},{"start":0,"length":4096,"areas":[]}]}""", Cancel);
        var lie = await Assert.ThrowsAsync<VSphereException>(() => client.ChangedAreasAsync(machine, snapshot, disk.Key, disk.ChangeId!, 1048576, Cancel));
        Assert.Equal("SL3321", lie.Code);
        var refusal = await Assert.ThrowsAsync<VSphereFaultException>(() => client.ChangedAreasAsync(machine, snapshot, disk.Key, "no such id", 1048576, Cancel));
        Assert.Equal("SL3315", refusal.Code);
        Assert.EndsWith(".vmdk", refusal.Fault.File, StringComparison.Ordinal);
    }

    private static async Task<(ManagedReference Machine, ManagedReference Snapshot, VirtualDisk Disk)> TrackedAsync(VSphereClient client)
    {
        var machine = await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", Cancel) ?? throw new InvalidOperationException("there is no machine");
        await client.SetChangeTrackingAsync(machine, on: true, Cancel);
        var snapshot = (await client.MakeSnapshotAsync(machine, "sealift", string.Empty, quiesce: false, Cancel)).Snapshot;
        return (machine, snapshot, Assert.Single(await client.SnapshotDisksAsync(snapshot, Cancel)));
    }

    private static Gen<long> Wild() => Gen.OneOf(Gen.Long[-2, 2 * Capacity], Gen.Long, Gen.Const(long.MaxValue), Gen.Const(0L));

    private static IReadOnlyList<DiskArea> Collect(Func<long, ChangedAreaPage> ask)
    {
        var collecting = ChangedAreas.CollectAsync("a disk", Capacity, offset => Task.FromResult(ask(offset)));
        Assert.True(collecting.IsCompleted);
        return collecting.GetAwaiter().GetResult();
    }

    private static void Ordered(IReadOnlyList<DiskArea> areas)
    {
        for (var i = 0; i < areas.Count; i++)
        {
            Assert.InRange(areas[i].Start, 0, Capacity - 1);
            Assert.InRange(areas[i].Length, 1, Capacity - areas[i].Start);
            if (i > 0) Assert.True(areas[i].Start > areas[i - 1].End);
        }
    }

    private static bool[] Bitmap(IEnumerable<(long Start, long Length)> areas)
    {
        var bytes = new bool[Capacity];
        foreach (var (start, length) in areas) Array.Fill(bytes, true, (int)start, (int)length);
        return bytes;
    }
}
