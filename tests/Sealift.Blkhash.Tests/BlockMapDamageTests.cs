using System.Buffers.Binary;
using System.IO.Hashing;
using CsCheck;
using Sealift.Posix;

namespace Sealift.Blkhash.Tests;

public sealed class BlockMapDamageTests
{
    private static readonly BlkhashParameters Small = new(BlkhashAlgorithm.Md5, 4);

    /// <summary>A map that was left behind by a crash: two different checkpoints, and changes after the last.</summary>
    private static (byte[] File, MapModel Newest, MapModel Before) Crashed(TemporaryDirectory directory, int seed = 1)
    {
        var random = new Random(seed);
        var path = directory.File($"crashed-{seed}");
        var model = new MapModel((4 * 4096 * 3) - 2, Small);
        MapModel? before = null;
        using (var map = BlockMap.Create(path, model.LengthBytes, Small))
        {
            for (var checkpoint = 0; checkpoint < 4; checkpoint++)
            {
                before = model.Clone();
                model.Set(map, random.Next(4096), 5000, (BlockState)random.Next(3));
                for (var i = 0; i < 30; i++) model.SetData(map, random.NextInt64(model.BlockCount), random.Next());
                map.Checkpoint();
            }

            // Lost with the crash, but on its way into the file: pages of a copy of the model, never checkpointed.
            var lost = model.Clone();
            for (var i = 0; i < 30; i++) lost.SetData(map, random.NextInt64(model.BlockCount), random.Next());
        }

        return (File.ReadAllBytes(path), model, before!);
    }

