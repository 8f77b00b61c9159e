using System.Text.Json;
using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>Ranges that differ, as JSON lines.</summary>
internal static class DifferenceJson
{
    /// <summary>The event <c>mismatch</c>: a target is not what the map of its copy says.</summary>
    public static void Write(Mismatch mismatch) => JsonLine.Write(w =>
    {
        w.WriteString("event", "mismatch");
        w.WriteNumber("offset", mismatch.Range.Offset);
        w.WriteNumber("lengthBytes", mismatch.Range.LengthBytes);
        w.WriteString("expectedLeaf", mismatch.ExpectedLeaf);
        w.WriteString("actualLeaf", mismatch.ActualLeaf);
        if (mismatch.First is { } first) Write(w, first, "expectedBytes", "actualBytes");
    });

    /// <summary>The event <c>difference</c>: two disks are not equal.</summary>
    public static void Write(DiskDifference difference) => JsonLine.Write(w =>
    {
        w.WriteString("event", "difference");
        w.WriteNumber("offset", difference.Offset);
        w.WriteNumber("lengthBytes", difference.LengthBytes);
        w.WriteString("kind", difference.Kind.ToString().ToLowerInvariant());
        if (difference.First is { } first) Write(w, first, "bytesA", "bytesB");
    });

    private static void Write(Utf8JsonWriter writer, FirstDifference first, string expected, string actual)
    {
        writer.WriteNumber("firstDifferingByte", first.Offset);
        writer.WriteString(expected, first.ExpectedBytes);
        writer.WriteString(actual, first.ActualBytes);
    }
}
