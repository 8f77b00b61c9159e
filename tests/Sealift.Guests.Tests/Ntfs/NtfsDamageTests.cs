using System.Buffers.Binary;
using Sealift.Guests.Checks;
using Sealift.Guests.Ntfs;

namespace Sealift.Guests.Tests.Ntfs;

/// <summary>One thing wrong at a time, with what is said of it. Records and blocks are whole: only their content is wrong.</summary>
[Collection(nameof(NtfsVolumes))]
public sealed class NtfsDamageTests(NtfsVolumes volumes)
{
    private const string Ordinary = "module010.dll";

    [Fact]
    public async Task A_boot_sector_that_differs_from_its_copy()
    {
        var volume = await EditorAsync("plain");
        volume.Bytes[0x48] ^= 1;
        Said(await CheckAsync(volume), "ntfs.boot-sector-copy", "differ at byte 72");
    }

    [Fact]
    public async Task Other_boot_code_than_in_the_copy_is_a_note_and_one_changed_byte_is_damage()
    {
        var volume = await EditorAsync("plain");
        volume.Bytes[0x100] ^= 1;
        Said(await CheckAsync(volume), "ntfs.boot-sector-copy", "in 1 bytes");
        volume.Bytes.AsSpan(0x60, 200).Fill(0x90);
        Noted(await CheckAsync(volume), "ntfs.boot-sector-copy", "another one");
    }

    [Fact]
    public async Task Without_a_boot_sector_its_copy_is_followed()
    {
        var volume = await EditorAsync("mixed");
        volume.Bytes.AsSpan(0, 512).Clear();
        var report = await CheckAsync(volume);
        Said(report, "ntfs.boot-sector", "does not say NTFS");
        Assert.Equal(491, report.Facts.Files);
        Assert.Single(report.Observations);
    }

    [Fact]
    public async Task A_volume_that_is_cut_off_is_found_by_its_length()
    {
        var report = await NtfsVolumes.CheckAsync(volumes.Bytes("mixed").AsMemory(0, 60 << 20));
        Said(report, "ntfs.boot-sector", "claims 100662784 bytes; the device has 62914560", others: true);
    }

    [Fact]
    public async Task Neither_boot_sector_nor_copy_is_not_checked()
    {
        var report = await NtfsVolumes.CheckAsync(new byte[1 << 20]);
        Assert.False(report.IsComplete);
        Assert.False(report.IsSound);
        Said(report, "ntfs.not-checked", "Neither the boot sector", others: true);
    }

    [Fact]
    public async Task A_record_of_which_a_part_was_not_written()
    {
        var volume = await EditorAsync("mixed");
        var place = await volume.PlaceAsync(SystemRecord.Mft, AttributeType.Data, string.Empty, await volume.FindAsync(Ordinary) * 1024);
        volume.Bytes[place + 1022] ^= 0x80;
        Said(await CheckAsync(volume), "ntfs.record", "was not written as a whole", others: true);
    }

    [Fact]
    public async Task The_first_record_is_found_by_its_copy()
    {
        var volume = await EditorAsync("mixed");
        volume.Bytes.AsSpan((int)(volume.Boot.MftCluster * volume.Boot.ClusterBytes), 1024).Clear();
        var report = await CheckAsync(volume);
        Said(report, "ntfs.record", "record 0 ($MFT)", others: true);
        Assert.InRange(report.Facts.Files, 480, 491);
    }

    [Fact]
    public async Task A_mirror_that_differs()
    {
        var volume = await EditorAsync("plain");
        volume.Bytes[(int)(volume.Boot.MirrorCluster * volume.Boot.ClusterBytes) + 3072 + 100] ^= 4;
        Said(await CheckAsync(volume), "ntfs.mft-mirror", "record 3 ($Volume) in $MFTMirr differs from byte 100");
    }

    [Theory]
    [InlineData(0x12, "ntfs.file-name", "links, and has 1 names")]
    [InlineData(0x10, "ntfs.index", "with sequence number")]
    [InlineData(0x2C, "ntfs.record", "it says that it is record")]
    public async Task A_header_with_another_number(int field, string findingClass, string text)
    {
        var volume = await EditorAsync("mixed");
        await volume.EditRecordAsync(await volume.FindAsync(Ordinary), r => r[field] += 1);
        Said(await CheckAsync(volume), findingClass, text, others: true);
    }

