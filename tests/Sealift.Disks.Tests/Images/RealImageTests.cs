using Sealift.Posix;

namespace Sealift.Disks.Tests.Images;

/// <summary>Images of every kind that qemu-img makes are recognised, and our description of them reads as the disk they hold.</summary>
public sealed class RealImageTests(ImageFiles files) : IClassFixture<ImageFiles>
{
    public static TheoryData<string> Names => [.. ImageFiles.Kinds.Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Is_recognised_and_reads_as_the_disk_that_it_holds(string name)
    {
        var kind = ImageFiles.Kinds.Single(k => k.Name == name);
        var image = await ImageFiles.ExamineAsync(files[name]);
        Assert.Equal((kind.Format, kind.Subformat, ImageFiles.DiskBytes, null), (image.Format, image.Subformat, image.VirtualLengthBytes, image.Backing));
        Assert.InRange(image.AllocatedBytes, 1, ImageFiles.DiskBytes);
        Assert.Equal(files[name], image.Files[0]);
        AssertSame(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(image));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_declared_format_must_be_the_one_that_it_has(string name)
    {
        var kind = ImageFiles.Kinds.Single(k => k.Name == name);
        var wrong = kind.Format == ImageFormat.Vdi ? ImageFormat.Qcow2 : ImageFormat.Vdi;
        var error = await Assert.ThrowsAsync<SealiftException>(() => ImageFiles.ExamineAsync(files[name], wrong));
        Assert.Equal("SL4012", error.Code);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_member_of_a_container_reads_the_same(string name)
    {
        var kind = ImageFiles.Kinds.Single(k => k.Name == name);
        var bytes = ImageFiles.Read(files[name]);
        var container = files[$"container-{name}.tar"];
        ImageFiles.Write(container, [.. new byte[1536], .. bytes, .. new byte[2048]]);
        var examined = ImageProbe.ExamineAsync(new ImageLocation(container, 1536, bytes.Length), new ImageProbeOptions(), TestContext.Current.CancellationToken);
        if (kind.Subformat is "monolithicFlat" or "twoGbMaxExtentFlat" or "twoGbMaxExtentSparse")
        {
            Assert.Equal("SL4006", (await Assert.ThrowsAsync<SealiftException>(() => examined)).Code);
            return;
        }

        AssertSame(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(await examined));
    }

    [Fact]
    public async Task Raw_disks_read_the_same_alone_and_in_a_container()
    {
        var raw = ImageFiles.Read(files.Source);
        AssertSame(raw, await ImageFiles.ReadAsync(await ImageFiles.ExamineAsync(files.Source)));
        ImageFiles.Write(files["container.tar"], [.. new byte[512], .. raw, .. new byte[1024]]);
        var member = await ImageProbe.ExamineAsync(new ImageLocation(files["container.tar"], 512, raw.Length), new ImageProbeOptions(), TestContext.Current.CancellationToken);
        Assert.Equal(raw.Length, member.VirtualLengthBytes);
        AssertSame(raw, await ImageFiles.ReadAsync(member));
    }

    [Fact]
    public async Task The_extents_of_a_split_disk_are_among_its_files()
    {
        var image = await ImageFiles.ExamineAsync(files["flat.vmdk"]);
        Assert.Equal([files["flat.vmdk"], files["flat-flat.vmdk"]], image.Files);
    }

    [Fact]
    public async Task A_stream_with_its_directory_in_the_footer_reads_as_the_disk_that_it_holds()
    {
        var disk = ImageFiles.Read(files.Source);
        ImageFiles.Write(files["vmware.vmdk"], StreamOptimizedWriter.Write(disk));
        var image = await ImageFiles.ExamineAsync(files["vmware.vmdk"]);
        Assert.Equal("streamOptimized", image.Subformat);
        AssertSame(disk, await ImageFiles.ReadAsync(image));
    }

    [Fact]
    public async Task Internal_snapshots_are_noted()
    {
        await files.MakeAsync("snapshots.qcow2", "qcow2", "compat=1.1");
        await ImageFiles.QemuImgAsync("snapshot", "-c", "before", files["snapshots.qcow2"]);
        var image = await ImageFiles.ExamineAsync(files["snapshots.qcow2"]);
        Assert.Contains("1 internal snapshots", Assert.Single(image.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_probed_below_a_described_image()
    {
        var image = await ImageFiles.ExamineAsync(files["v3.qcow2"]);
        var json = QemuNode.Json(image);
        Assert.StartsWith("json:{", json, StringComparison.Ordinal);
        Assert.Contains("\"backing\":null", json, StringComparison.Ordinal);
        // The header is changed after our look so that it names a backing file: the description wins.
        await ImageFiles.QemuImgAsync("create", "-f", "qcow2", files["victim.qcow2"], "9437696");
        var clean = await ImageFiles.ExamineAsync(files["victim.qcow2"]);
        await ImageFiles.QemuImgAsync("rebase", "-u", "-F", "raw", "-b", files.Source, files["victim.qcow2"]);
        Assert.DoesNotContain(await ImageFiles.ReadAsync(clean), b => b != 0);
    }

    private static void AssertSame(byte[] expected, byte[] read) => Assert.True(expected.AsSpan().SequenceEqual(read), $"the disks differ at offset {expected.AsSpan().CommonPrefixLength(read)}");

    /// <summary>What qemu leaves when a new CID has fewer digits than the old one: the text, a zero byte, the end of the older text.</summary>
    [Fact]
    public async Task The_text_of_a_descriptor_ends_at_its_first_zero_byte()
    {
        var descriptor = ImageFiles.Read(files["split-sparse.vmdk"]).AsSpan().TrimEnd((byte)0).ToArray();
        var path = files["shrunk.vmdk"];
        ImageFiles.Write(path, [.. descriptor[..descriptor.AsSpan().LastIndexOf("\n"u8)], (byte)'\n', 0, .. "\"\nRW 1 FLAT \"/etc/passwd\" 0\n"u8, 0, 0]);
        var image = await ImageFiles.ExamineAsync(path);
        Assert.Equal(ImageFiles.Read(files.Source), await ImageFiles.ReadAsync(image));
    }
}
