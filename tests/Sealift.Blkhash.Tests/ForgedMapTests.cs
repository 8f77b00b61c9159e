using System.Buffers.Binary;
using System.IO.Hashing;
using Sealift.Posix;

namespace Sealift.Blkhash.Tests;

/// <summary>Maps whose checksums are all right and whose content is not possible: written so, by another program or to harm. Each is refused with the place.</summary>
public sealed class ForgedMapTests : IDisposable
{
    private const int Page = 4096, Header = 4096, Body = 8192, Entry = 32;
    private static readonly BlkhashParameters Small = new(BlkhashAlgorithm.Md5, 4);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    /// <summary>Fields of the header, each with a value that is not possible, docs/formats/block-map.md.</summary>
    public static TheoryData<int, int, long> HeaderFields => new()
    {
        { 12, 4, 0 }, { 12, 4, 5 }, // digest
        { 16, 4, 2 }, { 16, 4, 1 << 25 }, { 16, 4, 96 }, // block size
        { 20, 4, 2048 }, // blocks of a page
        { 24, 8, -1 }, { 24, 8, (4L << 32) + 1 }, // length
        { 32, 8, -1 }, // generation: the last there is
        { 64, 8, Body - 1 }, // bytes of the file
        { 40, 8, 4096 }, { 40, 8, Body + 8 }, { 40, 8, 1L << 40 }, // offset of the index
        { 48, 8, -32 }, { 48, 8, 33 }, { 48, 8, 6 * Entry }, // bytes of the index
    };

    /// <summary>Fields of entries of the index: which entry, offset in it, bytes, value, and what is said of it.</summary>
    public static TheoryData<int, int, int, long, string> IndexFields => new()
    {
        { 1, 0, 4, 2, "goes on with page 2" },
        { 1, 4, 4, 0, "0 pages" },
        { 1, 4, 4, 3, "3 pages" }, // one more than there are
        { 1, 4, 4, 9, "9 pages" },
        { 1, 8, 1, 4, "not a state" },
        { 0, 4, 4, 2, "stands alone" },
        { 2, 12, 2, 11, "more than the 10 of page" },
        { 2, 14, 2, 11, "more than the 10 of page" },
        { 0, 16, 8, 4096, "cannot be at offset 4096" },
        { 0, 16, 8, Body + 8, "cannot be at offset" },
        { 0, 16, 8, 1L << 40, "cannot be at offset" },
        { 1, 16, 8, Body, "has a place" },
        { 1, 24, 8, 7, "has a place" },
        { 1, 12, 2, 1, "has a place" },
        { 1, 14, 2, 1, "has a place" },
    };

    /// <summary>Bytes of the stored page 0, and what is said of it.</summary>
    public static TheoryData<int, int, long, string> PageFields => new()
    {
        { 0, 1, 'Q', "there is no page" },
        { 4, 4, 1, "it is page 1" },
        { 8, 4, 4095, "another number of blocks" },
        { 12, 4, 3, "another number of leaves" },
        { 16, 1, 0b_10_10_11_11, "not those that the index counts" }, // one block more is unknown to the index than to the page
        { 16, 1, 0b_00_00_10_11, "not those that the index counts" }, // one block has no leaf to the page
        { 16, 1, 0b_11_11_11_11, "not those that the index counts" },
    };

    [Fact]
    public void The_map_that_is_forged_is_sound()
    {
        using var map = BlockMap.Open(Sound());
        map.Verify(TestContext.Current.CancellationToken);
        Assert.Equal((Page - 2) + 5, map.UnknownBlocks);
    }