    [Theory]
    [InlineData(AttributeType.StandardInformation, 5, 0x08, "has the time")]
    [InlineData(AttributeType.FileName, 8 + 5, 0x08, "has the time")]
    [InlineData(AttributeType.FileName, 0x30 + 5, 0x01, "says that the file has")]
    [InlineData(AttributeType.FileName, 0x3B, 0x40, "has the flags")]
    [InlineData(AttributeType.FileName, 0x3F, 0x10, "has the tag")]
    [InlineData(AttributeType.StandardInformation, 38, 0x01, "has the versions")]
    [InlineData(AttributeType.StandardInformation, 51, 0x04, "has the owner")]
    public async Task A_value_that_nobody_writes(uint type, int offset, byte bit, string text)
    {
        var volume = await EditorAsync("mixed");
        await volume.EditRecordAsync(await volume.FindAsync(Ordinary), r => r[VolumeEditor.Value(r, type) + offset] ^= bit);
        Said(await CheckAsync(volume), "ntfs.implausible", text);
    }

    [Fact]
    public async Task A_record_that_is_free_and_has_a_directory_entry()
    {
        var volume = await EditorAsync("mixed");
        var number = await volume.FindAsync(Ordinary);
        await volume.EditRecordAsync(number, r => r[0x16] = 0);
        var report = await CheckAsync(volume);
        Said(report, "ntfs.mft-bitmap", $"record {number} is free", others: true);
        Said(report, "ntfs.index", $"leads to record {number}, which is free", others: true);
        Said(report, "ntfs.cluster-bitmap", "nothing has them", others: true);
    }

    [Fact]
    public async Task A_record_in_use_that_is_marked_free()
    {
        var volume = await EditorAsync("mixed");
        var number = await volume.FindAsync(Ordinary);
        volume.Bytes[await volume.PlaceAsync(SystemRecord.Mft, AttributeType.Bitmap, string.Empty, number / 8)] &= (byte)~(1 << (int)(number % 8));
        Said(await CheckAsync(volume), "ntfs.mft-bitmap", $"record {number} is in use");
    }

    [Fact]
    public async Task A_name_that_its_directory_does_not_have()
    {
        var volume = await EditorAsync("mixed");
        var number = await volume.FindAsync(Ordinary);
        await volume.EditRecordAsync(number, r => r[VolumeEditor.Value(r, AttributeType.FileName) + FileName.HeaderBytes] = (byte)'M');
        Said(await CheckAsync(volume), "ntfs.file-name", $"record {number} has 1 names, and its directory entries say others");
    }

    [Fact]
    public async Task A_cluster_that_two_files_have()
    {
        var volume = await EditorAsync("mixed");
        // Both have one run: the second is given the first one's.
        var (first, second) = (await volume.FindAsync("module005.dll"), await volume.FindAsync(Ordinary));
        var (donor, target) = (await volume.RecordAsync(first), await volume.RecordAsync(second));
        Assert.Equal(1, donor[VolumeEditor.Attribute(donor, AttributeType.Data) + 8]);
        Assert.Equal(1, target[VolumeEditor.Attribute(target, AttributeType.Data) + 8]);
        await volume.EditRecordAsync(second, r => donor.AsSpan(VolumeEditor.Attribute(donor, AttributeType.Data) + 16, 56).CopyTo(r.AsSpan(VolumeEditor.Attribute(r, AttributeType.Data) + 16)));
        var report = await CheckAsync(volume);
        var cluster = await volume.PlaceAsync(second, AttributeType.Data, string.Empty, 0) / volume.Boot.ClusterBytes;
        Said(report, "ntfs.runlist", $"cluster {cluster} has two owners: record {first}: $DATA at offset ", others: true);
        Assert.Contains(report.Observations, o => o.Class == "ntfs.runlist" && o.Text.Contains($"; record {second}: $DATA at offset ", StringComparison.Ordinal));
        Said(report, "ntfs.cluster-bitmap", "marked used, and nothing has them", others: true);
    }

    [Fact]
    public async Task A_cluster_in_use_that_is_marked_free()
    {
        var volume = await EditorAsync("mixed");
        var cluster = await volume.PlaceAsync(await volume.FindAsync(Ordinary), AttributeType.Data, string.Empty, 0) / volume.Boot.ClusterBytes;
        volume.Bytes[await volume.PlaceAsync(SystemRecord.Bitmap, AttributeType.Data, string.Empty, cluster / 8)] &= (byte)~(1 << (cluster % 8));
        Said(await CheckAsync(volume), "ntfs.cluster-bitmap", $"1 clusters from {cluster} on are in use and marked free");
    }

