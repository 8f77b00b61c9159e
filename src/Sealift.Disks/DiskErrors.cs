using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The errors of opening, copying and comparing disks: SL42xx. (Those of looking at image files are SL40xx and SL41xx.)</summary>
internal static class DiskErrors
{
    public static SealiftException Changed(string disk, string said) =>
        new("SL4201", "rely on what was read", disk, said, "Stop whatever writes to it (power the machine off, or take a snapshot), then migrate again");

    public static SealiftException OverlayRewritten(string overlay, string name, string driver) =>
        new("SL7144", "look through the overlay of a conversion", overlay, $"its header does not name {name} ({driver}) as what lies below it any more", "Resume: it is converted anew. Where that ends so again, look at what rewrites the overlay; the log of the conversion may say");

    public static SealiftException OutOfRange(string disk, long offset, long lengthBytes, long diskBytes) =>
        new("SL4202", $"access {lengthBytes} bytes at offset {offset}", disk, $"the disk has {diskBytes} bytes", "Report this as a bug");

    public static SealiftException BadExtents(string disk, long offset, string said) =>
        new("SL4203", $"read the allocation map at offset {offset}", disk, said, "The map cannot be trusted; copy from another kind of source, or without its map");

    public static SealiftException BadLength(string disk, long lengthBytes, string said) =>
        new("SL4204", $"create a disk of {lengthBytes} bytes", disk, said, "Check the length that the source claims");

    public static SealiftException NotADisk(string path, string said) =>
        new("SL4205", "open it as a disk", path, said, "Name a regular file or a block device");

    public static SealiftException LengthsDiffer(string source, long sourceBytes, string target, long targetBytes) =>
        new("SL4206", $"copy {source}", target, $"the source has {sourceBytes} bytes and the target {targetBytes}", "Create the target with the source's length");

    public static SealiftException TargetTooShort(string target, long targetBytes, long sourceBytes) =>
        new("SL4206", $"copy a disk of {sourceBytes} bytes", target, $"it has {targetBytes} bytes", "Use a target that is at least as long as the source");

    public static SealiftException InUse(string path) =>
        new("SL4208", "open it for writing", path, "another program holds a lock on it, as QEMU does on the disks of a machine that runs", "Stop what uses it, or name another device");

    public static SealiftException InUse(string path, string user) =>
        new("SL4208", "open it for writing", path, $"{user} has it open for writing", "Stop what uses it, or name another device");

    public static SealiftException WrongMap(string disk, string said) =>
        new("SL4207", "use the block map", disk, said, "Use the map that belongs to this disk, or start over without one");

    public static SealiftException BadChangeList(string disk, long offset, string said) =>
        new("SL4271", $"read the list of changes at offset {offset}", disk, said, "The tracker cannot be trusted: go on without it, comparing by hash");

    public static SealiftException NoChangeList(string disk, string context) =>
        new("SL4272", "read the list of changes", disk, $"the server does not show {context}", "The tracker is gone: go on without it, comparing by hash");

    public static DiskAccessException SourceFailed(string disk, long offset, long lengthBytes, Exception inner) =>
        new("SL4211", "read", DiskSide.Source, disk, offset, lengthBytes, inner);

    public static DiskAccessException TargetFailed(string disk, long offset, long lengthBytes, Exception inner) =>
        new("SL4212", "write", DiskSide.Target, disk, offset, lengthBytes, inner);

    public static DiskAccessException FlushFailed(string disk, long lengthBytes, Exception inner) =>
        new("SL4213", "flush", DiskSide.Target, disk, 0, lengthBytes, inner);

    public static DiskAccessException ReadBackFailed(string disk, long offset, long lengthBytes, Exception inner) =>
        new("SL4214", "read back", DiskSide.Target, disk, offset, lengthBytes, inner);

    public static SealiftException ServerDidNotStart(string image, string said, string lastWords) =>
        new("SL4221", "serve the image", image, Quote(said, lastWords), "Its last words say why; 'sealift doctor' says whether qemu-nbd is sound");

    public static SealiftException ServerEndedBadly(string image, string said, string lastWords, Exception? cause = null) =>
        new("SL4222", "rely on what was written", image, Quote(said, lastWords), "Do not use this image; look at the kernel log of this host, then run the step again", cause);

    public static SealiftException ToolFailed(string attempt, string image, string said, Exception inner) =>
        new("SL4223", attempt, image, said, "The tool's last words say why", inner);

    public static SealiftException NotWritable(string disk, string said) =>
        new("SL4224", "write", disk, said, "Export it for writing by a server that supports flush");

    public static SealiftException SourceUnstable(string disk, long offset, long lengthBytes, string copied, string now) =>
        new("SL4233", $"copy {lengthBytes} bytes at offset {offset} once more", disk, $"the source reads differently from when it was copied (leaf {copied} then, {now} now)", "Check the storage and the memory of the source host, then migrate again from a new point in time");

    public static SealiftException TooManyMismatches(string disk, long mismatchedBytes, int limit) =>
        new("SL4232", "repair the target", disk, $"more than {limit} separate ranges differ ({mismatchedBytes} bytes in all)", "This is no single fault: check the storage below the target, then copy again");

    public static SealiftException TooManyChanges(string overlay, int limit) =>
        new("SL4242", "list what the overlay changed", overlay, $"it holds more than {limit} separate ranges", "Report this as a bug, with what the conversion did");

    public static SealiftException BadRange(string disk, DiskRange range, string said) =>
        new("SL4243", $"commit {range.LengthBytes} bytes at offset {range.Offset}", disk, said, "Report this as a bug");

    public static SealiftException NoContext(string disk, string context) =>
        new("SL4241", "list what the overlay changed", disk, $"qemu-nbd does not offer {context}", "Install qemu 6.0 or newer");

    private static string Quote(string said, string lastWords) => lastWords.Length == 0 ? said : $"{said}; its last words: {lastWords}";
}

/// <summary>Which of the two disks of a copy.</summary>
public enum DiskSide
{
    /// <summary>The disk that is copied from.</summary>
    Source,

    /// <summary>The disk that is copied to.</summary>
    Target,
}

/// <summary>A disk could not be read, written or flushed at a known place.</summary>
public sealed class DiskAccessException : SealiftException
{
    internal DiskAccessException(string code, string verb, DiskSide side, string disk, long offset, long lengthBytes, Exception inner)
        : base(
            code,
            verb == "flush" ? "flush the target" : verb.StartsWith("let ", StringComparison.Ordinal) ? $"{verb} {lengthBytes} bytes at offset {offset}" : $"{verb} {lengthBytes} bytes at offset {offset} of the {(side == DiskSide.Source ? "source" : "target")}",
            disk,
            inner is SealiftException s ? $"{s.Code}: {s.Attempt}: {s.Said}" : inner.Message,
            inner is SealiftException n ? n.NextStep : "Check that disk, then resume",
            inner)
    {
        Side = side;
        Offset = offset;
        LengthBytes = lengthBytes;
    }

    /// <summary>The side that failed.</summary>
    public DiskSide Side { get; }

    /// <summary>The first byte of the request that failed.</summary>
    public long Offset { get; }

    /// <summary>The length of the request that failed, in bytes.</summary>
    public long LengthBytes { get; }
}
