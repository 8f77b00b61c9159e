using System.Xml.Linq;

namespace Sealift.EndToEnd;

/// <summary>UEFI, LVM, XFS, Btrfs and a qcow2 target, from the OVA to the login prompt.</summary>
public sealed class UefiMachineTests(Rig rig, UefiMachine machine) : IClassFixture<UefiMachine>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_sealed_and_verifies()
    {
        Assert.True(machine.Result.ExitCode == 0, $"exit code {machine.Result.ExitCode}\n{machine.Result.Output}\n{machine.Result.ErrorTail}");
        Assert.Equal("uefi", machine.Predicate.GetProperty("machine").GetProperty("firmware").GetString());
        var result = await rig.RunAsync(machine.State, ["verify", machine.Seal], Cancel);
        Assert.True(result.ExitCode == 0, result.Output + result.ErrorTail);
        Assert.Contains("every claim holds", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("filesystemsBefore")]
    [InlineData("filesystemsAfter")]
    public void Every_file_system_and_volume_group_was_checked(string when)
    {
        var seen = machine.Predicate.GetProperty(when).EnumerateArray()
            .Select(f => (f.GetProperty("type").GetString(), f.GetProperty("mountpoint").GetString(), f.GetProperty("checkedBy").GetString()!.Split(' ')[0], f.GetProperty("clean").GetBoolean())).ToList();
        Assert.Equal(
            [
                ("vfat", "/boot/efi", "fsck.fat", true),
                ("LVM2_member", "", "sealift", true),
                ("ext4", "/", "e2fsck", true),
                ("xfs", "/srv/xfs", "xfs_repair", true),
                ("btrfs", "/srv/btrfs", "btrfs", true),
            ],
            seen);
    }

    [Fact]
    public void The_domain_boots_by_uefi_from_virtio_disks_in_qcow2()
    {
        var domain = XDocument.Load(Path.Combine(machine.Target, "uefi.xml")).Root!;
        Assert.Equal("efi", domain.Element("os")!.Attribute("firmware")!.Value);
        Assert.Equal(Path.Combine(machine.Target, "uefi-nvram.fd"), domain.Element("os")!.Element("nvram")!.Value);
        var disks = domain.Descendants("disk").Select(d => (d.Element("target")!.Attribute("bus")!.Value, d.Element("driver")!.Attribute("type")!.Value, Path.GetFileName(d.Element("source")!.Attribute("file")!.Value)));
        Assert.Equal([("virtio", "qcow2", "uefi-disk1.qcow2"), ("virtio", "qcow2", "uefi-disk2.qcow2")], disks);
    }

    [Fact]
    public async Task It_boots_from_virtio_to_its_login_prompt_with_everything_mounted()
    {
        var place = rig.NewDirectory();
        foreach (var file in Directory.EnumerateFiles(machine.Target)) File.Copy(file, Path.Combine(place, Path.GetFileName(file)));
        var console = await Console.WatchAsync(Path.Combine(place, "uefi-start.sh"), [], "login:", TimeSpan.FromMinutes(4), Cancel);
        Assert.Contains("TINY-UP root=/dev/mapper/tiny-root mounts=/boot/efi=vfat,/srv/xfs=xfs,/srv/btrfs=btrfs,", console, StringComparison.Ordinal);
        Assert.Contains("virtio_blk", console, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(place, "uefi-nvram.fd")));
        // Its UEFI variables are made at the first start; nobody hands over a stranger's.
        Assert.False(File.Exists(Path.Combine(machine.Target, "uefi-nvram.fd")));
    }

    /// <summary>A disk image does not say how its machine boots; a wrong guess would be found out only by whoever starts it.</summary>
    [Fact]
    public async Task Its_disk_alone_is_not_taken_for_one_that_boots_by_bios()
    {
        var target = rig.NewDirectory();
        var result = await rig.RunAsync(rig.NewDirectory(), ["migrate", machine.SystemDisk, "--to", target], Cancel);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("SL7208", result.Output + result.ErrorTail, StringComparison.Ordinal);
        Assert.Contains("--firmware uefi", result.Output + result.ErrorTail, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.EnumerateFiles(target), f => f.EndsWith(".raw", StringComparison.Ordinal));
    }
}
