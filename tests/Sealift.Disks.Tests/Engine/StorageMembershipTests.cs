using System.Buffers.Binary;

namespace Sealift.Disks.Tests.Engine;

/// <summary>Places that are a part of something larger are known by their first bytes, and no others.</summary>
public sealed class StorageMembershipTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_physical_volume_is_known_by_its_label_in_each_of_four_sectors(int sector)
    {
        var start = new byte[4096];
        "LABELONE"u8.CopyTo(start.AsSpan(sector * 512));
        "LVM2 001"u8.CopyTo(start.AsSpan((sector * 512) + 24));
        Assert.Contains("physical volume", StorageMembership.Of(start)?.What, StringComparison.Ordinal);
        start[(sector * 512) + 24] = (byte)'x';
        Assert.Null(StorageMembership.Of(start));
    }

    [Theory]
    [InlineData(0, 0xA92B4EFC, 1, "RAID")]
    [InlineData(4096, 0xA92B4EFC, 1, "RAID")]
    [InlineData(4096, 0xA92B4EFC, 0, null)]
    [InlineData(128 << 10, 0x00BAB10C, 0, "ZFS")]
    [InlineData(255 << 10, 0x00BAB10C, 0, "ZFS")]
    [InlineData(256 << 10, 0x00BAB10C, 0, null)]
    [InlineData(1 << 20, 0xC001D00D, 5, "VMFS")]
    [InlineData(512, 0xC001D00D, 5, null)]
    public void Others_are_known_by_their_magic_numbers(int at, uint magic, uint next, string? expected)
    {
        var start = new byte[2 << 20];
        BinaryPrimitives.WriteUInt32LittleEndian(start.AsSpan(at), magic);
        BinaryPrimitives.WriteUInt32LittleEndian(start.AsSpan(at + 4), next);
        if (expected is null) Assert.Null(StorageMembership.Of(start));
        else Assert.Contains(expected, StorageMembership.Of(start)?.What, StringComparison.Ordinal);
        Assert.Null(StorageMembership.Of(start.AsSpan(0, at + 3))); // nothing is read behind its end
    }
}
