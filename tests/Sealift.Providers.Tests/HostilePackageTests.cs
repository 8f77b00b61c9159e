using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;

namespace Sealift.Providers.Tests;

/// <summary>Packages that are damaged, or want something.</summary>
public sealed class HostilePackageTests(TestDisk disk) : IClassFixture<TestDisk>
{
    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../b")]
    [InlineData("a//b")]
    [InlineData("a\nb")]
    public async Task Names_that_reach_outside_are_refused(string name)
    {
        using var package = new TestPackage(disk);
        package.Extra.Add((name, [1]));
        var e = await package.RefusedOvaAsync("SL6103", TestPackage.Tar(package.Members(manifest: false)));
        Assert.Contains("vm.ova", e.Subject, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TarEntryType.SymbolicLink)]
    [InlineData(TarEntryType.HardLink)]
    [InlineData(TarEntryType.CharacterDevice)]
    [InlineData(TarEntryType.BlockDevice)]
    [InlineData(TarEntryType.Fifo)]
    public async Task Members_that_are_no_files_are_refused(TarEntryType type)
    {
        using var package = new TestPackage(disk);
        var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            var entry = new PaxTarEntry(type, "disk1.vmdk");
            if (type is TarEntryType.SymbolicLink or TarEntryType.HardLink) entry.LinkName = "/etc/shadow";
            writer.WriteEntry(entry);
        }