    [Fact]
    public async Task A_free_cluster_that_is_marked_used_is_a_note_on_a_dirty_volume()
    {
        var volume = await EditorAsync("plain");
        var cluster = (int)volume.Boot.Clusters - 100;
        volume.Bytes[await volume.PlaceAsync(SystemRecord.Bitmap, AttributeType.Data, string.Empty, cluster / 8)] |= (byte)(1 << (cluster % 8));
        Said(await CheckAsync(volume), "ntfs.cluster-bitmap", $"1 clusters from {cluster} on are marked used");
        await MarkDirtyAsync(volume);
        var report = await CheckAsync(volume);
        Noted(report, "ntfs.leaked-clusters", $"1 clusters from {cluster} on");
        Noted(report, "ntfs.dirty", "$Volume is marked dirty");
    }

    [Fact]
    public async Task A_dirty_volume_is_sound_and_says_so()
    {
        var volume = await EditorAsync("mixed");
        await MarkDirtyAsync(volume);
        var report = await CheckAsync(volume);
        Noted(report, "ntfs.dirty", "$Volume is marked dirty");
        Assert.True(report.Facts.IsDirty);
        Assert.True(report.IsSound);
    }

    [Theory]
    [InlineData("\0\u0001", false, "ntfs.dirty", "was not closed")]
    [InlineData("\0\u0001", true, null, null)]
    [InlineData("\0\u0002", false, "ntfs.fast-startup", "version 2.0")]
    public async Task The_newer_restart_page_says_whether_the_log_was_closed(string version, bool isClosed, string? findingClass, string? text)
    {
        var volume = await EditorAsync("plain");
        var place = await LogAsync(volume, version[1], isClosed);
        var report = await CheckAsync(volume);
        Assert.True(report.IsSound);
        if (findingClass is null) Assert.Empty(report.Observations);
        else Noted(report, findingClass, text!);
        Assert.Equal(!isClosed, report.Facts.IsDirty);
        // The other one is damaged: after a clean shutdown nobody was writing it.
        volume.Bytes[place + 4096] = 0;
        report = await CheckAsync(volume);
        if (isClosed) Said(report, "ntfs.log", "the restart page at byte 4096: it starts with");
        else Noted(report, "ntfs.log", "the restart page at byte 4096: it starts with");
        volume.Bytes[place + 510] ^= 1;
        Said(await CheckAsync(volume), "ntfs.log", "no sound restart page");
    }

    [Fact]
    public async Task What_only_the_log_makes_whole_is_a_note_until_it_is_replayed()
    {
        var volume = await EditorAsync("mixed");
        var number = await volume.FindAsync(Ordinary);
        await volume.EditRecordAsync(number, r => r[0x12]++);
        volume.Bytes[await volume.PlaceAsync(SystemRecord.Mft, AttributeType.Bitmap, string.Empty, number / 8)] &= (byte)~(1 << (int)(number % 8));
        volume.Bytes.AsSpan(await volume.PlaceAsync(await volume.FindAsync("wide"), AttributeType.IndexAllocation, "$I30", 4096), 4096).Clear();
        Said(await CheckAsync(volume), "ntfs.index", "instead of INDX", others: true);
        var log = await LogAsync(volume, 1, isClosed: false);
        var report = await CheckAsync(volume);
        foreach (var findingClass in (string[])["ntfs.dirty", "ntfs.index", "ntfs.file-name", "ntfs.mft-bitmap"]) Noted(report, findingClass, string.Empty);
        // What is wrong in itself no log has written.
        await volume.EditRecordAsync(number, r => r[VolumeEditor.Attribute(r, AttributeType.Data) + 13] |= 1);
        Said(await CheckAsync(volume), "ntfs.attribute", "has the flags 0x0100");
        // Closed, all of it is damage.
        volume.Edit(log, 4096, p => p[0x3E] = 2);
        Said(await CheckAsync(volume), "ntfs.mft-bitmap", $"record {number} is in use", others: true);
    }

    [Fact]
    public async Task A_log_that_was_emptied_and_is_not_empty()
    {
        var volume = await EditorAsync("plain");
        volume.Bytes[await volume.PlaceAsync(SystemRecord.LogFile, AttributeType.Data, string.Empty, 100_000)] = 0;
        Said(await CheckAsync(volume), "ntfs.log", "not empty at its byte 100000");
    }

