using System.Net;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>Disks that the server exports: the lease lives as long as it is read, and what came is compared with what was sent.</summary>
public sealed class NfcDiskTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_snapshot_and_a_machine_that_is_off_are_exported_and_nothing_of_it_stays()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var then = rig.Content.ToArray();
        var point = await rig.SnapshotAsync("one", Cancel);
        await rig.WriteAsync(1_000_000, [1, 2, 3, 4], Cancel);
        await using (var disk = await VSphereDisk.OpenAsync(rig.Client, rig.Access with { Vddk = null }, point, rig.WorkDirectory, Cancel))
        {
            Assert.Equal("nfc", disk.DataPath);
            Assert.Equal(["vddk: no library was named for this server", "https: the machine is not off"], disk.Notes);
            Assert.Equal(then, await RigMachine.ReadAllAsync(disk, Cancel));
            var holes = 0L;
            await foreach (var extent in disk.ExtentsAsync(0, disk.LengthBytes, Cancel)) holes += extent.IsHole ? extent.LengthBytes : 0;
            Assert.InRange(holes, 2 << 20, 3 << 20);
            await disk.VerifyUnchangedAsync(Cancel);
            Assert.Single(Files(rig));
        }

        Assert.Empty(Files(rig));
        await using (var off = await NfcDisk.OpenAsync(rig.Client, rig.Access, await rig.OffAsync(Cancel), rig.WorkDirectory, Cancel)) Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(off, Cancel));
        Assert.Equal((2, 0), (await rig.Server.CountAsync("HttpNfcLeaseComplete", Cancel), await rig.Server.CountAsync("HttpNfcLeaseAbort", Cancel)));
    }

    [Fact]
    public async Task A_lease_is_kept_as_long_as_its_file_is_read()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await rig.Server.BreakLeasesAsync("""{"timeout":1}""", Cancel);
        await rig.Server.HappenAsync("nfc-get", "until-kept", Cancel); // the rest comes after three words only
        await using var disk = await NfcDisk.OpenAsync(rig.Client, rig.Access, await rig.OffAsync(Cancel), rig.WorkDirectory, Cancel);
        Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(disk, Cancel));
    }

    [Theory]
    [InlineData("half", "SL3333")] // the connection ends
    [InlineData("drop-request", "SL3333")]
    [InlineData("truncated", "SL3334")] // it ends as if that were all: the manifest knows better
    [InlineData("damaged", "SL3334")]
    public async Task A_file_that_does_not_come_whole_is_no_disk(string what, string code)
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.OffAsync(Cancel);
        await rig.Server.HappenAsync("nfc-get", what, Cancel, count: 100);
        await RefusedAsync(rig, point, code);
        Assert.Equal((0, 1), (await rig.Server.CountAsync("HttpNfcLeaseComplete", Cancel), await rig.Server.CountAsync("HttpNfcLeaseAbort", Cancel)));
    }

    [Fact]
    public async Task Without_a_manifest_the_image_itself_says_that_it_is_not_whole()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.OffAsync(Cancel);
        await rig.Server.BreakLeasesAsync("""{"manifest":"none","noSizes":true}""", Cancel);
        await using (var disk = await NfcDisk.OpenAsync(rig.Client, rig.Access, point, rig.WorkDirectory, Cancel)) Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(disk, Cancel));
        await rig.Server.HappenAsync("nfc-get", "truncated", Cancel);
        await RefusedAsync(rig, point, "SL4002");
        await rig.Server.AnswerAsync("nfc-get", 404, "text/plain", "gone", Cancel);
        await RefusedAsync(rig, point, "SL3332");
    }

    [Fact]
    public async Task A_lease_that_ends_meanwhile_ends_the_reading()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.OffAsync(Cancel);
        await rig.Server.BreakLeasesAsync("""{"timeout":1}""", Cancel);
        await rig.Server.HappenAsync("nfc-get", "hang", Cancel); // it would never come
        await rig.Server.RefuseAsync("HttpNfcLeaseProgress", "ManagedObjectNotFound", "<obj type=\"HttpNfcLease\">lease</obj>", Cancel);
        await RefusedAsync(rig, point, "SL3313");
    }

    [Fact]
    public async Task Whoever_has_the_file_is_recognised_by_the_thumbprint_in_the_lease()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.OffAsync(Cancel);
        await using var other = await VCenter.StartAsync(Cancel, machines: 1);
        await rig.Server.BreakLeasesAsync($$"""{"host":"{{other.Address.Authority}}"}""", Cancel); // with the first one's thumbprint
        Assert.Contains(other.Sha256, (await RefusedAsync(rig, point, "SL3303")).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, await other.CountAsync("nfc-get", Cancel));
        await rig.Server.BreakLeasesAsync($$"""{"host":"{{IPAddress.Loopback}}:{{rig.Server.Address.Port}}"}""", Cancel); // a name that the certificate is not for: its thumbprint is the right one
        await using (var disk = await NfcDisk.OpenAsync(rig.Client, rig.Access, point, rig.WorkDirectory, Cancel)) Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(disk, Cancel));
        await rig.Server.BreakLeasesAsync("""{"thumbprint":"AA:BB"}""", Cancel);
        await RefusedAsync(rig, point, "SL3332");
        await rig.Server.BreakLeasesAsync("""{"host":"user@localhost"}""", Cancel);
        await RefusedAsync(rig, point, "SL3332");
    }

    [Fact]
    public async Task The_file_of_another_disk_or_of_another_length_is_not_taken_for_this_one()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.OffAsync(Cancel);
        await RefusedAsync(rig, point with { Disk = point.Disk with { Unit = 7 } }, "SL6532");
        await RefusedAsync(rig, point with { Disk = point.Disk with { ControllerKey = 99 } }, "SL6532");
        await RefusedAsync(rig, point with { Disk = point.Disk with { CapacityBytes = 8 << 20 } }, "SL6525");
        await rig.Server.BreakLeasesAsync("""{"otherKeys":true}""", Cancel);
        await RefusedAsync(rig, point, "SL6532");
    }

    [Fact]
    public async Task What_none_can_read_is_refused_with_every_reason()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.SnapshotAsync("one", Cancel);
        var access = rig.Access with { Vddk = null };
        var all = await Assert.ThrowsAsync<SealiftException>(() => VSphereDisk.OpenAsync(rig.Client, access, point with { Disk = point.Disk with { IsEncrypted = true } }, rig.WorkDirectory, Cancel));
        Assert.Equal("SL6528", all.Code);
        foreach (var reason in new[] { "vddk: no library", "https: the machine is not off", "nfc: what vSphere encrypts" }) Assert.Contains(reason, all.Message, StringComparison.Ordinal);
        Assert.Equal("SL6528", (await Assert.ThrowsAsync<SealiftException>(() => VSphereDisk.OpenAsync(rig.Client, rig.Access, point with { Snapshot = null }, rig.WorkDirectory, Cancel))).Code);
        var broken = await Assert.ThrowsAsync<SealiftException>(() => VSphereDisk.OpenAsync(rig.Client, rig.Access with { Vddk = new VddkOptions { LibraryDirectory = "/nowhere" } }, point with { Disk = point.Disk with { IsEncrypted = true } }, rig.WorkDirectory, Cancel));
        Assert.Contains("finds no library of VMware's in /nowhere", broken.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Files(RigMachine rig) => Directory.EnumerateFiles(rig.WorkDirectory, "nfc-*");

    private static async Task<SealiftException> RefusedAsync(RigMachine rig, VSphereDiskPoint point, string code)
    {
        var error = await Assert.ThrowsAnyAsync<SealiftException>(() => NfcDisk.OpenAsync(rig.Client, rig.Access, point, rig.WorkDirectory, Cancel));
        Assert.Equal(code, error.Code);
        Assert.Empty(Files(rig));
        return error;
    }
}
