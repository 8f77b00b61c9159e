using System.Buffers.Binary;
using CsCheck;

namespace Sealift.Scsi.Tests;

/// <summary>What a target sends may be anything: each parser makes something of it, or nothing, and never reads beyond it.</summary>
public sealed class ParserTests
{
    // The bytes that lengths and formats are made of.
    private static readonly byte[] Common = [0, 1, 4, 8, 16, 0x70, 0x72, 0x80, 0x83, 0xFF];
    private static readonly Gen<byte[]> Noise = Gen.OneOf(Gen.Byte.Array[0, 80], Gen.Int[0, 9].Select(i => Common[i]).Array[0, 80]);

    [Fact]
    public void No_bytes_are_too_strange() => Noise.Sample(bytes =>
    {
        _ = ScsiSense.Parse(bytes).ToString();
        _ = UnitInquiry.Parse(bytes);
        _ = BlockLimits.Parse(bytes);
        _ = BlockProvisioning.Parse(bytes);
        _ = UnitModes.Parse(bytes);
        var page8F = ThirdPartyCopyPage.Parse(bytes);
        Assert.False(page8F.Lists(0x83, 0x01) && bytes.Length < 12);
        if (page8F.Ability is { } described) Assert.InRange(described.Descriptors.Length, 1, bytes.Length);
        if (CopyStatus.Parse(bytes) is { } status)
        {
            Assert.True(status.Sense.Length <= bytes.Length - 32 && !status.ToString().Any(char.IsControl));
            _ = status.WhyImpossible(1 << 20, 1, 512); // no sum of it overflows
        }

        foreach (var page in new byte[] { 0x00, 0x80, 0x83 })
            if (VitalPage.Cut(bytes, page) is { } cut) Assert.True(cut.Length >= 4 && cut.Length <= bytes.Length);
        if (UnitCapacity.Parse(bytes) is { } capacity) Assert.True(capacity.LengthBytes > 0 && capacity.LengthBytes % capacity.BlockBytes == 0);
        if (CopyAbility.Parse(bytes) is { } ability) Assert.True(ability.Descriptors.Length <= bytes.Length - 44);
        if (UnitIdentity.Parse(bytes, bytes) is { } identity)
        {
            Assert.True(identity.Designators.Sum(d => d.Bytes.Length + 4) <= Math.Max(0, bytes.Length - 4));
            Assert.DoesNotContain(identity.Text, char.IsControl);
        }

        if (LbaStatus.Parse(bytes, 0, 1 << 20) is { } runs) Assert.InRange(runs.Sum(r => r.Blocks), 1, 1 << 20);
        if (UnitNumbers.Parse(bytes) is { } numbers) Assert.All(numbers, n => Assert.InRange(n, 0, 16383));
    });

    [Fact]
    public void A_page_is_cut_where_it_ends_and_one_that_is_cut_short_is_none()
    {
        Assert.Equal(6, VitalPage.Cut(new byte[] { 0, 0x80, 0, 2, 1, 2, 3, 4 }, 0x80)!.Value.Length);
        Assert.Null(VitalPage.Cut(new byte[] { 0, 0x80, 0, 5, 1, 2, 3, 4 }, 0x80));
        Assert.Null(VitalPage.Cut(new byte[] { 0, 0x83, 0, 2, 1, 2, 3, 4 }, 0x80));
        Assert.Null(VitalPage.Cut(new byte[] { 0, 0x80, 0 }, 0x80));
    }

    [Fact]
    public void Designators_are_read_as_they_were_written() =>
        Gen.Select(Gen.Int[0, 8], Gen.Int[0, 2], Gen.Byte.Array[1, 40]).Array[0, 8].Sample(written =>
        {
            var page = new List<byte> { 0, 0x83, 0, 0 };
            foreach (var (type, association, bytes) in written) page.AddRange([0x01, (byte)((association << 4) | type), 0, (byte)bytes.Length, .. bytes]);
            var identity = UnitIdentity.Parse(page.ToArray(), default)!;
            var expected = written.Where(w => w.Item2 == 0 && w.Item1 is not (4 or 5 or 6)).ToList();
            Assert.Equal(expected.Select(w => (w.Item1, Convert.ToHexString(w.Item3))), identity.Designators.Select(d => ((int)d.Type, Convert.ToHexString(d.Bytes.Span))));
            // One byte less, and the last of them does not fit.
            if (written.Length > 0) Assert.Null(UnitIdentity.Parse(page.Take(page.Count - 1).ToArray(), default));
        });

