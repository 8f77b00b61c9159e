using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>Disks from their files on a datastore: every reply is judged, what is lost is asked for again, and what is another file is noticed.</summary>
public sealed class HttpsDiskTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_machine_that_is_off_is_read_without_a_library_also_by_many_readers_at_once()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await using var disk = await VSphereDisk.OpenAsync(rig.Client, rig.Access with { Vddk = null }, await rig.OffAsync(Cancel), rig.WorkDirectory, Cancel);
        Assert.Equal("https", disk.DataPath);
        Assert.Equal("vddk: no library was named for this server", Assert.Single(disk.Notes));
        Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(disk, Cancel));
        await Task.WhenAll(Enumerable.Range(0, 32).Select(async i =>
        {
            var part = new byte[100_001];
            await disk.ReadAsync(i * 100_003, part, Cancel);
            Assert.True(part.AsSpan().SequenceEqual(rig.Content.AsSpan(i * 100_003, part.Length)));
        }));
        await foreach (var extent in disk.ExtentsAsync(1000, 5000, Cancel)) Assert.Equal((1000, 5000, false), (extent.Offset, extent.LengthBytes, extent.IsHole));
        Assert.NotNull(disk.MapDoubt);
        await disk.VerifyUnchangedAsync(Cancel);
        Assert.Empty(Directory.EnumerateFiles(rig.WorkDirectory, "descriptor-*"));
    }

    [Theory]
    [InlineData("drop-request", 3)] // the connection ends before an answer
    [InlineData("half", 2)] // or within it
    [InlineData("expire", 1)] // the session ends
    public async Task What_is_lost_on_the_way_is_read_again(string what, int count)
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await using var disk = await OpenAsync(rig);
        await rig.Server.HappenAsync("folder-get", what, Cancel, skip: 1, count: count);
        var before = await rig.Server.CountAsync("folder-get", Cancel);
        Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(disk, Cancel));
        Assert.Equal(3 + count, await rig.Server.CountAsync("folder-get", Cancel) - before);
    }

    [Theory]
    [InlineData("drop-request", "SL3331", "5 times")]
    [InlineData("half", "SL3331", "5 times")]
    [InlineData("fewer", "SL3329", "bytes come")]
    [InlineData("more", "SL3329", "more than was asked for")]
    [InlineData("shifted", "SL3329", "it is the range 512 to")]
    [InlineData("whole", "SL3329", "200 instead of 206")]
    [InlineData("other-length", "SL3330", "4195328 now")]
    [InlineData("redirect", "SL3328", "302")]
    public async Task A_reply_that_is_not_what_was_asked_for_is_no_part_of_a_disk(string what, string code, string says)
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await using var disk = await OpenAsync(rig);
        await rig.Server.HappenAsync("folder-get", what, Cancel, count: 100);
        var error = await Assert.ThrowsAsync<VSphereException>(() => RigMachine.ReadAllAsync(disk, Cancel));
        Assert.Equal(code, error.Code);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_away_for_a_moment_is_waited_for_and_one_that_refuses_is_not()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await using var disk = await OpenAsync(rig);
        await rig.Server.AnswerAsync("folder-get", 503, "text/plain", "starting", Cancel);
        Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(disk, Cancel));
        var before = await rig.Server.CountAsync("folder-get", Cancel);
        await rig.Server.AnswerAsync("folder-get", 403, "text/plain", "no", Cancel);
        Assert.Equal("SL3328", (await Assert.ThrowsAsync<VSphereException>(() => RigMachine.ReadAllAsync(disk, Cancel))).Code);
        Assert.Equal(1, await rig.Server.CountAsync("folder-get", Cancel) - before);
    }

    [Fact]
    public async Task A_file_that_is_written_to_or_cut_meanwhile_is_noticed_by_the_next_read()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await using var disk = await OpenAsync(rig);
        var part = new byte[512];
        await disk.ReadAsync(0, part, Cancel);
        var live = await rig.Server.DiskPathAsync(rig.Machine, rig.Key, Cancel);
        File.SetLastWriteTimeUtc(live, DateTime.UtcNow.AddSeconds(5));
        Assert.Equal("SL3330", (await Assert.ThrowsAsync<VSphereException>(() => disk.ReadAsync(0, part, Cancel).AsTask())).Code);
        Assert.Equal("SL3330", (await Assert.ThrowsAsync<VSphereException>(() => disk.VerifyUnchangedAsync(Cancel).AsTask())).Code);
        File.Delete(live);
        Assert.Equal("SL3327", (await Assert.ThrowsAsync<VSphereException>(() => disk.ReadAsync(0, part, Cancel).AsTask())).Code);
    }

    [Theory]
    [InlineData("RW 8192 VMFS \"DISK\"", "SL6525")]
    [InlineData("RW 8193 VMFSRDM \"DISK\"", "SL6531")]
    [InlineData("RW 8193 VMFS \"DISK\" 1", "SL6531")]
    [InlineData("RW 4096 VMFS \"DISK\"\nRW 4097 VMFS \"DISK\"", "SL6531")]
    [InlineData("RW 8193 VMFS \"../other/DISK\"", "SL6531")]
    [InlineData("RW 8193 VMFS \"not-there.vmdk\"", "SL3327")]
    [InlineData("RW 8193 VMFS \"DISK\"\nparentFileNameHint=\"p.vmdk\"", "SL6531")]
    [InlineData("strange", "SL4003")]
    [InlineData("", "SL6531")]
    public async Task A_descriptor_that_is_not_of_one_flat_file_of_its_length_is_refused(string extents, string code)
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.OffAsync(Cancel);
        Assert.Equal(8193 * 512, point.Disk.CapacityBytes);
        var live = await rig.Server.DiskPathAsync(rig.Machine, rig.Key, Cancel);
        var descriptor = live.Replace("-flat.vmdk", ".vmdk", StringComparison.Ordinal);
        await File.WriteAllTextAsync(descriptor, $"# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n{extents.Replace("DISK", Path.GetFileName(live), StringComparison.Ordinal)}\n", Cancel);
        Assert.Equal(code, (await Assert.ThrowsAnyAsync<SealiftException>(() => HttpsDisk.OpenAsync(rig.Client, rig.Access, point, rig.WorkDirectory, Cancel))).Code);
        Assert.Empty(Directory.EnumerateFiles(rig.WorkDirectory, "descriptor-*"));
    }

    [Fact]
    public async Task What_cannot_be_read_so_is_known_before_it_is_tried()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var snapshot = await rig.SnapshotAsync("one", Cancel);
        var off = await rig.OffAsync(Cancel);
        foreach (var (point, says) in new[]
        {
            (snapshot, "not off"),
            (snapshot with { IsOff = true }, "snapshots"),
            (off with { Disk = off.Disk with { ParentFiles = ["[ds] a.vmdk"] } }, "snapshots"),
            (off with { Disk = off.Disk with { Backing = DiskBacking.SeSparse } }, "no flat file"),
            (off with { Disk = off.Disk with { IsEncrypted = true } }, "encrypted"),
            (off with { Disk = off.Disk with { File = "[ds] ../a.vmdk" } }, "names no file"),
            (off with { Disk = off.Disk with { Datastore = null } }, "names no file"),
        })
        {
            Assert.Contains(says, await HttpsDisk.WhyNotAsync(rig.Client, point, Cancel), StringComparison.Ordinal);
            Assert.Equal("SL6531", (await Assert.ThrowsAsync<SealiftException>(() => HttpsDisk.OpenAsync(rig.Client, rig.Access, point, rig.WorkDirectory, Cancel))).Code);
        }

        Assert.Null(await HttpsDisk.WhyNotAsync(rig.Client, off, Cancel));
        await rig.Server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", Kind(off.Disk.Datastore!.Value, "vsan"), Cancel);
        Assert.Contains("objects", await HttpsDisk.WhyNotAsync(rig.Client, off, Cancel), StringComparison.Ordinal);
    }

    private static async Task<HttpsDisk> OpenAsync(RigMachine rig) => await HttpsDisk.OpenAsync(rig.Client, rig.Access, await rig.OffAsync(Cancel), rig.WorkDirectory, Cancel);

    private static string Kind(ManagedReference datastore, string kind) =>
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><RetrievePropertiesExResponse xmlns=\"urn:vim25\"><returnval><objects>"
        + $"<obj type=\"{datastore.Type}\">{datastore.Value}</obj><propSet><name>summary.type</name><val xsi:type=\"string\">{kind}</val></propSet></objects></returnval></RetrievePropertiesExResponse></soapenv:Body></soapenv:Envelope>";
}