        await package.RefusedOvaAsync("SL6102", stream.ToArray());
    }

    [Theory]
    [InlineData("S")]
    [InlineData("K")]
    [InlineData("7")]
    public async Task Member_types_that_readers_disagree_about_are_refused(string type)
    {
        using var package = new TestPackage(disk);
        var tar = TestPackage.Tar(package.Members(manifest: false));
        tar[156] = (byte)type[0];
        FixChecksum(tar, 0);
        await package.RefusedOvaAsync("SL6102", tar);
    }

    [Fact]
    public async Task Pax_headers_that_hide_sparse_files_are_refused()
    {
        using var package = new TestPackage(disk);
        var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "disk1.vmdk", new Dictionary<string, string> { ["GNU.sparse.realsize"] = "1000000" }) { DataStream = new MemoryStream([1]) });
        await package.RefusedOvaAsync("SL6102", stream.ToArray());
    }

    [Fact]
    public async Task A_member_that_is_there_twice_is_refused()
    {
        using var package = new TestPackage(disk);
        package.Extra.Add(("./disk1.vmdk", [1]));
        await package.RefusedOvaAsync("SL6104", TestPackage.Tar(package.Members(manifest: false)));
    }

    [Fact]
    public async Task A_truncated_archive_is_refused_wherever_it_was_cut()
    {
        using var package = new TestPackage(disk);
        var tar = TestPackage.Tar(package.Members());
        var end = tar.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        foreach (var length in (int[])[600, 3000, tar.Length / 2, end - 1, (end + 511) / 512 * 512])
            await package.RefusedOvaAsync("SL6101", tar[..length]);
    }

    [Fact]
    public async Task Content_behind_the_end_of_the_archive_is_refused()
    {
        using var package = new TestPackage(disk);
        var tar = TestPackage.Tar(package.Members());
        await package.RefusedOvaAsync("SL6101", [.. tar, .. TestPackage.Tar([("vm.ovf", [1])])]);
    }

    [Fact]
    public async Task An_absurd_size_is_refused()
    {
        using var package = new TestPackage(disk);
        var tar = TestPackage.Tar(package.Members(manifest: false));
        "77777777777\0"u8.CopyTo(tar.AsSpan(124));
        FixChecksum(tar, 0);
        await package.RefusedOvaAsync("SL6101", tar);
        ((ReadOnlySpan<byte>)[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).CopyTo(tar.AsSpan(124));
        FixChecksum(tar, 0);
        await package.RefusedOvaAsync("SL6101", tar);
        tar.AsSpan(124, 12).Fill(0xff);
        FixChecksum(tar, 0);
        await package.RefusedOvaAsync("SL6101", tar);
    }

    [Fact]
    public async Task A_truncated_or_continued_gzip_is_refused()
    {
        using var package = new TestPackage(disk);
        var gz = TestPackage.Gzip(TestPackage.Tar(package.Members()));
        foreach (var bad in (byte[][])[gz[..^1], gz[..^8], gz[..^9], gz[..(gz.Length / 2)], [.. gz, 0], [.. gz, .. "garbage"u8], [.. gz, .. gz]])
            await package.RefusedAsync("SL6106", package.Write("vm.tgz", bad));
        gz[gz.Length / 2] ^= 0x10;
        await package.RefusedAsync("SL6106", package.Write("vm.tgz", gz));
    }

    [Fact]
    public async Task A_gzip_bomb_stops_at_the_reserve()
    {
        using var package = new TestPackage(disk);
        package.Extra.Add(("zeros", new byte[128 << 20]));
        var bomb = TestPackage.Gzip(TestPackage.Tar(package.Members(manifest: false)));
        Assert.True(bomb.Length < 4 << 20);
        package.Reserve = Posix.PosixPath.FreeBytes(package.Work) - (64 << 20);
        var e = await package.RefusedAsync("SL6107", package.Write("bomb.ova", bomb));
        Assert.Contains("reserve", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compressed_disk_image_is_not_unpacked()
    {
        using var package = new TestPackage(disk);
        await package.RefusedAsync("SL6001", package.Write("disk.raw.gz", TestPackage.Gzip(disk.Raw)));
    }

    [Fact]
    public async Task The_descriptor_is_not_even_parsed_when_its_digest_is_wrong()
    {
        using var package = new TestPackage(disk);
        var members = package.Members();
        members[0] = ("vm.ovf", "<!DOCTYPE x>"u8.ToArray());
        var e = await package.RefusedOvaAsync("SL6111", TestPackage.Tar(members));
        Assert.Contains("vm.ovf", e.Message, StringComparison.Ordinal);
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData("<!DOCTYPE x>"u8)), e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SHA256(vm.ovf)= 12")]
    [InlineData("MD5(vm.ovf)= 0123456789abcdef0123456789abcdef")]
    [InlineData("vm.ovf")]
    [InlineData("")]
    [InlineData("SHA1(a)= 0123456789012345678901234567890123456789\nSHA1(./a)= 0123456789012345678901234567890123456789")]
    [InlineData("SHA1(a)= 0123456789012345678901234567890123456789 x")]
    public async Task A_manifest_that_is_not_understood_is_refused(string text)
    {
        using var package = new TestPackage(disk);
        var members = package.Members(manifest: false);
        members.Add(("vm.mf", Encoding.UTF8.GetBytes(text)));
        await package.RefusedOvaAsync("SL6110", TestPackage.Tar(members));
    }

    [Fact]
    public async Task A_file_that_the_manifest_names_must_be_there()
    {
        using var package = new TestPackage(disk);
        var members = package.Members();
        members.RemoveAt(2);
        var e = await package.RefusedOvaAsync("SL6112", TestPackage.Tar(members));
        Assert.Contains("disk1.vmdk", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_huge_descriptor_is_not_read()
    {
        using var package = new TestPackage(disk);
        package.Ovf = package.Ovf with { InSystem = "<!--" + new string('x', 9 << 20) + "-->" };
        await package.RefusedOvaAsync("SL6105");
    }

    [Fact]
    public async Task A_missing_disk_is_named()
    {
        using var package = new TestPackage(disk);
        package.Ovf = package.Ovf with { Files = """<File ovf:href="gone.vmdk" ovf:id="file1"/>""" };
        var e = await package.RefusedOvaAsync("SL6112");
        Assert.Contains("gone.vmdk", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../disk1.vmdk", "SL6103")]
    [InlineData("%2e%2e/disk1.vmdk", "SL6103")]
    [InlineData("/etc/passwd", "SL6103")]
    [InlineData("http://example.com/disk1.vmdk", "SL6204")]
    public async Task A_reference_that_leaves_the_package_is_refused(string href, string code)
    {
        using var package = new TestPackage(disk);
        package.Ovf = package.Ovf with { Files = $"""<File ovf:href="{href}" ovf:id="file1"/>""" };
        package.WriteDirectory();
        await package.RefusedAsync(code, package.Folder);
    }

    [Fact]
    public async Task A_link_in_a_directory_is_not_followed()
    {
        using var package = new TestPackage(disk);
        package.WriteDirectory(manifest: false);
        File.Move(package.Folder + "/disk1.vmdk", package.Folder + "/real.vmdk");
        File.CreateSymbolicLink(package.Folder + "/disk1.vmdk", "real.vmdk");
        await package.RefusedAsync("SL6102", package.Folder);
    }

    [Fact]
    public async Task Several_descriptors_are_refused_with_their_names()
    {
        using var package = new TestPackage(disk);
        package.WriteDirectory();
        package.Write("other.ovf", package.Ovf.Bytes());
        var e = await package.RefusedAsync("SL6113", package.Folder);
        Assert.Contains("other.ovf, vm.ovf", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_another_size_than_described_is_refused()
    {
        using var package = new TestPackage(disk);
        package.Ovf = package.Ovf with { Files = """<File ovf:href="disk1.vmdk" ovf:id="file1" ovf:size="12345"/>""" };
        await package.RefusedOvaAsync("SL6209");
    }

    [Fact]
    public async Task A_capacity_other_than_the_image_is_refused()
    {
        using var package = new TestPackage(disk);
        package.Ovf = package.Ovf with { Disks = package.Ovf.Disks.Replace("capacity=\"2\"", "capacity=\"3\"", StringComparison.Ordinal) };
        var e = await package.RefusedOvaAsync("SL6208");
        Assert.Contains($"{3 << 20}", e.Message, StringComparison.Ordinal);
        Assert.Contains($"{2 << 20}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_vmdk_is_not_taken_for_a_raw_disk()
    {
        using var package = new TestPackage(disk);
        var members = package.Members(manifest: false);
        members[1] = ("disk1.vmdk", [0, .. disk.Vmdk[1..]]);
        var e = await Assert.ThrowsAnyAsync<Posix.SealiftException>(() => package.OpenOvaAsync(TestPackage.Tar(members)));
        Assert.StartsWith("SL4", e.Code, StringComparison.Ordinal);
        Assert.Contains("member disk1.vmdk", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_without_any_shape_is_named()
    {
        using var package = new TestPackage(disk);
        await package.RefusedAsync("SL6001", package.Write("x.ova", [1, 2, 3]));
        await package.RefusedAsync("SL6001", package.Write("x.ovf", [1, 2, 3]));
        await package.RefusedAsync("SL6113", package.Work);
        await package.RefusedAsync("SL6001", "/dev/null");
        await package.RefusedAsync("SL6001", package.Folder + "/nothing");
        await package.RefusedAsync("SL6001");
    }

    internal static void FixChecksum(byte[] tar, int at)
    {
        tar.AsSpan(at + 148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var b in tar.AsSpan(at, 512)) sum += b;
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(tar, at + 148);
    }
}
