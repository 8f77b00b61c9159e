using System.Diagnostics;
using Sealift.Posix;
using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>Disks by VMware's library: a stand-in for it behind the real nbdkit, as particular as the library is.</summary>
public sealed class VddkDiskTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_machine_that_is_off_and_one_at_a_snapshot_are_read_as_they_were_then()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var then = rig.Content.ToArray();
        var point = await rig.SnapshotAsync("one", Cancel);
        await rig.WriteAsync(1_000_000, [1, 2, 3, 4], Cancel);
        int nbdkit;
        await using (var disk = await VddkDisk.OpenAsync(rig.Client, rig.Access, point, Cancel))
        {
            nbdkit = disk.ProcessId;
            Assert.Equal(RigMachine.LengthBytes, disk.LengthBytes);
            Assert.Equal(then, await RigMachine.ReadAllAsync(disk, Cancel));
            await disk.VerifyUnchangedAsync(Cancel);
        }

        Assert.Throws<ArgumentException>(() => Process.GetProcessById(nbdkit));
        Assert.NotEqual(then, rig.Content);
        await using var off = await VSphereDisk.OpenAsync(rig.Client, rig.Access, await rig.OffAsync(Cancel), rig.WorkDirectory, Cancel);
        Assert.Equal("vddk", off.DataPath);
        Assert.Empty(off.Notes);
        Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(off, Cancel));
    }

    [Fact]
    public async Task Holes_are_told_for_ranges_that_begin_and_end_anywhere()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await using var disk = await VddkDisk.OpenAsync(rig.Client, rig.Access, await rig.SnapshotAsync("one", Cancel), Cancel);
        foreach (var (offset, length) in new (int, int)[] { (0, RigMachine.LengthBytes), (2_000_001, 100), (1_299_999, 2_000_000), (RigMachine.LengthBytes - 1, 1) })
        {
            var at = (long)offset;
            var holes = 0L;
            await foreach (var extent in disk.ExtentsAsync(offset, length, Cancel))
            {
                Assert.Equal(at, extent.Offset);
                Assert.True(extent.LengthBytes > 0);
                if (extent.IsHole)
                {
                    holes += extent.LengthBytes;
                    Assert.False(rig.Content.AsSpan((int)extent.Offset, (int)extent.LengthBytes).ContainsAnyExcept((byte)0));
                }

                at = extent.End;
            }

            Assert.Equal(offset + length, at);
            if (offset == 0) Assert.InRange(holes, 2 << 20, 3 << 20);
        }
    }

    [Fact]
    public async Task Whoever_trusts_by_an_authority_has_the_library_recognise_the_certificate_that_was_shown()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await using var client = await VSphereClient.ConnectAsync(rig.Server.Options with { Trust = ServerTrust.Authorities(rig.Server.CaFile) }, Cancel);
        Assert.Equal(rig.Server.Sha1, client.Certificate.Sha1.Replace(":", string.Empty, StringComparison.Ordinal), ignoreCase: true);
        Assert.Equal(rig.Server.Sha256, client.Certificate.Sha256, ignoreCase: true);
        await using var disk = await VddkDisk.OpenAsync(client, rig.Access, await rig.SnapshotAsync("one", Cancel), Cancel);
        Assert.Equal(rig.Content, await RigMachine.ReadAllAsync(disk, Cancel));

        // Another server that calls itself the same is not believed.
        await using var other = await VCenter.StartAsync(Cancel, machines: 1);
        var error = await Assert.ThrowsAsync<SealiftException>(async () => await VddkDisk.OpenAsync(client, rig.Access with { Options = other.Options }, await rig.SnapshotAsync("one", Cancel), Cancel));
        Assert.Equal("SL6523", error.Code);
        Assert.Contains("SSL exception", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_library_says_is_quoted_and_the_password_is_in_no_word_of_it()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        const string Wrong = "not-this-one-93";
        var access = rig.Access with { Options = rig.Server.Options with { Password = new VSphereSecret(Wrong) } };
        var point = await rig.SnapshotAsync("one", Cancel);
        await RefusedAsync("SL6523", "Incorrect user name or password", rig, access, point);
        await RefusedAsync("SL6527", "line break", rig, rig.Access with { Options = rig.Server.Options with { Password = new VSphereSecret("a\nb") } }, point);
        await RefusedAsync("SL6523", "not a virtual disk", rig, rig.Access, point with { Disk = point.Disk with { File = "[LocalDS_0] other/other.vmdk" } });
        await RefusedAsync("SL6523", "snapshot cannot be found", rig, rig.Access, point with { Snapshot = new ManagedReference("VirtualMachineSnapshot", "snapshot-999") });
        await RefusedAsync("SL6523", "powered on", rig, rig.Access, point with { Snapshot = null, IsOff = true });
        await RefusedAsync("SL6525", "is 8388608 bytes long, and VMware's library", rig, rig.Access, point with { Disk = point.Disk with { CapacityBytes = 8 << 20 } });
        await rig.Server.BreakLibraryAsync("""{"longerBy":512}""", Cancel);
        await RefusedAsync("SL6525", "that it is 4195328", rig, rig.Access, point);
        await RefusedAsync("SL6521", "none was named", rig, rig.Access with { Vddk = null }, point);
        await RefusedAsync("SL6521", "finds no library", rig, rig.Access with { Vddk = new VddkOptions { LibraryDirectory = "/nowhere" } }, point);
        await RefusedAsync("SL6522", "compression", rig, rig.Access with { Vddk = new VddkOptions { Compression = "strange" } }, point);

        async Task RefusedAsync(string code, string says, RigMachine machine, VSphereAccess how, VSphereDiskPoint where)
        {
            var error = await Assert.ThrowsAsync<SealiftException>(() => VddkDisk.OpenAsync(machine.Client, how, where, Cancel));
            Assert.Equal(code, error.Code);
            Assert.Contains(says, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Wrong, error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_nbdkit_that_dies_and_a_library_that_fails_are_told_apart()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.SnapshotAsync("one", Cancel);
        await rig.Server.BreakLibraryAsync("""{"failAfterReads":1}""", Cancel);
        await using (var failing = await VddkDisk.OpenAsync(rig.Client, rig.Access, point, Cancel))
        {
            var error = await Assert.ThrowsAsync<SealiftException>(() => RigMachine.ReadAllAsync(failing, Cancel, 1 << 20));
            Assert.Equal("SL6524", error.Code);
            Assert.Contains("at offset 1048576", error.Message, StringComparison.Ordinal);
            Assert.Contains("VixDiskLib_Read", error.Message, StringComparison.Ordinal);
        }

        await rig.Server.BreakLibraryAsync("""{"dieAfterReads":2}""", Cancel);
        await using var dying = await VddkDisk.OpenAsync(rig.Client, rig.Access, point, Cancel);
        var death = await Assert.ThrowsAsync<SealiftException>(() => RigMachine.ReadAllAsync(dying, Cancel, 1 << 20));
        Assert.Equal("SL6524", death.Code);
        Assert.Contains("nbdkit went away", death.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_library_that_does_not_answer_is_given_up()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await rig.Server.BreakLibraryAsync("""{"hangOnOpen":true}""", Cancel);
        var point = await rig.SnapshotAsync("one", Cancel);
        var error = await Assert.ThrowsAsync<SealiftException>(() => VddkDisk.OpenAsync(rig.Client, rig.Access, point, Cancel, TimeSpan.FromSeconds(1)));
        Assert.Equal("SL6523", error.Code);
    }

    [Fact]
    public async Task A_point_in_time_that_is_gone_or_another_is_noticed()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        var point = await rig.SnapshotAsync("one", Cancel);
        await using (var disk = await VddkDisk.OpenAsync(rig.Client, rig.Access, point, Cancel))
        {
            await rig.Client.RemoveSnapshotAsync(rig.Machine, point.Snapshot!.Value, Cancel);
            Assert.Equal("SL6526", (await Assert.ThrowsAsync<SealiftException>(() => disk.VerifyUnchangedAsync(Cancel).AsTask())).Code);
        }

        await using (var disk = await VddkDisk.OpenAsync(rig.Client, rig.Access, await rig.OffAsync(Cancel), Cancel))
        {
            await disk.VerifyUnchangedAsync(Cancel);
            await rig.Client.PowerOnAsync(rig.Machine, Cancel);
            var error = await Assert.ThrowsAsync<SealiftException>(() => disk.VerifyUnchangedAsync(Cancel).AsTask());
            Assert.Equal("SL6526", error.Code);
            Assert.Contains("poweredOn", error.Message, StringComparison.Ordinal);
        }
    }
}
