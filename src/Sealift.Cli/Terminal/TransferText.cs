using System.Text.Json;
using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>How it is told who copied a disk.</summary>
internal static class TransferText
{
    /// <summary>As members of a JSON object: the same as in a seal.</summary>
    public static void WriteTo(Utf8JsonWriter w, TransferReport report)
    {
        w.WriteString("used", report.Used);
        w.WriteStartArray("passedOver");
        foreach (var other in report.PassedOver)
        {
            w.WriteStartObject();
            w.WriteString("name", other.Name);
            w.WriteString("why", other.Why);
            w.WriteEndObject();
        }

        w.WriteEndArray();
        if (report.How is { } how) w.WriteString("how", how);
        w.WriteNumber("offloadedBytes", report.OffloadedBytes);
        w.WriteNumber("repairedBytes", report.RepairedBytes);
        if (report.DeclinedAt is not { } at) return;
        w.WriteNumber("declinedAt", at);
        w.WriteString("declined", report.Declined);
    }
}
