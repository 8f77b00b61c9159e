using System.Text.Json.Serialization;
using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>Where the machine came from.</summary>
public sealed record SealedSource
{
    /// <summary>What kind of source: <c>image</c>, <c>ova</c>, <c>ovf</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Where it is: a path or a URI without secrets.</summary>
    public required string Location { get; init; }

    /// <summary>The files that were read, with what identified them while they were.</summary>
    public required IReadOnlyList<SealedSourceFile> Files { get; init; }

    /// <summary>What became of the source's own digests, such as <c>SHA-256 manifest: 2 of 2 files match</c>; empty where it has none.</summary>
    [JsonRequired]
    public string ManifestVerification { get; init; } = string.Empty;

    /// <summary>What was refused or noted while it was read, one sentence each.</summary>
    [JsonRequired]
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>A file of the source: its size and identity, the same before, during and after the copy.</summary>
/// <param name="Path">The file.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="ModifiedAt">The time of its last change.</param>
/// <param name="Device">Number of the file system that holds it.</param>
/// <param name="Inode">Its inode number.</param>
public sealed record SealedSourceFile(string Path, long LengthBytes, DateTimeOffset ModifiedAt, ulong Device, ulong Inode)
{
    /// <summary>What a seal says of a file.</summary>
    public static SealedSourceFile Of(string path, FileFacts facts) =>
        new(path, facts.LengthBytes, DateTimeOffset.UnixEpoch.AddTicks(facts.ModifiedNanoseconds / 100), facts.Device, facts.Inode);
}
