using System.Buffers.Binary;
using System.Text;
using Sealift.Posix;

namespace Sealift.Disks.Tests.Images;

/// <summary>Images that are no images, are damaged, or were made to make us read something else: each has its own clear error.</summary>
public sealed class HostileImageTests(ImageFiles files) : IClassFixture<ImageFiles>
{
    private static readonly byte[] Secret = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("root:secret:0:0\n", 64)));

    public static TheoryData<string, string, string> NoImages => new()
    {
        { "gzip", "1F8B0800", "gzip" },
        { "zip", "504B0304", "zip" },
        { "pdf", "255044462D312E37", "PDF" },
        { "elf", "7F454C46", "ELF" },
        { "qcow1", "514649FB00000001", "qcow version 1" },
        { "qed", "51454400", "QED" },
        { "zeros", "00", "zeros only" },
        { "noise", "0102030405060708", "neither a partition table" },
    };

    [Theory]
    [MemberData(nameof(NoImages))]
    public async Task What_is_no_disk_image_is_called_by_its_name(string name, string head, string said)
    {
        var bytes = new byte[4096];
        Convert.FromHexString(head).CopyTo(bytes, 0);
        ImageFiles.Write(files[name], bytes);
        await RefusesAsync(files[name], "SL4001", said);
    }

    [Fact]
    public async Task Text_tar_and_iso_are_no_disks()
    {
        ImageFiles.Write(files["readme.txt"], Secret);
        await RefusesAsync(files["readme.txt"], "SL4001", "text");
        var tar = new byte[10240];
        "ustar"u8.CopyTo(tar.AsSpan(257));
        ImageFiles.Write(files["some.ova"], tar);
        await RefusesAsync(files["some.ova"], "SL4001", "tar");
        var iso = new byte[65536];
        "CD001"u8.CopyTo(iso.AsSpan(32769));
        iso[510] = 0x55;
        iso[511] = 0xAA; // isohybrid
        ImageFiles.Write(files["some.iso"], iso);
        await RefusesAsync(files["some.iso"], "SL4001", "ISO");
        Assert.Equal(65536, (await ImageFiles.ExamineAsync(files["some.iso"], ImageFormat.Raw)).VirtualLengthBytes);
        await RefusesAsync(files.Directory, "SL4015", "directory");
        ImageFiles.Write(files["empty.raw"], []);
        await RefusesAsync(files["empty.raw"], "SL4001", "empty");
    }

    [Fact]
    public async Task A_blank_disk_needs_a_name_or_a_word_that_it_is_one()
    {
        ImageFiles.Write(files["blank.bin"], new byte[8192]);
        await RefusesAsync(files["blank.bin"], "SL4001", "zeros only");
        Assert.Equal(8192, (await ImageFiles.ExamineAsync(files["blank.bin"], ImageFormat.Raw)).VirtualLengthBytes);
        ImageFiles.Write(files["blank.img"], new byte[8192]);
        Assert.Equal(8192, (await ImageFiles.ExamineAsync(files["blank.img"])).VirtualLengthBytes);
    }

    [Fact]
    public async Task A_raw_disk_that_is_no_whole_number_of_sectors_is_cut()
    {
        var raw = ImageFiles.Read(files.Source);
        ImageFiles.Write(files["odd.raw"], raw.AsSpan(0, 100_001));
        await RefusesAsync(files["odd.raw"], "SL4005", "100001");
        await RefusesAsync(files["odd.raw"], "SL4005", "100001", ImageFormat.Raw);
    }

    [Fact]
    public async Task A_guest_that_writes_a_qcow2_header_into_its_raw_disk_gets_nothing()
    {
        ImageFiles.Write(files["secret"], Secret);
        await ImageFiles.QemuImgAsync("create", "-f", "qcow2", "-F", "raw", "-b", files["secret"], files["header"], "1M");
        var disk = new byte[1 << 20];
        ImageFiles.Read(files["header"]).CopyTo(disk, 0);
        ImageFiles.Write(files["guest.raw"], disk);
        await RefusesAsync(files["guest.raw"], "SL4009", "secret");
        // Declared as what it is, it is the bytes of the guest's disk and no more.
        var image = await ImageFiles.ExamineAsync(files["guest.raw"], ImageFormat.Raw);
        Assert.Equal(disk, await ImageFiles.ReadAsync(image));
    }

    [Theory]
    [InlineData(0, 7, 99, "SL4006", "version")]
    [InlineData(20, 3, 40, "SL4003", "cluster bits")]
    [InlineData(24, 0, 1, "SL4004", "virtual size")] // 2^56 bytes
    [InlineData(24, 7, 1, "SL4005", "virtual size")]
    [InlineData(32, 3, 1, "SL4007", "encryption")]
    [InlineData(32, 3, 2, "SL4007", "encryption")]
    [InlineData(36, 3, 0, "SL4003", "L1 size")]
    [InlineData(40, 3, 1, "SL4002", "L1 table")]
    [InlineData(48, 3, 1, "SL4002", "refcount")]
    [InlineData(72, 7, 1, "SL4008", "dirty")]
    [InlineData(72, 7, 2, "SL4008", "corrupt")]
    [InlineData(72, 7, 4, "SL4003", "another file")]
    [InlineData(72, 0, 0x80, "SL4006", "feature")]
    [InlineData(100, 3, 99, "SL4003", "header length")]
    public async Task A_bad_field_of_a_qcow2_header_is_named(int field, int index, byte value, string code, string said)
    {
        var path = files.Patched("v3.qcow2", b => b[field == 0 ? 7 : field + index] = value);
        await RefusesAsync(path, code, said);
    }

    [Fact]
    public async Task A_qcow2_cluster_behind_the_end_of_the_file_is_found_though_qemu_reads_zeros_there()
    {
        var path = files.Patched("v3.qcow2", b =>
        {
            var l1 = (int)BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(40));
            var l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(l1)) & 0x00fffffffffffe00);
            BinaryPrimitives.WriteUInt64BigEndian(b.AsSpan(l2), (1UL << 63) | (1UL << 32));
        });
        await RefusesAsync(path, "SL4002", "data cluster");
    }

    [Fact]
    public async Task What_only_qemu_img_check_sees_is_an_error_and_a_leak_is_none()
    {
        // Two guest clusters that share a host cluster: every offset is in the file.
        var twice = files.Patched("v3.qcow2", b =>
        {
            var l1 = (int)BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(40));
            var l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(l1)) & 0x00fffffffffffe00);
            b.AsSpan(l2, 8).CopyTo(b.AsSpan(l2 + 8));
        });
        await RefusesAsync(twice, "SL4013", "corruptions");
        var leak = files.Patched("v3.qcow2", b =>
        {
            var l1 = (int)BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(40));
            var l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(l1)) & 0x00fffffffffffe00);
            b.AsSpan(l2, 8).Clear();
        });
        Assert.Equal(ImageFormat.Qcow2, (await ImageFiles.ExamineAsync(leak)).Format);
    }

    [Fact]
    public async Task A_backing_file_counts_only_below_the_allowed_directory()
    {
        Directory.CreateDirectory(files["pool"]);
        Directory.CreateDirectory(files["pool2"]);
        await ImageFiles.QemuImgAsync("convert", "-O", "qcow2", files.Source, files["pool/base.qcow2"]);
        foreach (var (name, backing, format) in new[] { ("below", "pool/base.qcow2", "qcow2"), ("raw-below", "pool/base.raw", "raw"), ("climbs", "pool/../secret", "raw"), ("absolute", "/etc/passwd", "raw"), ("link", "pool/link", "raw"), ("beside", "pool2/base.raw", "raw") })
            await ImageFiles.QemuImgAsync("create", "-u", "-f", "qcow2", "-F", format, "-b", backing, files[name + ".qcow2"], "9437696");
        File.Copy(files.Source, files["pool/base.raw"]);
        File.Copy(files.Source, files["pool2/base.raw"]);
        ImageFiles.Write(files["secret"], Secret);
        File.CreateSymbolicLink(files["pool/link"], files["secret"]);

        await RefusesAsync(files["below.qcow2"], "SL4009", "pool/base.qcow2");
        var below = await ImageFiles.ExamineAsync(files["below.qcow2"], allow: files["pool"]);
        Assert.Equal((ImageFormat.Qcow2, files["pool/base.qcow2"]), (below.Backing!.Format, below.Backing.Location.Path));
        Assert.Equal(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(below));
        Assert.Equal(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(await ImageFiles.ExamineAsync(files["raw-below.qcow2"], allow: files["pool"])));
        foreach (var name in new[] { "climbs", "absolute", "link", "beside" })
            await RefusesAsync(files[name + ".qcow2"], "SL4010", "not below", allow: files["pool"]);
    }

    [Fact]
    public async Task A_recorded_raw_backing_is_raw_even_if_it_looks_like_qcow2()
    {
        Directory.CreateDirectory(files["trap"]);
        ImageFiles.Write(files["trap/secret"], Secret);
        await ImageFiles.QemuImgAsync("create", "-f", "qcow2", "-F", "raw", "-b", "secret", files["trap/base"], "1M");
        var bytes = ImageFiles.Read(files["trap/base"]);
        ImageFiles.Write(files["trap/base"], [.. bytes, .. new byte[(512 - (bytes.Length % 512)) % 512]]);
        await ImageFiles.QemuImgAsync("create", "-u", "-f", "qcow2", "-F", "raw", "-b", "base", files["trap/top.qcow2"], $"{ImageFiles.Read(files["trap/base"]).Length}");
        var image = await ImageFiles.ExamineAsync(files["trap/top.qcow2"], allow: files["trap"]);
        Assert.Equal(ImageFormat.Raw, image.Backing!.Format);
        Assert.Equal(ImageFiles.Read(files["trap/base"]), await ImageFiles.ReadAsync(image));
    }

    [Fact]
    public async Task Loops_and_endless_chains_end()
    {
        Directory.CreateDirectory(files["loop"]);
        await ImageFiles.QemuImgAsync("create", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "b.qcow2", files["loop/a.qcow2"], "1M");
        await ImageFiles.QemuImgAsync("create", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "a.qcow2", files["loop/b.qcow2"], "1M");
        await RefusesAsync(files["loop/a.qcow2"], "SL4011", "leads back", allow: files["loop"]);
        for (var i = 0; i < 34; i++)
            await ImageFiles.QemuImgAsync("create", "-u", "-f", "qcow2", "-F", "qcow2", "-b", $"c{i + 1}", files[$"loop/c{i}"], "1M");
        await RefusesAsync(files["loop/c0"], "SL4011", "longer than 32", allow: files["loop"]);
    }

    [Fact]
    public async Task A_data_file_counts_only_below_the_allowed_directory()
    {
        Directory.CreateDirectory(files["data"]);
        await ImageFiles.QemuImgAsync("convert", "-O", "qcow2", "-o", $"data_file={files["data/disk.data"]}", files.Source, files["data/disk.qcow2"]);
        await RefusesAsync(files["data/disk.qcow2"], "SL4009", "disk.data");
        var image = await ImageFiles.ExamineAsync(files["data/disk.qcow2"], allow: files["data"]);
        Assert.Equal(files["data/disk.data"], image.DataFile);
        Assert.Equal(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(image));
        ImageFiles.Write(files["data/disk.data"], ImageFiles.Read(files["data/disk.data"]).AsSpan(0, 1 << 20));
        await RefusesAsync(files["data/disk.qcow2"], "SL4002", "disk.data", allow: files["data"]);
    }

    [Theory]
    [InlineData("/etc/passwd", "SL4009")]
    [InlineData("../secret.vmdk", "SL4009")]
    [InlineData("nbd:localhost:10809", "SL4010")]
    [InlineData("linked.vmdk", "SL4009")]
    [InlineData("gone.vmdk", "SL4016")]
    public async Task An_extent_is_a_bare_name_of_a_regular_file_beside_its_descriptor(string name, string code)
    {
        if (!File.Exists(files["linked.vmdk"])) File.CreateSymbolicLink(files["linked.vmdk"], "/etc/passwd");
        WriteDescriptor("extent.vmdk", "monolithicFlat", $"RW 1 FLAT \"{name}\" 0");
        await RefusesAsync(files["extent.vmdk"], code, name);
    }

    [Theory]
    [InlineData("RDONLY 18433 FLAT \"flat-flat.vmdk\" 0", "SL4006", "RDONLY")] // qemu leaves such lines out
    [InlineData("RW 18433 ZERO", "SL4006", "ZERO")]
    [InlineData("RW 18434 FLAT \"flat-flat.vmdk\" 0", "SL4002", "flat extent")]
    [InlineData("RW 18433 FLAT \"flat-flat.vmdk\" 1", "SL4002", "flat extent")]
    [InlineData("\nRW 18433 FLAT \"flat-flat.vmdk\" 0", "SL4003", "twice")]
    [InlineData("RW\n18433 FLAT \"flat-flat.vmdk\" 0", "SL4003", "length")]
    [InlineData("RW 137438953473 FLAT \"flat-flat.vmdk\" 0", "SL4003", "64 TiB")]
    [InlineData("RW 18433 FLAT \"extent2.vmdk\" 0", "SL4003", "itself")]
    [InlineData("hello", "SL4003", "neither a comment")]
    [InlineData("CID=1\nRW 18433 FLAT \"flat-flat.vmdk\" 0", "SL4003", "twice")]
    public async Task A_descriptor_that_qemu_would_read_otherwise_is_refused(string lines, string code, string said)
    {
        WriteDescriptor("extent2.vmdk", "monolithicFlat", lines);
        await RefusesAsync(files["extent2.vmdk"], code, said);
    }

    [Fact]
    public async Task A_vmfs_disk_as_ESXi_leaves_it_is_read()
    {
        WriteDescriptor("esx.vmdk", "vmfs", "RW 18433 VMFS \"flat-flat.vmdk\"");
        var image = await ImageFiles.ExamineAsync(files["esx.vmdk"]);
        Assert.Equal("vmfs", image.Subformat);
        Assert.Equal(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(image));
    }

    [Fact]
    public async Task A_vmdk_child_is_read_with_its_allowed_parent_only()
    {
        Directory.CreateDirectory(files["chain"]);
        await ImageFiles.QemuImgAsync("convert", "-O", "vmdk", files.Source, files["chain/parent.vmdk"]);
        await ImageFiles.QemuImgAsync("create", "-f", "vmdk", "-F", "vmdk", "-b", files["chain/parent.vmdk"], files["chain/child.vmdk"]);
        await RefusesAsync(files["chain/child.vmdk"], "SL4009", "parent.vmdk");
        var image = await ImageFiles.ExamineAsync(files["chain/child.vmdk"], allow: files["chain"]);
        Assert.Equal(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(image));
        var other = ImageFiles.Read(files["chain/parent.vmdk"]);
        var at = other.AsSpan().IndexOf("CID="u8);
        other[at + 4] = (byte)(other[at + 4] == '1' ? '2' : '1');
        ImageFiles.Write(files["chain/parent.vmdk"], other);
        await RefusesAsync(files["chain/child.vmdk"], "SL4011", "content", allow: files["chain"]);
    }

    [Fact]
    public async Task One_extent_of_a_split_disk_is_not_the_disk() =>
        await RefusesAsync(files["split-sparse-s001.vmdk"], "SL4006", "describes");

    [Fact]
    public async Task A_flat_extent_alone_is_not_the_disk_unless_it_is_declared_raw()
    {
        await RefusesAsync(files["flat-flat.vmdk"], "SL4001", "flat extent");
        Assert.Equal(ImageFiles.DiskBytes, (await ImageFiles.ExamineAsync(files["flat-flat.vmdk"], ImageFormat.Raw)).VirtualLengthBytes);
    }

    [Fact]
    public async Task A_compressed_grain_in_the_wrong_place_is_found()
    {
        var bytes = StreamOptimizedWriter.Write(ImageFiles.Read(files.Source));
        var footer = bytes.Length - 1024;
        var directory = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(footer + 56)) * 512;
        var table = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(directory)) * 512;
        (bytes[table], bytes[table + 4]) = (bytes[table + 4], bytes[table]);
        (bytes[table + 1], bytes[table + 5]) = (bytes[table + 5], bytes[table + 1]);
        ImageFiles.Write(files["swapped.vmdk"], bytes);
        await RefusesAsync(files["swapped.vmdk"], "SL4003", "belongs to sector");
    }

    [Fact]
    public async Task Marks_of_an_unclean_close_are_not_overlooked()
    {
        await RefusesAsync(files.Patched("sparse.vmdk", b => b[72] = 1), "SL4008", "unclean");
        await RefusesAsync(files.Patched("sparse.vmdk", b => b[75] = (byte)'\n'), "SL4003", "as text");
        await RefusesAsync(files.Patched("dynamic.vhdx", b =>
        {
            foreach (var at in new[] { 64 << 10, 128 << 10 })
            {
                b[at + 48] = 7;
                BinaryPrimitives.WriteUInt32LittleEndian(b.AsSpan(at + 4), 0);
                BinaryPrimitives.WriteUInt32LittleEndian(b.AsSpan(at + 4), Crc32C(b.AsSpan(at, 4096)));
            }
        }), "SL4008", "log");
    }

    [Fact]
    public async Task Differencing_disks_are_refused()
    {
        await RefusesAsync(files.Patched("dynamic.vdi", b => b[0x4c] = 4), "SL4006", "differencing");
        await RefusesAsync(files.Patched("dynamic.vhd", b =>
        {
            foreach (var at in new[] { 0, b.Length - 512 })
            {
                b[at + 63] = 4;
                var sum = BinaryPrimitives.ReadUInt32BigEndian(b.AsSpan(at + 64)) - 1;
                BinaryPrimitives.WriteUInt32BigEndian(b.AsSpan(at + 64), sum);
            }
        }), "SL4006", "differencing");
    }

    [Fact]
    public async Task A_VHD_with_a_wrong_checksum_is_refused_though_qemu_only_warns() =>
        await RefusesAsync(files.Patched("fixed.vhd", b => b[^500] ^= 1), "SL4003", "checksum");

    private void WriteDescriptor(string name, string createType, string extents) =>
        ImageFiles.Write(files[name], Encoding.ASCII.GetBytes($"# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"{createType}\"\n\n# Extent description\n{extents}\n\n# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"4\"\n"));

    private static async Task RefusesAsync(string path, string code, string said, ImageFormat? format = null, string? allow = null)
    {
        var error = await Assert.ThrowsAnyAsync<SealiftException>(() => ImageFiles.ExamineAsync(path, format, allow));
        Assert.Equal(code, error.Code);
        Assert.Contains(said, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = 0xffffffffu;
        foreach (var b in bytes) crc = System.Numerics.BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