    [Fact]
    public async Task A_windows_that_has_woken_up_does_not_sleep()
    {
        var volume = await EditorAsync("asleep");
        Noted(await CheckAsync(volume), "ntfs.hibernated", "holds a Windows that sleeps");
        var place = await volume.PlaceAsync(await volume.FindAsync("hiberfil.sys"), AttributeType.Data, string.Empty, 0);
        "WAKE"u8.CopyTo(volume.Bytes.AsSpan(place));
        Assert.Empty((await CheckAsync(volume)).Observations);
    }

    [Fact]
    public async Task A_block_of_a_directory_that_is_not_there()
    {
        var volume = await EditorAsync("mixed");
        volume.Bytes.AsSpan(await volume.PlaceAsync(await volume.FindAsync("wide"), AttributeType.IndexAllocation, "$I30", 4096), 4096).Clear();
        var report = await CheckAsync(volume);
        Said(report, "ntfs.index", "index $I30, block at 1: it starts with 0x00000000 instead of INDX", others: true);
        Said(report, "ntfs.file-name", "0 directory entries lead to it (1 indexes could not be read to their end)", others: true);
    }

    [Fact]
    public async Task Entries_that_are_not_in_order()
    {
        var volume = await EditorAsync("mixed");
        volume.Edit(await volume.PlaceAsync(await volume.FindAsync("wide"), AttributeType.IndexAllocation, "$I30", 0), 4096, SwapFirstTwoEntries);
        Said(await CheckAsync(volume), "ntfs.index", "does not come behind the one before it");
    }

    [Fact]
    public async Task A_security_descriptor_that_was_changed_and_its_copy()
    {
        var volume = await EditorAsync("mixed");
        var place = await volume.PlaceAsync(SystemRecord.Secure, AttributeType.Data, "$SDS", 40);
        volume.Bytes[place] ^= 1;
        var report = await CheckAsync(volume);
        Said(report, "ntfs.security", "its content has the hash", others: true);
        Said(report, "ntfs.security", "differs from its copy at byte 40", others: true);
        volume.Bytes[place] ^= 1;
        volume.Bytes[await volume.PlaceAsync(SystemRecord.Secure, AttributeType.Data, "$SDS", 40 + (256 << 10))] ^= 1;
        Said(await CheckAsync(volume), "ntfs.security", "differs from its copy at byte 40");
    }

    [Fact]
    public async Task A_security_id_that_is_not_known()
    {
        var volume = await EditorAsync("mixed");
        var number = await volume.FindAsync(Ordinary);
        await volume.EditRecordAsync(number, r => r[VolumeEditor.Value(r, AttributeType.StandardInformation) + 53] ^= 0x40);
        Said(await CheckAsync(volume), "ntfs.security", $"record {number} has the security id");
    }

    [Fact]
    public async Task A_letter_without_its_capital()
    {
        var volume = await EditorAsync("mixed");
        var place = await volume.PlaceAsync(SystemRecord.UpCase, AttributeType.Data, string.Empty, 0x3B1 * 2);
        volume.Bytes[place] ^= 1;
        Said(await CheckAsync(volume), "ntfs.upcase", "has the checksum");
    }

    [Fact]
    public async Task An_extension_record_that_its_list_does_not_name()
    {
        var volume = await EditorAsync("mixed");
        var number = await volume.FindAsync("streams.txt");
        var isResident = (await volume.RecordAsync(number))[VolumeEditor.Attribute(await volume.RecordAsync(number), AttributeType.AttributeList) + 8] == 0;
        // The last entry's record number.
        if (isResident)
        {
            await volume.EditRecordAsync(number, r =>
            {
                var value = VolumeEditor.Value(r, AttributeType.AttributeList);
                r[value + 16 + BinaryPrimitives.ReadUInt16LittleEndian(r.AsSpan(value + 4))] ^= 0x08;
            });
        }
        else
        {
            var place = await volume.PlaceAsync(number, AttributeType.AttributeList, string.Empty, 0);
            volume.Bytes[place + 16 + BinaryPrimitives.ReadUInt16LittleEndian(volume.Bytes.AsSpan(place + 4))] ^= 0x08;
        }

        Said(await CheckAsync(volume), "ntfs.attribute-list", $"record {number}: its attribute list names", others: true);
    }

    [Fact]
    public async Task Each_class_keeps_some_texts_and_counts_the_rest()
    {
        var volume = await EditorAsync("many");
        volume.Bytes.AsSpan(await volume.PlaceAsync(await volume.FindAsync("many"), AttributeType.IndexAllocation, "$I30", 0), 4096).Clear();
        var report = await NtfsVerifierAsync(volume, new NtfsLimits { TextsPerClass = 3 });
        Assert.Equal(4, report.Observations.Count(o => o.Class == "ntfs.file-name"));
        Assert.Matches("^and [0-9]+ more$", report.Observations.Last(o => o.Class == "ntfs.file-name").Text);
    }

