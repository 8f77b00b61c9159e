using System.Buffers.Binary;
using CsCheck;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>What the header of an overlay names below it: QEMU goes by that where the disk below is an export, so it is read by ourselves first.</summary>
public sealed class OverlayHeaderTests : IDisposable
{
    private const ulong ExternalData = 4;
    private const int FeaturesAt = 72, BackingLengthAt = 16;

    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task It_is_read_as_qemu_wrote_it_and_only_as_that()
    {
        var head = await HeadAsync();
        Assert.Equal((scratch["base"], "raw"), Qcow2File.NamedBy(head));
        Qcow2File.DemandBacking(scratch["overlay"], scratch["base"], "raw");
        foreach (var (name, driver) in new[] { (scratch["base"], "qcow2"), (scratch["base"] + "x", "raw"), (scratch["base"][..^1], "raw") })
            Assert.Equal("SL7144", Assert.Throws<SealiftException>(() => Qcow2File.DemandBacking(scratch["overlay"], name, driver)).Code);

        // A data file beside it holds what is read, whatever lies below.
        var beside = head.ToArray();
        BinaryPrimitives.WriteUInt64BigEndian(beside.AsSpan(FeaturesAt), ExternalData);
        Assert.Null(Qcow2File.NamedBy(beside));
        // One that names nothing, and ones of other versions and formats.
        var alone = head.ToArray();
        alone.AsSpan(8, 8).Clear();
        Assert.Null(Qcow2File.NamedBy(alone));
        foreach (var at in new[] { 0, 7 })
        {
            var other = head.ToArray();
            other[at]++;
            Assert.Null(Qcow2File.NamedBy(other));
        }
    }

    /// <summary>The lengths in it are anybody's.</summary>
    [Fact]
    public async Task Whatever_stands_in_it_nothing_beyond_it_is_read()
    {
        var head = await HeadAsync();
        var names = (int)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(BackingLengthAt));
        Assert.InRange(names, 1, 1023);
        Gen.Select(Gen.Select(Gen.Int[0, 511], Gen.Byte).Array[0, 8], Gen.Int[0, head.Length]).Sample((changes, length) =>
        {
            var bytes = head.ToArray();
            foreach (var (at, value) in changes) bytes[at] = value;
            if (Qcow2File.NamedBy(bytes.AsSpan(0, length)) is { } found) Assert.True(found.Name.Length <= length && found.Driver.Length <= length);
        });
    }

    private async Task<byte[]> HeadAsync()
    {
        scratch.Raw("base", 1 << 20, 1, (0, 4096));
        await Overlay.CreateAsync(scratch["overlay"], CopiedDisk.InFile(scratch["base"], ImageFormat.Raw), 1 << 20, Cancel);
        return (await File.ReadAllBytesAsync(scratch["overlay"], Cancel))[..Overlay.ClusterBytes];
    }
}