    /// <summary>Null where the damage was noticed, else the map's state is compared with what was really checkpointed.</summary>
    private static void AssertRefusedOrReal(string path, string what, params MapModel[] real)
    {
        try
        {
            using var map = BlockMap.Open(path);
            map.Verify(TestContext.Current.CancellationToken);
            if (!real.Any(m => m.Mismatch(map) is null)) Assert.Fail($"{what}: the map opened and verified with a state that never was");
        }
        catch (SealiftException e)
        {
            Assert.True(e.Code.StartsWith("SL21", StringComparison.Ordinal), $"{what}: {e.Message}");
            Assert.Contains(path, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_crash_leaves_the_last_checkpoint()
    {
        using var directory = new TemporaryDirectory();
        for (var seed = 1; seed < 20; seed++)
        {
            var (_, newest, _) = Crashed(directory, seed);
            using (var reader = BlockMap.Open(directory.File($"crashed-{seed}"))) Assert.Null(newest.Mismatch(reader));
            using var map = BlockMap.OpenForUpdate(directory.File($"crashed-{seed}"));
            map.Verify(TestContext.Current.CancellationToken);
            Assert.Null(newest.Mismatch(map));
        }
    }

    /// <summary>
    /// The worst that a crash in the middle of a checkpoint can do: every byte that neither of the two last checkpoints needs
    /// is garbage, and the header that was being written is torn. Both checkpoints must have survived.
    /// </summary>
    [Fact]
    public void A_torn_checkpoint_leaves_the_one_before_whole()
    {
        using var directory = new TemporaryDirectory();
        for (var seed = 1; seed < 20; seed++)
        {
            var (bytes, newest, before) = Crashed(directory, seed);
            var slot = SpecificationReader.NewestSlot(bytes);
            var live = new bool[bytes.Length];
            foreach (var reader in new[] { new SpecificationReader(bytes, slot), new SpecificationReader(bytes, 1 - slot) })
                foreach (var (offset, length) in reader.Live) live.AsSpan(offset, length).Fill(true);
            for (var i = 0; i < bytes.Length; i++)
                if (!live[i]) bytes[i] ^= 0xA5;
            var path = directory.File("torn");
            File.WriteAllBytes(path, bytes);
            using (var map = BlockMap.Open(path)) Assert.Null(newest.Mismatch(map));
            bytes.AsSpan((slot * 4096) + 512, 3584).Fill(0x5A); // the first sector of the newest header is new, the rest is not
            File.WriteAllBytes(path, bytes);
            using (var map = BlockMap.Open(path))
            {
                map.Verify(TestContext.Current.CancellationToken);
                Assert.Null(before.Mismatch(map));
            }

            using (var map = BlockMap.OpenForUpdate(path)) // goes on from there
            {
                var model = before.Clone();
                model.Set(map, 0, model.BlockCount, BlockState.Zero);
                model.SetData(map, 7, 7);
                map.Close();
                using var again = BlockMap.Open(path);
                Assert.Null(model.Mismatch(again));
            }
        }
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused_or_as_it_was()
    {
        using var directory = new TemporaryDirectory();
        var (bytes, newest, before) = Crashed(directory);
        var path = directory.File("cut");
        for (var length = 0; length < bytes.Length; length += length is < 20 or > 8150 and < 8250 ? 1 : 211)
        {
            File.WriteAllBytes(path, bytes[..length]);
            AssertRefusedOrReal(path, $"cut at {length}", newest, before);
        }

        var closed = Closed(directory, out var model);
        for (var length = 0; length < closed.Length; length += length is > 100 and < 8000 ? 13 : 1)
        {
            File.WriteAllBytes(path, closed[..length]);
            var e = Assert.Throws<SealiftException>(() => BlockMap.Open(path));
            Assert.True(e.Code is "SL2101" or "SL2104", e.Message);
        }

        Assert.NotNull(model);
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_noticed_or_changes_nothing()
    {
        using var directory = new TemporaryDirectory();
        var closed = Closed(directory, out var model);
        var live = new bool[closed.Length];
        foreach (var (offset, length) in new SpecificationReader(closed, SpecificationReader.NewestSlot(closed)).Live) live.AsSpan(offset, length).Fill(true);
        var path = directory.File("flipped");
        var noticed = 0;
        File.WriteAllBytes(path, closed);
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        for (var at = 0; at < closed.Length; at++)
        {
            RandomAccess.Write(file, [(byte)(closed[at] ^ (1 << (at % 8)))], at);
            try
            {
                using var map = BlockMap.Open(path);
                map.Verify(TestContext.Current.CancellationToken);
                // Only what nothing refers to, or one of two equal headers, may go unnoticed; and then the content is right.
                Assert.True(at < 8192 || !live[at], $"flipped at {at}");
                if (at % 64 == 0 || (at < 8192 && at % 4096 < 80)) Assert.Null(model.Mismatch(map));
            }
            catch (SealiftException e)
            {
                Assert.True(live[at], $"flipped at {at}: {e.Message}");
                Assert.True(e.Code is "SL2105" or "SL2106", e.Message);
                noticed++;
            }

            RandomAccess.Write(file, [closed[at]], at);
        }

        Assert.Equal(live.Skip(8192).Count(l => l), noticed);
    }

    [Fact]
    public void A_flipped_bit_in_a_crashed_map_is_noticed_or_leads_to_a_real_checkpoint()
    {
        using var directory = new TemporaryDirectory();
        var (bytes, newest, before) = Crashed(directory);
        var path = directory.File("flipped");
        for (var at = 0; at < bytes.Length; at += at is < 80 or > 4080 and < 4180 ? 1 : 149)
        {
            bytes[at] ^= 16;
            File.WriteAllBytes(path, bytes);
            AssertRefusedOrReal(path, $"flipped at {at}", newest, before);
            bytes[at] ^= 16;
        }
    }

    [Theory]
    [InlineData(500)] // a state
    [InlineData(16 + 1024 + 5)] // a leaf, which nothing but the checksum tells from another
    public void A_damaged_page_is_noticed_when_it_is_read(int damage)
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("map");
        using (var map = BlockMap.Create(path, 4 * 4096 * 2, Small))
        {
            map.SetData(0, new byte[16]);
            map.SetData(4096, new byte[16]);
            map.Close();
        }

        var bytes = File.ReadAllBytes(path);
        var second = bytes.AsSpan().LastIndexOf("PAGE"u8);
        bytes[second + damage] ^= 1;
        File.WriteAllBytes(path, bytes);
        using var damaged = BlockMap.OpenForUpdate(path);
        var leaf = new byte[16];
        Assert.Equal(BlockState.Data, damaged.Read(0, leaf));
        void Refused(Action use)
        {
            var e = Assert.Throws<SealiftException>(use);
            Assert.Equal("SL2106", e.Code);
            Assert.Contains($"offset {second}", e.Message, StringComparison.Ordinal);
        }

        Refused(() => damaged.Read(5000, leaf));
        Refused(() => damaged.SetData(5000, leaf));
        Refused(() => damaged.Verify(TestContext.Current.CancellationToken));
        Refused(() => _ = damaged.Runs().Count());
        Refused(() => BlockMap.CreateCopy(directory.File("copy"), damaged));
        Assert.False(File.Exists(directory.File("copy")));
        damaged.SetZeroes(4096, 4096, BlockState.Zero); // replaced as a whole: nothing of the damaged page is used
        damaged.Close();
    }

    public static TheoryData<int, int, long, string> HostileHeaderFields => new()
    {
        { 8, 4, 2, "SL2102" }, // version
        { 12, 4, 0, "SL2103" }, { 12, 4, 5, "SL2103" }, { 12, 4, -1, "SL2103" }, // digest
        { 16, 4, 0, "SL2103" }, { 16, 4, 65535, "SL2103" }, { 16, 4, 1 << 25, "SL2103" }, { 16, 4, int.MinValue, "SL2103" }, // block
        { 20, 4, 1, "SL2103" }, // page
        { 24, 8, -1, "SL2103" }, { 24, 8, long.MaxValue, "SL2103" }, { 24, 8, (4L << 32) + 1, "SL2103" }, { 24, 8, 4L << 32, "SL2105" }, { 24, 8, 0, "SL2103" }, // disk length
        { 32, 8, -1, "SL2103" }, { 32, 8, -2, "SL2103" }, { 32, 8, 1000, "SL2103" }, // generation: the last that there is, or one of the other slot
        { 40, 8, 0, "SL2103" }, { 40, 8, 4096, "SL2103" }, { 40, 8, 8193, "SL2103" }, { 40, 8, -4096, "SL2103" }, { 40, 8, long.MaxValue - 4095, "SL2103" }, // index offset
        { 48, 8, -32, "SL2103" }, { 48, 8, 33, "SL2103" }, { 48, 8, 1L << 40, "SL2103" }, { 48, 8, long.MaxValue - 31, "SL2103" }, { 48, 8, 0, "SL2105" }, // index length
        { 56, 8, 0, "SL2105" }, // index checksum
        { 64, 8, 0, "SL2103" }, { 64, 8, 8191, "SL2103" }, { 64, 8, -1, "SL2103" }, { 64, 8, long.MaxValue, "SL2104" }, { 64, 8, 1L << 40, "SL2104" }, // file length
    };

    [Theory]
    [MemberData(nameof(HostileHeaderFields))]
    public void A_header_made_to_harm_is_refused(int offset, int width, long value, string code)
    {
        using var directory = new TemporaryDirectory();
        var bytes = Closed(directory, out _);
        var slot = SpecificationReader.NewestSlot(bytes) * 4096;
        if (width == 4) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(slot + offset), (int)value);
        else BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(slot + offset), value);
        SealHeader(bytes, slot);
        AssertRefused(directory, bytes, code);
    }

    public static TheoryData<int, int, long> HostileIndexFields => new()
    {
        { 0, 4, 1 }, { 0, 4, -1 }, // first page
        { 4, 4, 0 }, { 4, 4, 2 }, { 4, 4, -1 }, // count
        { 8, 1, 4 }, { 8, 1, 255 }, { 8, 1, 0 }, // state
        { 12, 2, 5000 }, { 14, 2, 4097 }, { 14, 2, -1 }, // counts
        { 16, 8, 0 }, { 16, 8, 4096 }, { 16, 8, 8193 }, { 16, 8, -4096 }, { 16, 8, long.MaxValue - 4095 }, { 16, 8, 1L << 40 }, // offset
    };

    [Theory]
    [MemberData(nameof(HostileIndexFields))]
    public void An_index_made_to_harm_is_refused(int offset, int width, long value)
    {
        using var directory = new TemporaryDirectory();
        var bytes = Closed(directory, out _);
        var slot = SpecificationReader.NewestSlot(bytes) * 4096;
        var index = (int)BitConverter.ToUInt64(bytes, slot + 40);
        Span<byte> raw = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(raw, value);
        raw[..width].CopyTo(bytes.AsSpan(index + offset));
        SealIndex(bytes, slot);
        AssertRefused(directory, bytes, "SL2105");
    }

    [Fact]
    public void Two_pages_in_one_place_are_refused()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("map");
        using (var map = BlockMap.Create(path, 4 * 4096 * 2, Small))
        {
            map.SetData(0, new byte[16]);
            map.SetData(4096, new byte[16]);
            map.Close();
        }

        var bytes = File.ReadAllBytes(path);
        var slot = SpecificationReader.NewestSlot(bytes) * 4096;
        var index = (int)BitConverter.ToUInt64(bytes, slot + 40);
        bytes.AsSpan(index + 8, 24).CopyTo(bytes.AsSpan(index + 40));
        SealIndex(bytes, slot);
        File.WriteAllBytes(path, bytes);
        Assert.Equal("SL2105", Assert.Throws<SealiftException>(() => BlockMap.OpenForUpdate(path)).Code);
        using var reader = BlockMap.Open(path);
        Assert.Equal("SL2106", Assert.Throws<SealiftException>(() => reader.Read(4096, new byte[16])).Code); // it is page 0
    }

    /// <summary>Any bytes at all, with the checksums made right: refused, or read without harm.</summary>
    [Fact]
    public void Random_damage_under_right_checksums_does_no_harm()
    {
        using var directory = new TemporaryDirectory();
        var original = Closed(directory, out _);
        var path = directory.File("hostile");
        Gen.Select(Gen.Int[0, 90], Gen.Int[0, 95], Gen.Byte, Gen.Byte).Array[1, 3].Sample(
            changes =>
            {
                var bytes = (byte[])original.Clone();
                var slot = SpecificationReader.NewestSlot(bytes) * 4096;
                var index = (int)BitConverter.ToUInt64(bytes, slot + 40);
                foreach (var (header, entry, a, b) in changes)
                {
                    if (a % 3 == 0) bytes[slot + header] = a;
                    else bytes[index + entry] = b;
                }

                if (BitConverter.ToInt64(bytes, slot + 40) == index && BitConverter.ToInt64(bytes, slot + 48) == BitConverter.ToInt64(original, slot + 48)) SealIndex(bytes, slot);
                SealHeader(bytes, slot);
                File.WriteAllBytes(path, bytes);
                try
                {
                    using var map = BlockMap.OpenForUpdate(path);
                    map.Verify(TestContext.Current.CancellationToken);
                    _ = map.Runs().Take(100_000).Count();
                }
                catch (SealiftException)
                {
                    // refused: as it should be
                }
            },
            iter: 2000,
            threads: 1);
    }

    [Fact]
    public void What_is_no_map_is_refused_by_name()
    {
        using var directory = new TemporaryDirectory();
        void Refused(string name, string code)
        {
            var e = Assert.Throws<SealiftException>(() => BlockMap.Open(directory.File(name)));
            Assert.Equal(code, e.Code);
            Assert.Contains(name, e.Message, StringComparison.Ordinal);
        }

        File.WriteAllBytes(directory.File("empty"), []);
        File.WriteAllBytes(directory.File("zeros"), new byte[100_000]);
        File.WriteAllText(directory.File("text"), new string('x', 10_000));
        Directory.CreateDirectory(directory.File("directory"));
        Refused("empty", "SL2101");
        Refused("zeros", "SL2101");
        Refused("text", "SL2101");
        Refused("directory", "SL2101");
        Assert.Equal(Errno.ENOENT, Assert.Throws<PosixException>(() => BlockMap.Open(directory.File("missing"))).Errno);
    }

    [Fact]
    public void A_map_is_never_written_over_and_has_one_writer()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("map");
        using var map = BlockMap.Create(path, 100, Small);
        Assert.Equal(Errno.EEXIST, Assert.Throws<PosixException>(() => BlockMap.Create(path, 100, Small)).Errno);
        Assert.Equal("SL2107", Assert.Throws<SealiftException>(() => BlockMap.OpenForUpdate(path)).Code);
        map.SetZeroes(0, 25, BlockState.Hole);
        map.Close();
        map.Close();
        Assert.Throws<ObjectDisposedException>(() => map.Read(0, new byte[16]));
        using var reader = BlockMap.Open(path);
        Assert.Equal("SL2112", Assert.Throws<SealiftException>(() => reader.SetData(0, new byte[16])).Code);
        Assert.Equal("SL2112", Assert.Throws<SealiftException>(reader.Checkpoint).Code);
        reader.Close();
        Assert.Equal("SL2111", Assert.Throws<SealiftException>(() => BlockMap.Create(directory.File("long"), long.MaxValue, Small)).Code);
        Assert.False(File.Exists(directory.File("long")));
    }

