using System.Text.Json;
using System.Text.Json.Serialization;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>What an unfinished copy is of, written before anything is made: without it nobody could tell later whether going on is right.</summary>
/// <param name="Version">1.</param>
/// <param name="Source">The source's name.</param>
/// <param name="SourceBytes">Its length in bytes.</param>
/// <param name="SourceFiles">Its files as they were; none for an NBD export.</param>
/// <param name="Target">The target's name.</param>
/// <param name="Format">Raw or qcow2.</param>
/// <param name="Algorithm">Of the blkhash.</param>
/// <param name="BlockBytes">Of the blkhash.</param>
/// <param name="Made">The file that was made for the copy, or the device that is overwritten; null before it is there, and for an NBD export.</param>
/// <param name="Proof">What was proven, once it was.</param>
internal sealed record CopyRecord(
    int Version,
    string Source,
    long SourceBytes,
    IReadOnlyList<FileIdentity> SourceFiles,
    string Target,
    ImageFormat Format,
    string Algorithm,
    int BlockBytes,
    FileIdentity? Made,
    CopyProof? Proof)
{
    private const int CurrentVersion = 1;

    /// <summary>Who the source says it is, where it is a SCSI unit; else null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? SourceUnit { get; init; }

    /// <summary>The same of the target.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TargetUnit { get; init; }

    // A record names a few files; a chain of 32 images with long paths stays far below it.
    private const int LimitBytes = 1 << 20;

    public static CopyRecord Of(CopySource source, long sourceBytes, CopyTarget target, BlkhashParameters parameters) =>
        new(CurrentVersion, source.Name, sourceBytes, source.Files, target.Name, target.Format, parameters.Algorithm.ToString(), parameters.BlockBytes, null, null) { SourceUnit = source.Unit?.Identity.Text, TargetUnit = target.Unit?.Identity.Text };

    /// <summary>What the storage was asked to make, and has not been seen to be gone; null where there is nothing of that kind.</summary>
    public MadeFile? Making { get; init; }

    /// <summary>Whether <see cref="Made"/> was made by the storage, and holds all of the disk.</summary>
    public bool IsMadeByStorage { get; init; }

    /// <summary>Whether a target that is overwritten in place was found to be a part of nothing larger. What stands there afterwards is the source's, and may begin like anything.</summary>
    public bool IsLookedAt { get; init; }

    /// <summary>Reads a record; null where there is none, because a crash came before it was written.</summary>
    public static CopyRecord? Read(string path)
    {
        if (FileFacts.OfPathIfExists(path) is not { } facts) return null;
        if (facts.Kind != FileKind.Regular || facts.LengthBytes > LimitBytes) throw CopyErrors.BadRecord(path, $"it is no record of a copy ({facts.Kind}, {facts.LengthBytes} bytes)");
        using var file = PosixFile.Open(path, OpenMode.Read);
        var bytes = new byte[facts.LengthBytes];
        file.ReadExactlyAt(bytes, 0);
        try
        {
            var record = JsonSerializer.Deserialize(bytes, CopyJson.Default.CopyRecord);
            if (record is null || record.Version != CurrentVersion) throw CopyErrors.BadRecord(path, $"it is of version {record?.Version}, and this program reads version {CurrentVersion}");
            return record;
        }
        catch (JsonException e)
        {
            throw CopyErrors.BadRecord(path, $"it is damaged: {e.Message}");
        }
    }

    /// <summary>Writes it so that after a crash the old one or the new one is there.</summary>
    public void Write(string path) => PosixPath.WriteFileDurably(path, JsonSerializer.SerializeToUtf8Bytes(this, CopyJson.Default.CopyRecord), replace: true);

    /// <summary>Throws where this is not what a new copy would be: another source or target, or a source that changed since.</summary>
    public void DemandSame(CopyRecord now, string path)
    {
        if (Target != now.Target || Format != now.Format || Algorithm != now.Algorithm || BlockBytes != now.BlockBytes)
            throw CopyErrors.BadRecord(path, $"it is of a copy to {Target} ({Format}, {Algorithm}, blocks of {BlockBytes} bytes)");
        if (Source != now.Source) throw CopyErrors.BadRecord(path, $"it is of a copy of {Source}");
        if (TargetUnit != now.TargetUnit) throw CopyErrors.BadRecord(path, $"the unit at {Target} was {TargetUnit ?? "none"}, and is {now.TargetUnit ?? "none"} now");
        if (SourceUnit != now.SourceUnit) throw CopyErrors.SourceChanged(Source, $"the unit was {SourceUnit ?? "none"}, and is {now.SourceUnit ?? "none"} now");
        if (SourceBytes != now.SourceBytes) throw CopyErrors.SourceChanged(Source, $"it had {SourceBytes} bytes and has {now.SourceBytes} now");
        if (SourceFiles.Count != now.SourceFiles.Count) throw CopyErrors.SourceChanged(Source, $"it consisted of {SourceFiles.Count} files, and of {now.SourceFiles.Count} now");
        foreach (var (before, after) in SourceFiles.Zip(now.SourceFiles))
        {
            if (before.Path != after.Path) throw CopyErrors.SourceChanged(Source, $"it consisted of {before.Path}, and of {after.Path} now");
            if (after.ChangeSince(before) is { } change) throw CopyErrors.SourceChanged(Source, $"{before.Path} {change}, since the copy was begun");
        }
    }
}

/// <summary>That a target read back as it was copied.</summary>
/// <param name="Root">The blkhash of both, in lower-case hex.</param>
/// <param name="CacheBypass">How the page cache was bypassed.</param>
/// <param name="Proven">The file as it was before the first byte of it was read back.</param>
internal sealed record CopyProof(string Root, string CacheBypass, FileIdentity? Proven);

[JsonSourceGenerationOptions(UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, WriteIndented = true)]
[JsonSerializable(typeof(CopyRecord))]
internal sealed partial class CopyJson : JsonSerializerContext;