    [Theory]
    [InlineData("6001405000000000000000000000abcd", 3, true)]
    [InlineData("5001405000000000", 3, true)]
    [InlineData("3001405000000000", 3, false)] // unique in one place only
    [InlineData("60014050", 3, false)]
    [InlineData("0011223344556677", 2, true)]
    [InlineData("0000000000000000", 2, false)]
    [InlineData("6001405000000000000000000000abcd", 1, false)]
    public void Only_names_that_are_unique_in_the_world_are_copied_by(string hex, byte type, bool usable)
    {
        var bytes = Convert.FromHexString(hex);
        var identity = UnitIdentity.Parse(new byte[] { 0, 0x83, 0, 0, 0x01, type, 0, (byte)bytes.Length }.Concat(bytes).ToArray(), default)!;
        Assert.Equal(usable, identity.ForCopies is not null);
    }

    [Fact]
    public void Units_are_one_where_they_share_a_name()
    {
        static UnitIdentity Of(string serial, params (byte Type, string Hex)[] names) =>
            UnitIdentity.Parse(new byte[] { 0, 0x83, 0, 0 }.Concat(names.SelectMany(n => new byte[] { 1, n.Type, 0, (byte)(n.Hex.Length / 2) }.Concat(Convert.FromHexString(n.Hex)))).ToArray(), new byte[4].Concat(System.Text.Encoding.ASCII.GetBytes(serial)).ToArray())!;
        const string naa = "6001405000000000000000000000abcd", other = "6001405000000000000000000000abce";
        Assert.True(Of("1", (3, naa)).SharesNameWith(Of("2", (3, other), (3, naa))));
        Assert.False(Of("same", (3, naa)).SharesNameWith(Of("same", (3, other)))); // a serial number is its maker's affair
        Assert.True(Of("same").SharesNameWith(Of("same")));
        Assert.False(Of(string.Empty).SharesNameWith(Of(string.Empty)));
        Assert.Empty(Of(string.Empty).Names);
    }

    [Theory]
    [InlineData("70000300000000 0A 00000000 1104 00000000", 3, 0x11, 0x04, null)]
    [InlineData("F0000300001000 0A 00000000 1104 00000000", 3, 0x11, 0x04, 0x1000UL)]
    [InlineData("720A0D02 00000000", 0xA, 0x0D, 0x02, null)]
    [InlineData("720A0D02 0000000C 000A8000 0000000000001234", 0xA, 0x0D, 0x02, 0x1234UL)]
    [InlineData("720A0D02 0000000C 000A0000 0000000000001234", 0xA, 0x0D, 0x02, null)]
    [InlineData("70", 0, 0, 0, null)]
    [InlineData("", 0, 0, 0, null)]
    [InlineData("41424344", 0, 0, 0, null)]
    public void Sense_data_are_read_in_both_formats(string hex, byte key, byte asc, byte ascq, ulong? information)
    {
        var sense = ScsiSense.Parse(Convert.FromHexString(hex.Replace(" ", string.Empty, StringComparison.Ordinal)));
        Assert.Equal((key, asc, ascq, information), (sense.Key, sense.Asc, sense.Ascq, sense.Information));
    }

    [Fact]
    public void Sense_data_are_said_in_words() =>
        Assert.Equal("copy aborted, a device of the copy cannot be reached (sense a/0d/02)", new ScsiSense(0xA, 0x0D, 0x02, null, null).ToString());

