using Sealift.Guests;
using Sealift.Migrations.Seals;
using Sealift.Migrations.Steps;

namespace Sealift.Migrations;

/// <summary>At which points on their way the file systems were checked, or are proven to be what was checked.</summary>
internal static class CheckPoints
{
    /// <summary>The four points, out of what the journal holds.</summary>
    public static IReadOnlyList<SealedPoint> Of(MigrationContext context)
    {
        var converts = context.Request.Convert;
        var keys = context.Source.Machine.Disks.Select(d => d.Key).ToList();
        var convert = context.Evidence(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult);
        var isCopied = keys.TrueForAll(k => ReadBack(context, StepName.ReadBack, k) is { } t && t == context.Evidence(StepName.Copy, k, JournalJson.Default.CopyStepResult)?.Root);
        var isCommitted = converts && keys.TrueForAll(k => ReadBack(context, StepName.Prove, k) is { } f && f == convert?.Disks.FirstOrDefault(d => d.Key == k)?.ExpectedRoot);

        var afterCopy = Point(SealedPoint.CopiedTarget, StepName.CheckTarget, converts ? null : Report(context, StepName.CheckTarget), isCopied ? SealedPoint.Source : string.Empty, "read-back: T = S, every block");
        return
        [
            Point(SealedPoint.Source, StepName.CheckSource, Report(context, StepName.CheckSource), string.Empty, string.Empty),
            afterCopy,
            converts ? Point(SealedPoint.ConvertedOverlay, StepName.CheckTarget, Report(context, StepName.CheckTarget), string.Empty, string.Empty) : Absent(SealedPoint.ConvertedOverlay),
            converts ? Point(SealedPoint.CommittedTarget, StepName.CheckCommitted, Report(context, StepName.CheckCommitted), isCommitted ? SealedPoint.ConvertedOverlay : string.Empty, "prove: the whole disk reads back as F, S's blocks with those of the overlay") : Absent(SealedPoint.CommittedTarget),
        ];
    }

    private static SealedPoint Point(string name, string step, GuestReport? report, string sameAs, string provenBy) => new(
        name,
        report is not null ? PointStanding.Checked : sameAs.Length > 0 ? PointStanding.Identical : PointStanding.Unchecked,
        report is null ? string.Empty : step,
        report?.Inspection.Filesystems.Count(f => f.CheckedBy.Length > 0) ?? 0,
        report?.Inspection.Filesystems.Count(f => f.CheckedBy.Length == 0) ?? 0,
        sameAs,
        sameAs.Length == 0 ? string.Empty : provenBy);

    private static SealedPoint Absent(string name) => new(name, PointStanding.Absent, string.Empty, 0, 0, string.Empty, string.Empty);

    private static GuestReport? Report(MigrationContext context, string step) => context.Evidence(step, string.Empty, JournalJson.Default.GuestReport);

    private static string? ReadBack(MigrationContext context, string step, string disk) => context.Evidence(step, disk, JournalJson.Default.ReadBackStepResult)?.Root;
}
