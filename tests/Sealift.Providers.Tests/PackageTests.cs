using System.Formats.Tar;
using System.Security.Cryptography;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Tests;

/// <summary>Sound packages in all the shapes that they come in.</summary>
public sealed class PackageTests(TestDisk disk) : IClassFixture<TestDisk>
{
    [Theory]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.V7)]
    public async Task A_machine_in_a_tar_is_read_in_place(TarEntryFormat format)
    {
        using var package = new TestPackage(disk);
        var tar = TestPackage.Tar(package.Members(), format);
        var source = await package.OpenOvaAsync(tar);
        Assert.Equal("ova", source.Kind);
        Assert.Empty(source.CreatedFiles);
        Assert.Single(source.Files);
        Assert.Contains(source.Notes, n => n.Contains("digests of 2 files were verified", StringComparison.Ordinal));
        var machine = source.Machine;
        Assert.Equal(("web server 1", 2, 512L << 20, Firmware.Bios, "debian12_64Guest"), (machine.Name, machine.Cpus, machine.MemoryBytes, machine.Firmware, machine.GuestHint));
        var only = Assert.Single(machine.Disks);
        Assert.Equal(("disk1", "vmdisk1", DiskBus.Pvscsi, "scsi0:0"), (only.Key, only.Identity, only.Bus, only.Address));
        Assert.Equal((ImageFormat.Vmdk, TestDisk.LengthBytes), (only.Image.Format, only.Image.VirtualLengthBytes));
        Assert.Equal(disk.Vmdk, tar.AsSpan((int)only.Image.Location.Offset, (int)only.Image.Location.LengthBytes!.Value).ToArray());
        Assert.Equal([new NetworkInterface(NicModel.Vmxnet3, "00:50:56:aa:bb:cc", "VM Network")], machine.NetworkInterfaces);
        Assert.Empty(machine.Concerns);
        source.VerifyUnchanged();
    }

    [Fact]
    public async Task A_tar_by_the_tar_command_with_a_folder_in_it_is_read()
    {
        using var package = new TestPackage(disk);
        package.WriteDirectory();
        await ChildProcess.RunAsync(new ChildCommand("tar", "cf", package.Folder + "/x.ova", "-C", package.Folder, "./vm.ovf", "./vm.mf", "./disk1.vmdk"), TestContext.Current.CancellationToken);
        Assert.Equal("web server 1", (await package.OpenAsync(package.Folder + "/x.ova")).Machine.Name);
    }

    [Fact]
    public async Task A_compressed_tar_is_unpacked_to_the_work_directory()
    {
        using var package = new TestPackage(disk);
        var tar = TestPackage.Tar(package.Members());
        var source = await package.OpenAsync(package.Write("vm.tar.gz", TestPackage.Gzip(tar)));
        var created = Assert.Single(source.CreatedFiles);
        Assert.Equal(tar, await File.ReadAllBytesAsync(created, TestContext.Current.CancellationToken));
        Assert.Equal(created, source.Machine.Disks[0].Image.Location.Path);
        Assert.EndsWith("vm.tar.gz", Assert.Single(source.Files).Path, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_directory_and_its_descriptor_mean_the_same(bool byDescriptor)
    {
        using var package = new TestPackage(disk);
        var folder = package.WriteDirectory();
        var source = await package.OpenAsync(byDescriptor ? folder + "/vm.ovf" : folder);
        Assert.Equal("ovf", source.Kind);
        Assert.Equal(["disk1.vmdk", "vm.mf", "vm.ovf"], source.Files.Select(f => Path.GetFileName(f.Path)));
        Assert.Equal(folder + "/disk1.vmdk", source.Machine.Disks[0].Image.Location.Path);
    }

    [Fact]
    public async Task A_compressed_member_is_unpacked()
    {
        using var package = new TestPackage(disk);
        package.Extra.Add(("disk1.vmdk.gz", TestPackage.Gzip(disk.Vmdk)));
        package.Ovf = package.Ovf with { Files = $"""<File ovf:href="disk1.vmdk.gz" ovf:id="file1" ovf:compression="gzip" ovf:size="{package.Extra[0].Content.Length}"/>""" };
        var source = await package.OpenOvaAsync();
        Assert.Equal(disk.Vmdk, await File.ReadAllBytesAsync(Assert.Single(source.CreatedFiles), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("SHA1")]
    [InlineData("SHA256")]
    [InlineData("SHA512")]
    public async Task Every_digest_of_the_standard_is_verified(string algorithm)
    {
        using var package = new TestPackage(disk);
        var members = package.Members(algorithm: new HashAlgorithmName(algorithm));
        await package.OpenOvaAsync(TestPackage.Tar(members));
        members[2].Content[^1] ^= 1;
        try
        {
            var e = await package.RefusedOvaAsync("SL6111", TestPackage.Tar(members));
            Assert.Contains("disk1.vmdk", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            members[2].Content[^1] ^= 1;
        }
    }

    [Theory]
    [InlineData("SHA1 ({0}) = {1}\r\n", "SHA1")] // VirtualBox
    [InlineData("SHA256({0})= {1}\n", "SHA256")] // VMware
    [InlineData("SHA2-256({0})= {1}\n", "SHA256")] // OpenSSL 3
    public async Task Manifests_of_different_writers_are_understood(string line, string algorithm)
    {
        using var package = new TestPackage(disk);
        var members = package.Members(manifest: false);
        var digest = Convert.ToHexString(CryptographicOperations.HashData(new HashAlgorithmName(algorithm), disk.Vmdk));
        members.Add(("vm.mf", System.Text.Encoding.UTF8.GetBytes(string.Format(System.Globalization.CultureInfo.InvariantCulture, line, "disk1.vmdk", digest))));
        var source = await package.OpenOvaAsync(TestPackage.Tar(members));
        Assert.Contains(source.Machine.Concerns, c => c.Contains("does not list the descriptor", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_manifest_and_a_certificate_are_noted()
    {
        using var package = new TestPackage(disk);
        package.Extra.Add(("vm.cert", "x"u8.ToArray()));
        var source = await package.OpenOvaAsync(TestPackage.Tar(package.Members(manifest: false)));
        Assert.Contains(source.Notes, n => n.Contains("no manifest", StringComparison.Ordinal));
        Assert.Contains(source.Notes, n => n.Contains("signature is not verified", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_disk_outside_the_manifest_is_a_concern()
    {
        using var package = new TestPackage(disk);
        var members = package.Members(manifest: false);
        members.Add(("vm.mf", TestPackage.Manifest(members.Take(1), HashAlgorithmName.SHA256)));
        var source = await package.OpenOvaAsync(TestPackage.Tar(members));
        Assert.Contains(source.Machine.Concerns, c => c.Contains("does not list 'disk1.vmdk'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_blank_disk_becomes_a_disk_of_zeros()
    {
        using var package = new TestPackage(disk);
        package.Ovf = package.Ovf with
        {
            Disks = package.Ovf.Disks + """<Disk ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="empty"/>""",
            Drives = package.Ovf.Drives + OvfText.Drive(9, 3, 1, "empty"),
        };
        var source = await package.OpenOvaAsync();
        var blank = source.Machine.Disks[1];
        Assert.Equal(("empty", ImageFormat.Raw, 1L << 30), (blank.Identity, blank.Image.Format, blank.Image.VirtualLengthBytes));
        Assert.Equal(0, FileFacts.OfPath(Assert.Single(source.CreatedFiles)).AllocatedBytes);
        Assert.Contains(source.Notes, n => n.Contains("blank", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_changed_source_is_noticed_afterwards()
    {
        using var package = new TestPackage(disk);
        var source = await package.OpenOvaAsync();
        await File.AppendAllTextAsync(source.Files[0].Path, "x", TestContext.Current.CancellationToken);
        Assert.Equal("SL6003", Assert.Throws<SealiftException>(source.VerifyUnchanged).Code);
    }

    [Fact]
    public async Task Progress_reaches_the_end_of_every_verified_file()
    {
        using var package = new TestPackage(disk);
        var seen = new List<DiskProgress>();
        var path = package.Write("vm.ova", TestPackage.Tar(package.Members()));
        await MachineSource.OpenAsync([path], new SourceOptions { WorkDirectory = package.Work, Progress = new Recorder(seen) }, TestContext.Current.CancellationToken);
        Assert.Contains(seen, p => p.DoneBytes == p.TotalBytes && p.TotalBytes == disk.Vmdk.Length);
    }

    private sealed class Recorder(List<DiskProgress> seen) : IProgress<DiskProgress>
    {
        public void Report(DiskProgress value) => seen.Add(value);
    }
}