    [Theory]
    [InlineData(0UL, 512u, true)]
    [InlineData(0xFFFFFFFFFFFFFFFFUL, 512u, false)]
    [InlineData(0x3FFFFFFFFFFFFFUL, 512u, false)] // 2^63 bytes
    [InlineData(0x3FFFFFFFFFFFFEUL, 512u, true)]
    [InlineData(100UL, 520u, false)]
    [InlineData(100UL, 0u, false)]
    public void A_capacity_that_cannot_be_is_none(ulong last, uint blockBytes, bool isOne)
    {
        var data = new byte[32];
        BinaryPrimitives.WriteUInt64BigEndian(data, last);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(8), blockBytes);
        Assert.Equal(isOne, UnitCapacity.Parse(data) is not null);
    }

    [Fact]
    public void Descriptors_of_blocks_lie_behind_each_other()
    {
        const ulong start = 100, blocks = 1000;
        static byte[] Of(params (ulong Block, uint Blocks, byte Status)[] runs)
        {
            var data = new byte[8 + (16 * runs.Length)];
            BinaryPrimitives.WriteInt32BigEndian(data, data.Length - 4);
            foreach (var (i, (block, count, status)) in runs.Index())
            {
                BinaryPrimitives.WriteUInt64BigEndian(data.AsSpan(8 + (16 * i)), block);
                BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(16 + (16 * i)), count);
                data[20 + (16 * i)] = status;
            }

            return data;
        }

        // Only what is called deallocated is: not what is mapped, anchored, unknown or reserved.
        Assert.Equal(
            [new(100, 10, false), new(110, 5, true), new(115, 1, false), new(116, 1, false), new(117, 883, false)],
            LbaStatus.Parse(Of((100, 10, 0), (110, 5, 1), (115, 1, 2), (116, 1, 3), (117, 883, 0x0F)), start, blocks)!);
        // What does not fit whole does not count, and what is said to follow and did not come neither.
        Assert.Single(LbaStatus.Parse(Of((100, 10, 1), (110, 5, 1)).AsSpan(0, 39), start, blocks)!);
        foreach (var nonsense in new[] { Of(), Of((99, 10, 1)), Of((101, 10, 1)), Of((100, 0, 1)), Of((100, 901, 1)), Of((100, uint.MaxValue, 1)), Of((100, 10, 1), (109, 5, 1)), Of((100, 10, 1), (111, 5, 1)), Of((1000, 1, 1)) })
            Assert.Null(LbaStatus.Parse(nonsense, start, blocks));
        Assert.Null(LbaStatus.Parse(Of((1000, 1, 1)), 1000, blocks));
    }

    [Fact]
    public void A_list_of_copies_says_what_it_was_told()
    {
        var (source, target) = (new UnitDesignator(1, 3, Convert.FromHexString("6001405000000000000000000000aaaa")), new UnitDesignator(1, 2, Convert.FromHexString("0011223344556677")));
        var list = CopyList.Of(source, target, 4096, needsNoListId: true, [new CopySegment(1, 0x1_0000_0002, 3), new CopySegment(4, 5, 0xFFFF)]);
        Assert.Equal(
            "0018004000000000" + "0000003800000000"
            + "E400000001030010" + "6001405000000000000000000000AAAA" + "00000000" + "00001000"
            + "E400000001020008" + "0011223344556677" + "000000000000000000000000" + "00001000"
            + "0200001800000001" + "00000003" + "0000000000000001" + "0000000100000002"
            + "0200001800000001" + "0000FFFF" + "0000000000000004" + "0000000000000005",
            Convert.ToHexString(list));
        Assert.Equal("0110", Convert.ToHexString(CopyList.Of(source, target, 512, needsNoListId: false, []))[..4]);
    }

    /// <summary>SPC-4, 6.5.2, field by field: the format, how the identifier is used, the header as a device, IMMED, the identifier, three lengths.</summary>
    [Theory]
    [InlineData(true, "01")]
    [InlineData(false, "00")]
    public void A_list_of_LID4_says_what_it_was_told(bool inBackground, string immed)
    {
        var (source, target) = (new UnitDesignator(1, 3, Convert.FromHexString("6001405000000000000000000000aaaa")), new UnitDesignator(1, 2, Convert.FromHexString("0011223344556677")));
        var list = CopyList.OfLid4(source, target, 512, 0xA1B2C3D4, inBackground, [new CopySegment(1, 0x1_0000_0002, 3), new CopySegment(4, 5, 0xFFFF)]);
        Assert.Equal(
            "01" + (inBackground ? "00" /* it keeps what became of it, to be asked */ : "10") + "0020" + "0000000000000000000000" + immed + "FF" + "000000" + "A1B2C3D4" + "000000000000000000000000000000000000" + "0040" + "0038" + "0000"
            + "E400000001030010" + "6001405000000000000000000000AAAA" + "00000000" + "00000200"
            + "E400000001020008" + "0011223344556677" + "000000000000000000000000" + "00000200"
            + "0200001800000001" + "00000003" + "0000000000000001" + "0000000100000002"
            + "0200001800000001" + "0000FFFF" + "0000000000000004" + "0000000000000005",
            Convert.ToHexString(list));
        Assert.Equal("FFF0", Convert.ToHexString(CopyList.OfLid4(source, target, 512, 1, inBackground, new CopySegment[CopyList.MostLid4Segments]).AsSpan(44, 2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => CopyList.OfLid4(source, target, 512, 1, inBackground, new CopySegment[CopyList.MostLid4Segments + 1]));
    }

    /// <summary>SPC-4, 6.3, 6.4, 6.5 and 6.24: the service action, and where the identifier and the length are.</summary>
    [Fact]
    public void Commands_of_copies_are_built_as_the_standard_has_them()
    {
        Assert.Equal("83000000000000000000000000500000", Hex(ScsiCommand.ExtendedCopy(CopyForm.Lid1, 0x50, "it")));
        Assert.Equal("83010000000000000000000000700000", Hex(ScsiCommand.ExtendedCopy(CopyForm.Lid4, 0x70, "it")));
        Assert.Equal("83010000000000000000000000700000", Hex(ScsiCommand.ExtendedCopy(CopyForm.Lid4InBackground, 0x70, "it")));
        Assert.Equal("8405A1B2C3D40000000000000120" + "0000", Hex(ScsiCommand.ReceiveCopyStatus(0xA1B2C3D4, 0x120)));
        Assert.Equal("831CA1B2C3D400000000000000000000", Hex(ScsiCommand.CopyOperationAbort(0xA1B2C3D4)));
        Assert.True(ScsiCommand.CopyOperationAbort(1).Writes && ScsiCommand.ExtendedCopy(CopyForm.Lid4, 1, "it").Writes);
        Assert.False(ScsiCommand.ReceiveCopyStatus(1, 1).Writes);

        static string Hex(ScsiCommand command) => Convert.ToHexString(command.Cdb.Span);
    }

    private const string UnderWay = "0000001C" + "0112" + "0007" + "000000C8" + "00" + "0000" + "00" + "0000000000300000" + "0003" + "000000000000";

    /// <summary>SPC-4, 6.24.2: service action and status, operations, delay, completion status, lengths of the sense data, unit and count, segments.</summary>
    [Fact]
    public void The_status_of_a_copy_is_read_as_the_standard_has_it()
    {
        var status = CopyStatus.Parse(Convert.FromHexString(UnderWay))!;
        Assert.Equal(((byte)0x12, true, TimeSpan.FromMilliseconds(200), 0x300000UL, 0, 3), (status.Operation, status.IsUnderWay, status.UpdateDelay, status.TransferCount, status.TransferUnitLog2, status.SegmentsProcessed));
        Assert.True(status.Sense.IsEmpty);

        var failed = CopyStatus.Parse(Convert.FromHexString("0000002E" + "0102" + "0000" + "FFFFFFFF" + "02" + "1212" + "F1" + "0000000000000800" + "0001" + "000000000000" + "70000A000000000A000000000D0200000000"))!;
        Assert.Equal((CopyStatus.Failed, false, null, ScsiStatus.CheckCondition, 0x800UL, null, 1), (failed.Operation, failed.IsUnderWay, failed.UpdateDelay, failed.CompletionStatus, failed.TransferCount, failed.TransferUnitLog2, failed.SegmentsProcessed));
        Assert.Equal("copy aborted, a device of the copy cannot be reached (sense a/0d/02)", failed.ToString());
    }

    [Theory]
    [InlineData(4, "10")] // of POPULATE TOKEN
    [InlineData(14, "01")] // sense data in a field of no length
    [InlineData(13, "0101")] // sense data that did not come
    [InlineData(15, "07")] // a unit that there is not
    [InlineData(0, "0000001B")] // shorter than its fields
    public void A_status_that_makes_no_sense_is_none(int at, string hex)
    {
        var data = Convert.FromHexString(UnderWay);
        Convert.FromHexString(hex).CopyTo(data, at);
        Assert.Null(CopyStatus.Parse(data));
        Assert.Null(CopyStatus.Parse(Convert.FromHexString(UnderWay).AsMemory(0, 31)));
    }

    [Theory]
    [InlineData(0, 0x300000UL, 3, true)] // bytes
    [InlineData(0, 0x300001UL, 3, false)]
    [InlineData(2, 3UL, 3, true)] // mebibytes
    [InlineData(2, 4UL, 3, false)]
    [InlineData(0xF1, 0x1800UL, 3, true)] // blocks
    [InlineData(0xF1, 0x1801UL, 3, false)]
    [InlineData(6, ulong.MaxValue, 3, false)] // exbibytes, as many as there can be said to be
    [InlineData(0, 0UL, 4, false)] // segments
    public void More_than_was_asked_for_is_impossible(byte unit, ulong count, ushort segments, bool possible)
    {
        var data = Convert.FromHexString(UnderWay);
        data[15] = unit;
        BinaryPrimitives.WriteUInt64BigEndian(data.AsSpan(16), count);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(24), segments);
        Assert.Equal(possible, CopyStatus.Parse(data)!.WhyImpossible(3 << 20, 3, 512) is null);
    }

    [Fact]
    public void A_page_of_third_party_copies_lists_its_commands()
    {
        byte[] bytes = [0, 0x8F, 0, 12, 0, 1, 0, 8, 6, 0x83, 1, 0x10, 0x84, 1, 0x03, 0];
        var page = ThirdPartyCopyPage.Parse(bytes);
        Assert.True(page.Lists(0x84, 0x03) && page.Lists(0x83, 0x10));
        Assert.False(page.Lists(0x83, 0x00, unlisted: true));
        Assert.Null(page.Ability);
        // One that is cut short, or has no list, says nothing.
        foreach (var silent in new[] { bytes.AsMemory(0, 12), new byte[] { 0, 0x8F, 0, 0 } })
        {
            Assert.True(ThirdPartyCopyPage.Parse(silent).Lists(0x83, 0x00, unlisted: true));
            Assert.False(ThirdPartyCopyPage.Parse(silent).Lists(0x83, 0x00));
        }
    }

    /// <summary>As a target sends it that knows tokens as well (SPC-4, 7.8.17): block device ROD limits, commands, parameters, descriptors, their identifiers, general operations.</summary>
    [Fact]
    public void A_page_of_third_party_copies_names_the_limits_of_all_its_copies()
    {
        var page = ThirdPartyCopyPage.Parse(Convert.FromHexString(
            "008F0094"
            + "00000020" + "000000000000" + "0040" + "00000258" + "0000003C" + "0000000000000000" + "0000000000000000"
            + "00010010" + "0F" + "8305" + "000110111C" + "8406" + "000405030708"
            + "0004001C" + "00000000" + "0040" + "0020" + "00002000" + "00000000" + "000000000000000000000000"
            + "00080008" + "04" + "020714E4" + "000000"
            + "000C0004" + "0002FFFF"
            + "80010020" + "000000FF" + "000000FF" + "00100000" + "0900" + "000000000000000000000000000000000000"));
        Assert.True(page.Lists(0x83, 0x00) && page.Lists(0x83, 0x01) && page.Lists(0x83, 0x1C) && page.Lists(0x84, 0x05));
        Assert.False(page.Lists(0x84, 0x01));
        var ability = page.Ability!;
        Assert.Equal((64, 32, 0x2000u, 0x100000u, 9), (ability.MaximumDevices, ability.MaximumSegments, ability.MaximumListBytes, ability.MaximumSegmentBytes, ability.GranularityLog2));
        Assert.True(ability.Knows(CopyAbility.BlockToBlock) && ability.Knows(CopyAbility.Identification));
    }
}
