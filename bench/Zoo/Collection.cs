using Sealift.Bench.FileSystems.Kinds;

namespace Sealift.Bench.FileSystems;

/// <summary>Everything that there is in the zoo.</summary>
public static class Collection
{
    /// <summary>All kinds, in the order of the table.</summary>
    public static IReadOnlyList<Kind> All { get; } =
    [
        new Ext("ext2"), new Ext("ext3"), new Ext("ext3", isDirty: true), new Ext("ext4"), new Ext("ext4", isDirty: true),
        new Xfs(4), new Xfs(5), new Xfs(5, isDirty: true),
        new Btrfs("single"), new Btrfs("dup"), new Btrfs("dup", isDirty: true), new Btrfs("raid1"),
        new Ntfs(), new Ntfs(isDirty: true),
        new Fat(12), new Fat(16), new Fat(32), new Fat(32, isDirty: true), new Exfat(), new Exfat(isDirty: true),
        new Swap(), new Iso(), new Gpt(), new Mbr(), new Lvm(), new PartitionsInLvm(), new Md(), new Luks(1), new Luks(2),
        .. Signature.All,
    ];
}
