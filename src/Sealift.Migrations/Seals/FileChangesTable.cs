using Sealift.Guests.Files;

namespace Sealift.Migrations.Seals;

/// <summary>The files that the conversion changed, on the page: a table for each file system.</summary>
internal static class FileChangesTable
{
    /// <summary>The tables; nothing where nobody compared.</summary>
    public static Markup Draw(SealedFileChanges? changes)
    {
        if (changes is null) return Markup.Empty;
        var total = changes.Filesystems.Sum(f => f.Changed + f.Removed + f.Added);
        return Markup.Of($"""
            <p>As the guest's own file systems tell, before and after. This explains the changed ranges of the disks; what is proven is those.{(changes.List.Length > 0 ? Markup.Of($" All of it is in <code>{changes.List}</code>, one file a line.") : Markup.Empty)}</p>
            {(total > changes.Listed ? Markup.Of($"<p class=\"quiet\">{Measures.Count(total, "file")} in all; the list has {Measures.Count(changes.Listed, "file")}.</p>") : Markup.Empty)}
            {changes.Filesystems.Select(f => Filesystem(f, changes))}
            """);
    }

    private static Markup Filesystem(SealedFilesystemChanges f, SealedFileChanges changes)
    {
        var shown = changes.First.Where(c => c.Filesystem == f.Filesystem).ToList();
        var more = f.Changed + f.Removed + f.Added - shown.Count;
        return Markup.Of($"""
            <h3><bdi>{f.Device}</bdi>{(f.Mountpoint.Length > 0 ? Markup.Of($", mounted at <bdi>{f.Mountpoint}</bdi>") : Markup.Empty)}</h3>
            {(f.NotTold.Length > 0 ? Markup.Of($"<p>Not told: {f.NotTold}.</p>") : Markup.Of($"<p class=\"quiet\">Of {Measures.Count(f.Files, "file")}: {f.Changed} changed, {f.Removed} removed, {f.Added} added.</p>"))}
            {(shown.Count == 0 ? Markup.Empty : Markup.Of($"""
            <details{(shown.Count <= OpenLimit ? Markup.Of($" open=\"open\"") : Markup.Empty)}><summary>{(more > 0 ? $"The first {shown.Count}" : Measures.Count(shown.Count, "file"))}</summary>
            <table><caption>What became of them</caption><thead><tr><th scope="col">Path from its root</th><th scope="col">What</th><th scope="col" class="number">Before</th><th scope="col" class="number">After</th></tr></thead>
            <tbody>{shown.Select(Row)}</tbody></table></details>
            """))}
            {(more > 0 && shown.Count > 0 ? Markup.Of($"<p class=\"quiet\">and {Measures.Count(more, "file")} more.</p>") : Markup.Empty)}
            """);
    }

    private const int OpenLimit = 40; // what fills about a page

    private static Markup Row(SealedFileChange c) => Markup.Of($"""
        <tr><th scope="row" class="hex">{c.Path}</th><td data-label="What">{Word(c)}</td><td data-label="Before" class="number">{Size(c.BytesBefore, c)}</td><td data-label="After" class="number">{Size(c.BytesAfter, c)}</td></tr>
        """);

    private static string Word(SealedFileChange c) => c.Change switch
    {
        FileChangeKind.Added => $"added {c.Type}",
        FileChangeKind.Removed => $"removed {c.Type}",
        _ => $"changed {c.Type}: {string.Join(", ", c.Differences)}",
    };

    private static string Size(long? bytes, SealedFileChange c) => bytes is { } b && c.Type != "directory" ? Measures.Size(b) : "–";
}
