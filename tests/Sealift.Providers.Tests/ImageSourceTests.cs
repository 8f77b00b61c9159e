using Sealift.Disks;

namespace Sealift.Providers.Tests;

public sealed class ImageSourceTests(TestDisk disk) : IClassFixture<TestDisk>
{
    [Fact]
    public async Task Images_become_one_machine_in_the_order_given()
    {
        using var package = new TestPackage(disk);
        var (b, a) = (package.Write("db.vmdk", disk.Vmdk), package.Write("a.vmdk", disk.Vmdk));
        var source = await package.OpenAsync(b, a);
        Assert.Equal("image", source.Kind);
        Assert.Equal([("disk1", "db.vmdk"), ("disk2", "a.vmdk")], source.Machine.Disks.Select(d => (d.Key, d.Identity)));
        Assert.Equal(("db", 2, 2L << 30, Firmware.Bios), (source.Machine.Name, source.Machine.Cpus, source.Machine.MemoryBytes, source.Machine.Firmware));
        Assert.Equal(5, source.Notes.Count);
        Assert.Equal(["a.vmdk", "db.vmdk"], source.Files.Select(f => Path.GetFileName(f.Path)));
    }

    [Fact]
    public async Task The_same_disk_twice_is_refused_under_any_name()
    {
        using var package = new TestPackage(disk);
        var a = package.Write("a.vmdk", disk.Vmdk);
        File.CreateSymbolicLink(package.Folder + "/b.vmdk", a);
        await package.RefusedAsync("SL6004", a, a);
        await package.RefusedAsync("SL6004", a, package.Folder + "/b.vmdk");
    }

    [Fact]
    public async Task Images_of_the_same_name_are_told_apart()
    {
        using var package = new TestPackage(disk);
        Directory.CreateDirectory(package.Folder + "/x");
        var (a, b) = (package.Write("a.vmdk", disk.Vmdk), package.Write("x/a.vmdk", disk.Vmdk));
        Assert.Equal([a, b], (await package.OpenAsync(a, b)).Machine.Disks.Select(d => d.Identity));
    }

    [Fact]
    public async Task A_package_is_not_a_disk_among_disks()
    {
        using var package = new TestPackage(disk);
        await package.RefusedAsync("SL6002", package.Write("a.vmdk", disk.Vmdk), package.Write("vm.ova", TestPackage.Tar(package.Members())));
    }

    [Fact]
    public async Task What_the_caller_knows_better_wins()
    {
        using var package = new TestPackage(disk)
        {
            Overrides = new MachineOverrides
            {
                Name = "new", Cpus = 7, MemoryBytes = 3L << 30, Firmware = Firmware.Uefi, SecureBoot = true, DiskBus = DiskBus.Ide,
                NetworkInterfaces = [new NetworkInterface(NicModel.Pcnet, "52-54-00-AA-BB-CC", "lan")],
            },
        };
        var machine = (await package.OpenAsync(package.Write("a.vmdk", disk.Vmdk))).Machine;
        Assert.Equal(("new", 7, 3L << 30, Firmware.Uefi, true, DiskBus.Ide), (machine.Name, machine.Cpus, machine.MemoryBytes, machine.Firmware, machine.SecureBoot, machine.Disks[0].Bus));
        Assert.Equal([new NetworkInterface(NicModel.Pcnet, "52:54:00:aa:bb:cc", "lan")], machine.NetworkInterfaces);
    }

    [Fact]
    public async Task Overrides_out_of_range_are_refused()
    {
        using var package = new TestPackage(disk);
        var path = package.Write("a.vmdk", disk.Vmdk);
        foreach (var bad in (MachineOverrides[])
        [
            new() { Cpus = 0 }, new() { Cpus = 5000 }, new() { MemoryBytes = 1 }, new() { MemoryBytes = long.MaxValue }, new() { Name = "" }, new() { Name = "a\nb" }, new() { SecureBoot = true },
            new() { NetworkInterfaces = [new NetworkInterface(NicModel.E1000, "x", "")] },
        ])
        {
            package.Overrides = bad;
            await package.RefusedAsync("SL6005", path);
        }
    }

    [Fact]
    public async Task A_declared_raw_format_overrules_the_look()
    {
        using var package = new TestPackage(disk);
        var path = package.Write("a.img", TestPackage.Tar(package.Members()));
        var source = await MachineSource.OpenAsync([path], new SourceOptions { WorkDirectory = package.Work, Format = ImageFormat.Raw }, TestContext.Current.CancellationToken);
        Assert.Equal(("image", ImageFormat.Raw), (source.Kind, source.Machine.Disks[0].Image.Format));
    }
}
