namespace Sealift.Migrations.Seals;

/// <summary>The picture of a disk: a strip of columns, each the content of one stretch of it, over a lane of what conversion changed.</summary>
internal static class DiskStrip
{
    private const double Width = 1024, Content = 44, Lane = 10, Gap = 4;

    /// <summary>The strip with its scale.</summary>
    public static Markup Draw(SealedDisk disk)
    {
        if (disk.Picture is not { Data.Length: > 0 } picture) return Markup.Of($"<p class=\"quiet\">No picture: the disk was not read.</p>");
        var cell = Width / picture.Data.Length;
        var shapes = new List<Markup>();
        foreach (var (first, count, level) in Runs(picture.Data))
            shapes.Add(Rect("data", first * cell, Content - Height(level), count * cell, Height(level)));
        for (var i = 0; i < picture.Zero.Length; i++)
        {
            if (picture.Zero[i] == '0') continue;
            var data = Height(picture.Data[i] - '0');
            var zero = Math.Min(Height(picture.Zero[i] - '0'), Content - data);
            if (zero > 0) shapes.Add(Rect("zero", i * cell, Content - data - zero, cell, zero));
        }

        foreach (var (first, count, _) in Runs(picture.Changed))
            shapes.Add(Rect("changed", first * cell, Content + Gap, Math.Max(count * cell, 2), Lane));
        foreach (var (first, count, _) in Runs(picture.Mismatched))
        {
            var centre = Math.Clamp((first + (count / 2.0)) * cell, 6, Width - 6); // the mark stays whole at either end
            shapes.Add(Rect("mismatch", centre - 1.25, 0, 2.5, Content + Gap + Lane));
            shapes.Add(Markup.Of($"<path class=\"mismatch\" d=\"M{centre - 6} 0h12l-6 9z\"/>"));
        }

        var summary = $"{disk.Key}: {Measures.Size(disk.DataBytes)} of data, {Measures.Size(disk.ZeroBytes)} of zeros, {Measures.Size(disk.HoleBytes)} of holes; " +
            $"{(disk.Changed is { } d ? $"{Measures.Count(d.TotalCount, "range")} changed by conversion" : "not converted")}; {Measures.Count(disk.Mismatches.Count, "mismatch range")}.";
        return Markup.Of($"""
            <figure class="strip">
            <figcaption>What lies where on the new disk</figcaption>
            <svg viewBox="0 0 {Width} {Content + Gap + Lane}" preserveAspectRatio="none" role="img" aria-label="{summary}">
            <rect class="bed" x="0" y="0" width="{Width}" height="{Content}"/><rect class="bed" x="0" y="{Content + Gap}" width="{Width}" height="{Lane}"/>
            {Markup.Join(shapes)}
            </svg>
            <div class="scale" aria-hidden="true">{Enumerable.Range(0, 5).Select(i => Markup.Of($"<span>{Measures.Size(disk.VirtualBytes / 4 * i)}</span>"))}</div>
            </figure>
            """);
    }

    /// <summary>What the marks mean; once a page.</summary>
    public static Markup Legend() => Markup.Of($"""
        <ul class="legend">
        <li>{Swatch("data")} data <span class="quiet">(height: how full)</span></li><li>{Swatch("zero")} zeros</li><li>{Swatch("bed")} holes <span class="quiet">(nothing is stored)</span></li>
        <li>{Swatch("changed")} changed by conversion <span class="quiet">(lower lane)</span></li>
        <li><svg class="swatch" viewBox="0 0 14 12" aria-hidden="true"><path class="mismatch" d="M1 1h12l-6 10z"/></svg> mismatch <span class="quiet">(marked across)</span></li>
        </ul>
        """);

    private static Markup Swatch(string kind) => Markup.Of($"<svg class=\"swatch\" viewBox=\"0 0 14 12\" aria-hidden=\"true\"><rect class=\"bed\" width=\"14\" height=\"12\"/><rect class=\"{kind}\" width=\"14\" height=\"12\"/></svg>");

    private static Markup Rect(string kind, double x, double y, double width, double height) =>
        Markup.Of($"<rect class=\"{kind}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>");

    // The least there is stays visible: one block in a cell of many is a fifth of the height.
    private static double Height(int level) => level == 0 ? 0 : Content * (0.2 + (0.8 * (level - 1) / 8));

    private static IEnumerable<(int First, int Count, int Level)> Runs(string layer)
    {
        for (var i = 0; i < layer.Length;)
        {
            var end = i + 1;
            while (end < layer.Length && layer[end] == layer[i]) end++;
            if (layer[i] != '0') yield return (i, end - i, layer[i] - '0');
            i = end;
        }
    }
}
