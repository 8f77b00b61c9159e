using Sealift.Posix;

namespace Sealift.Blkhash;

/// <summary>Every error of this room: SL20xx the hash and its parameters, SL21xx the block map.</summary>
internal static class BlkhashErrors
{
    private const string MapIsDamaged = "The map cannot be trusted: delete it and hash the disk again, or restore the file from a copy";

    public static SealiftException BadBlockSize(long blockBytes) =>
        new("SL2001", "hash with this block size", $"{blockBytes} bytes", $"a block is a power of two from {BlkhashParameters.MinimumBlockBytes} to {BlkhashParameters.MaximumBlockBytes} bytes", "Use 65536 unless another tool's value must be matched");

    public static SealiftException UnknownAlgorithm(string name) =>
        new("SL2002", "hash with this digest", $"\"{name}\"", "it is none of md5, sha1, sha256, sha512", "Use sha256 unless another tool's value must be matched");

    public static SealiftException BadLine(string line, string said) =>
        new("SL2003", "read a checksum line", line.Length > 100 ? line[..100] + "…" : line, said, "Each line is the hexadecimal digest, two spaces and a name, as blksum prints it");

    public static SealiftException LanesUnusable(string path, string said, Exception? inner = null) =>
        new("SL2004", "hash sixteen blocks at once", path, said, "Reinstall Sealift; or remove this file: then blocks are hashed one by one, which is slower and gives the same digests", inner);

    public static SealiftException NotAMap(string path, string said) =>
        new("SL2101", "open a block map", path, said, "Give the file that was written with --map");

    public static SealiftException UnsupportedVersion(string path, uint version) =>
        new("SL2102", "open a block map", $"{path}: version at offset 8", $"it says version {version}, this program reads version {BlockMapFormat.Version}", "Use the program that wrote the map, or hash the disk again");

    public static SealiftException BadHeader(string path, long offset, string said) =>
        new("SL2103", "open a block map", $"{path}: header at offset {offset}", said, MapIsDamaged);

    public static SealiftException Truncated(string path, long offset, long neededBytes, long fileBytes) =>
        new("SL2104", "open a block map", $"{path}: offset {offset}", $"{neededBytes} bytes should be there, but the file ends at {fileBytes}", MapIsDamaged);

    public static SealiftException BadIndex(string path, long offset, string said) =>
        new("SL2105", "open a block map", $"{path}: index at offset {offset}", said, MapIsDamaged);

    public static SealiftException BadPage(string path, long offset, long page, string said) =>
        new("SL2106", $"read page {page} of a block map", $"{path}: offset {offset}", said, MapIsDamaged);

    public static SealiftException InUse(string path) =>
        new("SL2107", "open a block map for update", path, "another process is updating it", "Wait for that process, or stop it");

    public static SealiftException Incomplete(string path, long unknownBlocks, long firstUnknown) =>
        new("SL2108", "compute the root of a block map", path, $"{unknownBlocks} blocks were never hashed, the first is block {firstUnknown}", "Resume the copy or the hash that was writing it");

    public static SealiftException DifferentParameters(string a, string b, BlkhashParameters pa, BlkhashParameters pb) =>
        new("SL2109", "compare two block maps", $"{a} and {b}", $"one is {pa.Name}, the other {pb.Name}", "Hash one of the disks again with the other's digest and block size");

    public static SealiftException Unusable(string path, Exception cause) =>
        new("SL2110", "use a block map", path, $"an earlier write to it failed ({cause.Message})", "Open it again: it is at its last checkpoint", cause);

    public static SealiftException TooLong(string path, long lengthBytes, int blockBytes) =>
        new("SL2111", "make a block map", path, $"{lengthBytes} bytes in blocks of {blockBytes} are more than {BlockMapFormat.MaximumBlocks} blocks", "Use larger blocks");

    public static SealiftException ReadOnly(string path) =>
        new("SL2112", "change a block map", path, "it was opened for reading", "Open it for update");
}