    [Theory]
    [InlineData(1000, "A map of 24575 clusters")]
    [InlineData(10_000, "The tables for 8")]
    public async Task A_volume_beyond_the_limits_is_not_called_clean(long limitBytes, string text)
    {
        var report = await NtfsVerifierAsync(await EditorAsync("mixed"), new NtfsLimits { MaximumTableBytes = limitBytes });
        Assert.False(report.IsComplete);
        Said(report, "ntfs.not-checked", text);
    }

    [Fact]
    public async Task Findings_are_tied_to_the_file_system()
    {
        var volume = await EditorAsync("plain");
        await MarkDirtyAsync(volume);
        var finding = Assert.Single((await CheckAsync(volume)).Findings("0123456789ABCDEF", "disk1 partition 2, ntfs"));
        Assert.Equal(("ntfs.dirty", FindingSeverity.Note, "0123456789ABCDEF", "disk1 partition 2, ntfs"), (finding.Class, finding.Severity, finding.Filesystem, finding.Device));
    }

    private static Task MarkDirtyAsync(VolumeEditor volume) => volume.EditRecordAsync(SystemRecord.Volume, r => r[VolumeEditor.Value(r, AttributeType.VolumeInformation) + 10] |= 1);

    // Two restart pages as Windows writes them, the second one a little older.
    private static async Task<int> LogAsync(VolumeEditor volume, int major, bool isClosed)
    {
        var place = await volume.PlaceAsync(SystemRecord.LogFile, AttributeType.Data, string.Empty, 0);
        for (var copy = 0; copy < 2; copy++)
        {
            var page = new byte[4096];
            "RSTR"u8.CopyTo(page);
            void U16(int at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(page.AsSpan(at), (ushort)value);
            U16(4, 0x1E);
            U16(6, 9);
            U16(16, 4096);
            U16(20, 4096);
            U16(24, 0x30);
            U16(26, major == 2 ? 0 : 1);
            U16(28, major);
            BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(0x30), 0x100000 - copy);
            U16(0x38, 1);
            U16(0x3A, 0xFFFF);
            U16(0x3E, isClosed ? 2 : 0);
            U16(0x40, 67 - 21);
            U16(0x44, 0xE0);
            U16(0x46, 0x40);
            BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(0x48), 0x100000);
            U16(0x54, 0x30);
            U16(0x56, 0x40);
            page[0x1E] = 7;
            VolumeEditor.Protect(page);
            page.CopyTo(volume.Bytes, place + (copy * 4096));
        }

        return place;
    }

    private static void SwapFirstTwoEntries(byte[] block)
    {
        var at = 24 + BinaryPrimitives.ReadInt32LittleEndian(block.AsSpan(24));
        int first = BinaryPrimitives.ReadUInt16LittleEndian(block.AsSpan(at + 8)), second = BinaryPrimitives.ReadUInt16LittleEndian(block.AsSpan(at + first + 8));
        var entries = block.AsSpan(at, first + second).ToArray();
        entries.AsSpan(first).CopyTo(block.AsSpan(at));
        entries.AsSpan(0, first).CopyTo(block.AsSpan(at + second));
    }

    private static Task<NtfsReport> CheckAsync(VolumeEditor volume) => NtfsVolumes.CheckAsync(volume.Bytes);

    private static Task<NtfsReport> NtfsVerifierAsync(VolumeEditor volume, NtfsLimits limits) => NtfsVolumes.CheckAsync(volume.Bytes, limits);

    // By itself, unless one thing makes several others wrong.
    private static void Said(NtfsReport report, string findingClass, string text, bool others = false)
    {
        var damage = report.Observations.Where(o => o.Severity == FindingSeverity.Damage).ToList();
        Assert.Contains(damage, o => o.Class == findingClass && o.Text.Contains(text, StringComparison.Ordinal));
        if (!others) Assert.All(damage, o => Assert.Equal(findingClass, o.Class));
        Assert.False(report.IsSound);
    }

    private static void Noted(NtfsReport report, string findingClass, string text)
    {
        Assert.DoesNotContain(report.Observations, o => o.Severity == FindingSeverity.Damage);
        Assert.Contains(report.Observations, o => o.Class == findingClass && o.Text.Contains(text, StringComparison.Ordinal));
    }

    private Task<VolumeEditor> EditorAsync(string name) => VolumeEditor.CopyAsync(volumes.Bytes(name));
}
