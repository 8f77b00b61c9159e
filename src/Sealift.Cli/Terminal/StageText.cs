using System.Text.Json;
using Sealift.Disks;
using Sealift.Migrations;

namespace Sealift.Cli.Terminal;

/// <summary>Where the time of a copy goes, for people and as JSON.</summary>
internal static class StageText
{
    // Nothing else could hold it up either: a copy that hardly works is not limited by what it hardly does.
    private const double LeastShare = 0.1;

    /// <summary>What a copy waits for, such as <c>, limited by the target</c>; empty where that cannot be told.</summary>
    public static string Limit(StageReport? stages) =>
        stages?.Bottleneck is { } stage && stages.Stages.First(s => s.Stage == stage).Seconds >= LeastShare * stages.ElapsedSeconds ? $", limited by {CopyStageName.InWords(stage)}" : string.Empty;

    /// <summary>What each stage would carry alone, such as <c>source 5.1 GiB/s, hash 2.9 GiB/s</c>.</summary>
    public static string Rates(StageReport stages) =>
        string.Join(", ", stages.Stages.Where(s => s.Bytes > 0 && s.Stage != CopyStage.BandwidthLimit).Select(s => $"{CopyStageName.Of(s.Stage)} {Quantities.Size(s.BytesPerSecond)}/s"));

    /// <summary>Writes the member <c>performance</c>, as a migration's events have it.</summary>
    public static void WriteTo(Utf8JsonWriter writer, StageReport performance)
    {
        writer.WritePropertyName("performance");
        JsonSerializer.Serialize(writer, performance, MigrationJson.Default.StageReport);
    }
}
