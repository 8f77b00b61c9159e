using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The errors of repairing a disk from its source: SL426x.</summary>
internal static class RepairErrors
{
    public static SealiftException InUse(string target) =>
        new("SL4261", "repair this disk", target, "another process holds a lock on it, as a machine that runs does", "Shut the machine down, or wait for that process");

    public static SealiftException OtherLength(string target, long targetBytes, string map, long mapBytes) =>
        new("SL4262", "repair this disk", target, $"it has {targetBytes} bytes, and the block map {map} is of a disk of {mapBytes}", "Name the disk and the map that belong together; a disk that was cut or grew is copied anew");

    public static SealiftException SourceIsOther(string source, DiskRange range, string map, string expectedLeaf, string actualLeaf) =>
        new("SL4263", $"copy {range.LengthBytes} bytes at offset {range.Offset} once more", source, $"it does not have there what the block map {map} says (leaf {expectedLeaf} in the map, {actualLeaf} as it is read); nothing was written", "Name the source at the point in time that the map is of, or copy the disk anew");

    public static SealiftException SourceLength(string source, long sourceBytes, string map, long mapBytes) =>
        new("SL4263", "copy from it once more", source, $"it has {sourceBytes} bytes, and the block map {map} is of a disk of {mapBytes}; nothing was written", "Name the source at the point in time that the map is of, or copy the disk anew");

    public static SealiftException TargetRefused(string target, string said, string nextStep) =>
        new("SL4264", "repair this disk", target, said, nextStep);
}
