using Sealift.Guests.Ntfs;

namespace Sealift.Guests.Tests.Ntfs;

/// <summary>No false alarm on any volume that nothing is wrong with.</summary>
[Collection(nameof(NtfsVolumes))]
public sealed class HealthyNtfsTests(NtfsVolumes volumes)
{
    public static TheoryData<string> Names => [.. NtfsVolumes.Healthy];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_sound_volume_has_no_damage(string name)
    {
        var report = await NtfsVolumes.CheckAsync(volumes.Bytes(name));
        Assert.DoesNotContain(report.Observations, o => o.Severity == FindingSeverity.Damage);
        Assert.Equal(name == "asleep" ? ["ntfs.hibernated"] : [], report.Observations.Select(o => o.Class));
        Assert.True(report.IsSound);
        Assert.False(report.Facts.IsDirty);
        Assert.Equal((name, "3.1"), (report.Facts.Label, report.Facts.Version));
    }

    [Theory]
    [InlineData("plain", 4096, 1024, 17, 2)]
    [InlineData("large", 65536, 1024, 491, 20)]
    [InlineData("small", 512, 1024, 491, 20)]
    [InlineData("sector4k", 4096, 4096, 491, 20)]
    [InlineData("mixed", 4096, 1024, 491, 20)]
    [InlineData("many", 4096, 1024, 20017, 61)]
    public async Task What_is_on_it_is_counted(string name, int clusterBytes, int recordBytes, long files, long directories)
    {
        var facts = (await NtfsVolumes.CheckAsync(volumes.Bytes(name))).Facts;
        Assert.Equal((clusterBytes, recordBytes, files, directories), (facts.ClusterBytes, facts.RecordBytes, facts.Files, facts.Directories));
        Assert.Matches("^[0-9A-F]{16}$", facts.SerialNumber);
        Assert.InRange(facts.ClustersInUse, 1, facts.Clusters);
        Assert.InRange(facts.RecordsInUse, files + directories, facts.Records);
    }

    [Fact]
    public async Task A_table_of_files_in_pieces_is_found_by_its_attribute_list()
    {
        var editor = await VolumeEditor.CopyAsync(volumes.Bytes("shredded"));
        Assert.NotEqual(0, VolumeEditor.Attribute(await editor.RecordAsync(SystemRecord.Mft), AttributeType.AttributeList));
        var facts = (await NtfsVolumes.CheckAsync(volumes.Bytes("shredded"))).Facts;
        Assert.InRange(facts.RecordsInUse, 3000, facts.Records);
    }

    [Fact]
    public async Task A_full_volume_is_full() => Assert.True((await NtfsVolumes.CheckAsync(volumes.Bytes("full"))).Facts is { } f && f.Clusters - f.ClustersInUse < 4);

    [Fact]
    public async Task Memory_follows_from_the_tables_and_not_from_the_files()
    {
        // What comes and goes while a volume is checked: buffers, and a record of each directory.
        const long Passing = 16 << 20;
        var volume = volumes.Bytes("many");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var report = await NtfsVolumes.CheckAsync(volume);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        var tables = (report.Facts.Clusters / 8) + (report.Facts.Records * (RecordTable.BytesPerRecord + 1));
        TestContext.Current.TestOutputHelper?.WriteLine($"{report.Facts.Files} files: {tables} bytes of tables, {allocated} allocated in all, {report.Facts.BytesRead} read");
        Assert.InRange(allocated, tables / 2, tables + Passing);
    }
}
