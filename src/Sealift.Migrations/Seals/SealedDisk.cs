using System.Text.Json.Serialization;
using Sealift.Disks;

namespace Sealift.Migrations.Seals;

/// <summary>The chain of custody of one disk: S = T, and F = S with the blocks of D replaced.</summary>
public sealed record SealedDisk
{
    /// <summary>What names it everywhere: <c>disk1</c>, <c>disk2</c> … in boot order.</summary>
    public required string Key { get; init; }

    /// <summary>What the source identifies it by: an OVF diskId, a file name, a UUID.</summary>
    public required string Identity { get; init; }

    /// <summary>The file that held it at the source.</summary>
    public required string SourceImage { get; init; }

    /// <summary>The format of the source's image: <c>raw</c>, <c>qcow2</c>, <c>vmdk</c>, <c>vhd</c>, <c>vhdx</c>, <c>vdi</c>.</summary>
    public required string SourceFormat { get; init; }

    /// <summary>What the format calls its kind, such as <c>streamOptimized</c>; empty where there is none.</summary>
    [JsonRequired]
    public string SourceSubformat { get; init; } = string.Empty;

    /// <summary>The length of the disk in bytes.</summary>
    public required long VirtualBytes { get; init; }

    /// <summary>The digest under the roots: <c>sha256</c> (or <c>md5</c>, <c>sha1</c>, <c>sha512</c>).</summary>
    [JsonRequired]
    public string Algorithm { get; init; } = "sha256";

    /// <summary>The size of a block in bytes: a power of two.</summary>
    [JsonRequired]
    public int BlockBytes { get; init; } = 65536;

    /// <summary>S: blkhash of the bytes as they were read from the source; null where the copy did not come to its end.</summary>
    [JsonRequired]
    public string? SourceRoot { get; init; }

    /// <summary>T: blkhash of the target as read back from storage after the copy; null where it did not come to its end.</summary>
    [JsonRequired]
    public string? TargetRoot { get; init; }

    /// <summary>What of it was read back when; null where the source did not run, and in seals of earlier versions.</summary>
    public SealedReadBack? ReadBack { get; init; }

    /// <summary>The same of the finished disk, where a conversion was committed; null where all of it was read back.</summary>
    public SealedReadBack? FinalReadBack { get; init; }

    /// <summary>F: the root expected of the finished disk, S's leaves with D's replaced; equals S where nothing was converted.</summary>
    [JsonRequired]
    public string? FinalRoot { get; init; }

    /// <summary>What the finished disk read back as; equals <see cref="FinalRoot"/> in every disk that is handed over.</summary>
    [JsonRequired]
    public string? FinalReadBackRoot { get; init; }

    /// <summary>Bytes of blocks that are not all zeros.</summary>
    [JsonRequired]
    public long DataBytes { get; init; }

    /// <summary>Bytes of blocks that were read and are all zeros.</summary>
    [JsonRequired]
    public long ZeroBytes { get; init; }

    /// <summary>Bytes that the source's allocation map says read as zeros.</summary>
    [JsonRequired]
    public long HoleBytes { get; init; }

    /// <summary>What the first read-back found different, and what became of it.</summary>
    [JsonRequired]
    public IReadOnlyList<SealedMismatch> Mismatches { get; init; } = [];

    /// <summary>D: what the conversion changed; null where nothing was converted.</summary>
    [JsonRequired]
    public SealedRanges? Changed { get; init; }

    /// <summary>The file name of the target disk beside the seal; empty where none was handed over.</summary>
    [JsonRequired]
    public string TargetFile { get; init; } = string.Empty;

    /// <summary>The NBD export that the target disk is on, as its URI, which the file then holds; null where it is not on one, and in seals of earlier versions.</summary>
    public string? TargetExport { get; init; }

    /// <summary>The volume of another host's storage pool that the target disk is, as <c>URI:PATH</c>, which the file then holds; null where it is none, and in seals of earlier versions.</summary>
    public string? TargetVolume { get; init; }

    /// <summary>The format of the target: <c>raw</c> or <c>qcow2</c>.</summary>
    public required string TargetFormat { get; init; }

    /// <summary>The block map of the finished disk beside the seal: it locates a later mismatch. Null where there is none.</summary>
    [JsonRequired]
    public SealedFile? BlockMap { get; init; }

    /// <summary>How the read-back kept clear of the page cache, in words, such as <c>O_DIRECT</c>.</summary>
    [JsonRequired]
    public string CacheBypass { get; init; } = string.Empty;

    /// <summary>Where the time of the copy went, and of the read-back where that was done meanwhile; null where the copy did not come to its end.</summary>
    public StageReport? Performance { get; init; }

    /// <summary>The same of a read-back that was done after the copy; null where there was none.</summary>
    public StageReport? ReadBackPerformance { get; init; }

    /// <summary>Who copied it, and why nobody faster did; null where the copy did not come to its end, and for a machine that ran.</summary>
    public TransferReport? Transfer { get; init; }

    /// <summary>What lies where, for the picture on the page; null where nothing was read.</summary>
    [JsonRequired]
    public DiskPicture? Picture { get; init; }
}

/// <summary>A range of a target that did not read back as it had been written.</summary>
/// <param name="Offset">Bytes from the start of the disk.</param>
/// <param name="LengthBytes">Length in bytes.</param>
/// <param name="Stage">The step that saw it, such as <c>read-back</c>.</param>
/// <param name="ExpectedLeaf">The digest that the first block of it should have had, in hex.</param>
/// <param name="FoundLeaf">The digest that it had, in hex.</param>
/// <param name="FoundBytes">The first bytes of that block as they were found, in hex.</param>
/// <param name="Repaired">Whether the range was copied again and then read back right.</param>
public sealed record SealedMismatch(long Offset, long LengthBytes, string Stage, string ExpectedLeaf, string FoundLeaf, string FoundBytes, bool Repaired)
{
    /// <summary>What a seal says of a mismatch.</summary>
    public static SealedMismatch Of(Mismatch m, string stage, bool repaired) =>
        new(m.Range.Offset, m.Range.LengthBytes, stage, m.ExpectedLeaf, m.ActualLeaf, m.FirstBytes, repaired);
}
