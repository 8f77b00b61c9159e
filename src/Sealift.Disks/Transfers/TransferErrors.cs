using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The errors of storage that copies by itself: SL428x.</summary>
internal static class TransferErrors
{
    public static SealiftException Cannot(string name, TransferEnds ends, string why) =>
        new("SL4281", $"copy by {name}", ends.Source.Name ?? ends.Target.Name ?? "the disk", why, "Ask for --transfer auto, which takes what is possible, or for stream, which always is");

    public static SealiftException Unknown(string name) =>
        new("SL4282", "copy a disk", name, "there is no such way to transfer one", $"Use one of: {string.Join(", ", TransferPlan.Names)}");

    public static SealiftException Declined(string name, string target, DiskRange range, string said) =>
        new("SL4283", $"copy {range.LengthBytes} bytes at offset {range.Offset} by {name}", target, $"the storage declined: {said}", "Let stream copy what the storage does not: leave out --no-fallback");

    public static SealiftException Lied(string name, string target, long mismatchedBytes, DiskRange first) =>
        new("SL4284", $"prove what {name} copied", target, $"the storage said that it had copied the disk, and {mismatchedBytes} bytes differ from the source, the first {first.LengthBytes} at offset {first.Offset}", "Do not trust this storage with copies: use --transfer stream, or leave out --no-fallback");

    public static DiskAccessException Failed(string name, string target, DiskRange range, Exception inner) =>
        new("SL4215", $"let {name} copy", DiskSide.Target, target, range.Offset, range.LengthBytes, inner);
}
