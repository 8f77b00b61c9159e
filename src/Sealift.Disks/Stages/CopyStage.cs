using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Disks;

/// <summary>What the workers of a copy can be busy with.</summary>
[JsonConverter(typeof(CopyStageName))]
public enum CopyStage
{
    /// <summary>Waiting until the bandwidth that was asked for allows the next read.</summary>
    BandwidthLimit,

    /// <summary>Reading the source.</summary>
    Source,

    /// <summary>Looking for zeros and hashing, of what was read from the source and of what was read back.</summary>
    Hash,

    /// <summary>Writing to the target, zeros too, and flushing it.</summary>
    Target,

    /// <summary>Reading the target back.</summary>
    ReadBack,
}

/// <summary>The names of the stages in progress, JSON and the seal: <c>bandwidth-limit</c>, <c>source</c>, <c>hash</c>, <c>target</c>, <c>read-back</c>.</summary>
public sealed class CopyStageName() : JsonStringEnumConverter<CopyStage>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false)
{
    /// <summary>The name of a stage.</summary>
    public static string Of(CopyStage stage) => JsonNamingPolicy.KebabCaseLower.ConvertName(stage.ToString());

    /// <summary>What it is that a copy waits for, for people: <c>the target</c>.</summary>
    public static string InWords(CopyStage stage) => stage switch
    {
        CopyStage.BandwidthLimit => "the bandwidth limit",
        CopyStage.Source => "the source",
        CopyStage.Hash => "the processors (hashing)",
        CopyStage.Target => "the target",
        _ => "reading the target back",
    };
}
