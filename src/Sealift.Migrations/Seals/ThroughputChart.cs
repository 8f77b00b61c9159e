using Sealift.Disks;

namespace Sealift.Migrations.Seals;

/// <summary>The chart of a copy: how fast each side was over time, and which stage the others waited for.</summary>
internal static class ThroughputChart
{
    private const double Width = 1024, Height = 64;

    /// <summary>The chart with its scale and the rates; nothing where nothing was measured or moved.</summary>
    public static Markup Draw(string title, StageReport? performance)
    {
        if (performance is not { Throughput: { IntervalSeconds: > 0 } series, Bottleneck: { } bottleneck }) return Markup.Empty;
        (string Kind, IReadOnlyList<long> Bytes)[] lines = [("source", series.SourceBytes), ("target", series.TargetBytes), ("back", series.ReadBackBytes)];
        var most = lines.SelectMany(l => l.Bytes).DefaultIfEmpty().Max();
        if (most <= 0) return Markup.Empty;
        var rates = string.Join(" · ", performance.Stages.Where(s => s.Bytes > 0 && s.Stage != CopyStage.BandwidthLimit).Select(s => $"{CopyStageName.Of(s.Stage)} {Measures.Size((long)s.BytesPerSecond)}/s"));
        var caption = $"{title}: {Measures.Elapsed(performance.ElapsedSeconds)}, limited by {CopyStageName.InWords(bottleneck)}. Alone, each stage would have carried: {rates}";
        return Markup.Of($"""
            <figure class="strip chart">
            <figcaption>{caption}</figcaption>
            <svg viewBox="0 0 {Width} {Height}" preserveAspectRatio="none" role="img" aria-label="{caption}">
            <rect class="bed" x="0" y="0" width="{Width}" height="{Height}"/>
            {Markup.Join(lines.Where(l => l.Bytes.Any(b => b > 0)).Select(l => Line(l.Kind, l.Bytes, most)))}
            </svg>
            <div class="scale"><span>0</span><span>{Keys(lines)} · top of the chart: {Measures.Size((long)(most / series.IntervalSeconds))}/s</span><span>{Measures.Elapsed(performance.ElapsedSeconds)}</span></div>
            </figure>
            """);
    }

    // A step a stretch: nothing is known of what happened within it.
    private static Markup Line(string kind, IReadOnlyList<long> bytes, long most)
    {
        var cell = Width / bytes.Count;
        var points = bytes.SelectMany((b, i) => new[] { (X: i * cell, Y: Y(b)), (X: (i + 1) * cell, Y: Y(b)) });
        return Markup.Of($"<polyline class=\"line-{kind}\" points=\"{string.Join(' ', points.Select(p => FormattableString.Invariant($"{p.X:0.#},{p.Y:0.#}")))}\"/>");

        double Y(long value) => Height - 1 - ((Height - 2) * value / most);
    }

    private static Markup Keys(IEnumerable<(string Kind, IReadOnlyList<long> Bytes)> lines) => Markup.Join(lines.Where(l => l.Bytes.Any(b => b > 0)).Select(l =>
        Markup.Of($"<svg class=\"swatch\" viewBox=\"0 0 14 12\" aria-hidden=\"true\"><polyline class=\"line-{l.Kind}\" points=\"0,6 14,6\"/></svg>{(l.Kind switch { "source" => "source ", "target" => "target ", _ => "read back " })}")));
}
