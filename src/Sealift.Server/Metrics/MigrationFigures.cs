using System.Collections.Concurrent;
using Sealift.Migrations;
using Sealift.Migrations.Seals;
using Sealift.Plans;
using Sealift.Posix;

namespace Sealift.Server.Metrics;

/// <summary>What the migrations of this server's state directory came to, by their journal and their signed reports. A report is read once.</summary>
internal sealed class MigrationFigures(IPlanService plans)
{
    private const int LargestReportBytes = SealEnvelope.MaxFileBytes;

    private readonly ConcurrentDictionary<(string Id, DateTimeOffset? EndedAt), Figures> known = new();

    /// <summary>All of them together, by verdict: <c>sealed</c>, <c>degraded</c>, <c>failed</c>, <c>cancelled</c>, or <c>none</c> for those without one yet.</summary>
    public (IReadOnlyDictionary<string, int> ByVerdict, Figures Sum, int Unreadable) Read()
    {
        var byVerdict = Enum.GetNames<Verdict>().ToDictionary(v => v.ToLowerInvariant(), _ => 0);
        byVerdict["none"] = 0;
        var (sum, unreadable) = (default(Figures), 0);
        var migrations = plans.Migrations;
        foreach (var migration in migrations.List())
        {
            byVerdict[migration.Verdict?.ToString().ToLowerInvariant() ?? "none"]++;
            if (migration.Verdict is null) continue;
            if (!known.TryGetValue((migration.Id, migration.EndedAt), out var figures))
            {
                if (migrations.Show(migration.Id).Outcome?.SealPath is not { } path)
                {
                    known[(migration.Id, migration.EndedAt)] = default; // there will be none
                    continue;
                }

                // One whose report is gone (its machine was moved elsewhere) counts by its verdict alone.
                if (FileFacts.OfPathIfExists(path) is not { Kind: FileKind.Regular, LengthBytes: <= LargestReportBytes }) continue;
                try
                {
                    figures = Figures.Of(SealStatement.Parse(SealEnvelope.Parse(File.ReadAllBytes(path), path).Payload, path).Predicate);
                }
                catch (Exception e) when (e is SealiftException or IOException or UnauthorizedAccessException)
                {
                    unreadable++; // shown as a figure of its own
                    continue;
                }

                known[(migration.Id, migration.EndedAt)] = figures;
            }

            sum += figures;
        }

        return (byVerdict, sum, unreadable);
    }

    /// <summary>Sums over signed reports.</summary>
    internal readonly record struct Figures(long Findings, long Waived, long Mismatches, long Repaired, long CopiedBytes, long ReadBackBytes)
    {
        public static Figures Of(SealPredicate report)
        {
            var findings = report.FindingsBefore.Concat(report.FindingsAfter).ToList();
            var mismatches = report.Disks.SelectMany(d => d.Mismatches).ToList();
            return new Figures(
                findings.Count,
                findings.Count(f => f.Standing == FindingStanding.Waived),
                mismatches.Count,
                mismatches.Count(m => m.Repaired),
                report.Disks.Where(d => d.TargetRoot is not null).Sum(d => d.DataBytes),
                report.Disks.Sum(d => Bytes(d.ReadBack, d.TargetRoot, d.VirtualBytes) + Bytes(d.FinalReadBack, d.FinalReadBackRoot, d.VirtualBytes)));
        }

        public static Figures operator +(Figures a, Figures b) => new(
            a.Findings + b.Findings, a.Waived + b.Waived, a.Mismatches + b.Mismatches, a.Repaired + b.Repaired, a.CopiedBytes + b.CopiedBytes, a.ReadBackBytes + b.ReadBackBytes);

        // Of a machine that was off, the whole target was read to get the root.
        private static long Bytes(SealedReadBack? readBack, string? root, long length) => readBack is { } parts ? parts.EndBytes + parts.EarlierBytes : root is null ? 0 : length;
    }
}