    private static byte[] Closed(TemporaryDirectory directory, out MapModel model)
    {
        var path = directory.File("closed");
        model = new MapModel((4 * 4096 * 2) + 5, Small);
        using (var map = BlockMap.Create(path, model.LengthBytes, Small))
        {
            for (var i = 0; i < 20; i++) model.SetData(map, i * 3, i);
            map.Checkpoint();
            model.SetData(map, 100, 1);
            model.Set(map, 4096, 4096, BlockState.Hole);
            model.SetData(map, model.BlockCount - 1, 2);
            model.Set(map, 200, 10, BlockState.Zero);
            map.Close();
        }

        return File.ReadAllBytes(path);
    }

    private static void SealHeader(byte[] bytes, int slot) =>
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(slot + 4088), XxHash64.HashToUInt64(bytes.AsSpan(slot, 4088)));

    private static void SealIndex(byte[] bytes, int slot)
    {
        var index = bytes.AsSpan((int)BitConverter.ToUInt64(bytes, slot + 40), (int)BitConverter.ToUInt64(bytes, slot + 48));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(slot + 56), XxHash64.HashToUInt64(index));
        SealHeader(bytes, slot);
    }

    private static void AssertRefused(TemporaryDirectory directory, byte[] bytes, string code)
    {
        var path = directory.File("hostile");
        File.WriteAllBytes(path, bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var e = Assert.Throws<SealiftException>(() => BlockMap.Open(path));
        Assert.True(e.Code == code, e.Message);
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 40 << 20);
    }
}