    [Theory]
    [MemberData(nameof(HeaderFields))]
    public void A_header_that_is_not_possible_is_refused_with_its_field(int field, int bytes, long value)
    {
        var path = Forge(file => Put(file, NewestHeader(file) + field, bytes, value));
        var error = Assert.Throws<SealiftException>(() => BlockMap.Open(path));
        Assert.Equal("SL2103", error.Code);
        Assert.Contains($"header at offset {NewestHeader(File.ReadAllBytes(path)) + field}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_generation_that_belongs_to_the_other_slot_is_refused() =>
        Assert.Equal("SL2103", Assert.Throws<SealiftException>(() => BlockMap.Open(Forge(file => file[NewestHeader(file) + 32] ^= 1))).Code);

    [Fact]
    public void An_index_that_would_end_after_the_file_is_refused()
    {
        var path = Forge(file => Put(file, NewestHeader(file) + 64, 8, Index(file) + (3 * Entry) - 1));
        var error = Assert.Throws<SealiftException>(() => BlockMap.Open(path));
        Assert.Equal("SL2103", error.Code);
        Assert.Contains($"header at offset {NewestHeader(File.ReadAllBytes(path)) + 48}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_that_matches_its_checksum_and_begins_otherwise_is_none() =>
        Assert.Equal("SL2101", Assert.Throws<SealiftException>(() => BlockMap.Open(Forge(file => file[NewestHeader(file)] = (byte)'X'))).Code);

    /// <summary>The generation tells which slot a header belongs to: that of another slot leads nowhere, whatever it says.</summary>
    [Fact]
    public void A_header_that_was_copied_into_the_other_slot_is_not_believed()
    {
        var path = Sound();
        var file = File.ReadAllBytes(path);
        byte[] Copied(int from)
        {
            var copied = (byte[])file.Clone();
            copied.AsSpan(from, Header).CopyTo(copied.AsSpan(Header - from));
            return copied;
        }

        File.WriteAllBytes(path, Copied(Header));
        using (var map = BlockMap.Open(path)) map.Verify(TestContext.Current.CancellationToken);
        File.WriteAllBytes(path, Copied(0));
        var error = Assert.Throws<SealiftException>(() => BlockMap.Open(path));
        Assert.Equal("SL2103", error.Code);
        Assert.Contains("not possible in this slot", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_of_a_later_version_is_told_from_a_damaged_one() =>
        Assert.Equal("SL2102", Assert.Throws<SealiftException>(() => BlockMap.Open(Forge(file => Put(file, NewestHeader(file) + 8, 4, 2)))).Code);

    [Theory]
    [InlineData(0, false, "SL2101")]
    [InlineData(7, true, "SL2101")]
    [InlineData(8, true, "SL2104")] // the beginning of a map, and no more of it
    [InlineData(8, false, "SL2101")]
    [InlineData(Body - 1, true, "SL2104")]
    [InlineData(Body - 1, false, "SL2101")]
    [InlineData(Body, false, "SL2101")]
    [InlineData(Body, true, "SL2103")] // two headers, neither of which matches its checksum
    public void What_ends_within_its_headers_is_a_cut_map_where_it_begins_as_one(int bytes, bool beginsAsAMap, string code)
    {
        var file = File.ReadAllBytes(Sound());
        file.AsSpan(100, 8000).Fill(1); // both checksums are wrong
        if (!beginsAsAMap) file[0] = file[Header] = (byte)'X';
        var path = directory.File(Guid.NewGuid().ToString("N"));
        File.WriteAllBytes(path, file[..bytes]);
        Assert.Equal(code, Assert.Throws<SealiftException>(() => BlockMap.Open(path)).Code);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Header)]
    public void One_header_that_begins_as_one_is_enough_to_call_it_a_damaged_map(int wiped)
    {
        var file = File.ReadAllBytes(Sound());
        file.AsSpan(100, 8000).Fill(1);
        foreach (var header in new[] { 0, Header }) "SEALMAP\0"u8.CopyTo(file.AsSpan(header));
        file.AsSpan(wiped, 8).Clear();
        var path = directory.File("half");
        File.WriteAllBytes(path, file);
        Assert.Equal("SL2103", Assert.Throws<SealiftException>(() => BlockMap.Open(path)).Code);
    }

    [Theory]
    [MemberData(nameof(IndexFields))]
    public void An_index_that_is_not_possible_is_refused_with_its_place(int entry, int field, int bytes, long value, string said)
    {
        var path = Forge(file => Put(file, (int)Index(file) + (entry * Entry) + field, bytes, value));
        var error = Assert.Throws<SealiftException>(() => BlockMap.Open(path));
        Assert.Equal("SL2105", error.Code);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.Contains($"index at offset {Index(File.ReadAllBytes(path)) + (entry * Entry)}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_that_would_end_after_the_file_is_refused()
    {
        // In the place of the index, which is the last thing in the file and shorter than the page.
        var path = Forge(file => Put(file, (int)Index(file) + 16, 8, Index(file)));
        Assert.Contains("cannot be at offset", Assert.Throws<SealiftException>(() => BlockMap.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_index_that_ends_early_is_no_map()
    {
        var path = Forge(file => Put(file, NewestHeader(file) + 48, 8, 2 * Entry));
        Assert.Contains("ends after 2 of 3 pages", Assert.Throws<SealiftException>(() => BlockMap.Open(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(PageFields))]
    public void A_page_that_is_not_possible_is_refused_when_it_is_read(int field, int bytes, long value, string said)
    {
        var path = Forge(file => Put(file, (int)Offset(file, 0) + field, bytes, value));
        using var map = BlockMap.Open(path);
        var error = Assert.Throws<SealiftException>(() => map.Verify(TestContext.Current.CancellationToken));
        Assert.Equal("SL2106", error.Code);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void States_after_the_last_block_are_refused()
    {
        // The last page has 10 blocks: two in the third byte of its states, and room for two more.
        var path = Forge(file => file[Offset(file, 2) + 16 + 2] |= 0b_01_00_00_00);
        using var map = BlockMap.Open(path);
        Assert.Contains("after its last block", Assert.Throws<SealiftException>(() => map.Verify(TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    /// <summary>Three pages: one with two leaves, one whole in one state, and a short one of ten blocks with five leaves.</summary>
    private string Sound()
    {
        var path = directory.File(Guid.NewGuid().ToString("N"));
        using var map = BlockMap.Create(path, 4L * ((2 * Page) + 10), Small);
        map.SetData(0, new byte[16]);
        map.SetData(1, new byte[16]);
        map.SetZeroes(Page, Page, BlockState.Hole);
        for (var i = 0; i < 5; i++) map.SetData((2 * Page) + i, new byte[16]);
        map.Close();
        return path;
    }

    /// <summary>Changes a sound map and makes every checksum right again; the older header is wiped, so that nothing is fallen back to.</summary>
    private string Forge(Action<byte[]> change)
    {
        var path = Sound();
        var file = File.ReadAllBytes(path);
        var newest = NewestHeader(file);
        var index = Index(file);
        int[] stored = [0, 2];
        var places = stored.Select(entry => (Entry: entry, Offset: Offset(file, entry), Bytes: 16 + (((entry == 0 ? Page : 10) + 3) / 4) + (16 * (entry == 0 ? 2 : 5)))).ToList();
        file.AsSpan(Header - newest, Header).Clear();
        change(file);
        foreach (var page in places) // their entries first, for the index covers them
        {
            var checksum = file.AsSpan((int)index + (page.Entry * Entry) + 24);
            BinaryPrimitives.WriteUInt64LittleEndian(checksum, XxHash64.HashToUInt64(file.AsSpan((int)page.Offset, page.Bytes)));
        }

        var indexBytes = Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(newest + 48)), 0, file.Length - index);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(newest + 56), XxHash64.HashToUInt64(file.AsSpan((int)index, (int)indexBytes)));
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(newest + Header - 8), XxHash64.HashToUInt64(file.AsSpan(newest, Header - 8)));
        File.WriteAllBytes(path, file);
        return path;
    }

    private static int NewestHeader(byte[] file) =>
        BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(32)) > BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(Header + 32)) ? 0 : Header;

    private static long Index(byte[] file) => BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(NewestHeader(file) + 40));

    private static long Offset(byte[] file, int entry) => BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan((int)Index(file) + (entry * Entry) + 16));

    private static void Put(byte[] file, int at, int bytes, long value)
    {
        Span<byte> raw = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(raw, value);
        raw[..bytes].CopyTo(file.AsSpan(at));
    }
}
