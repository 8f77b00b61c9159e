namespace Sealift.Site;

/// <summary>Writes the site and the manual pages.</summary>
internal static class SiteWriter
{
    /// <summary>Writes the site: one HTML page for each page, the files that they link to, the search and the style.</summary>
    /// <param name="book">The book.</param>
    /// <param name="directory">Where to; made where it is not there. What lies there is written over, and nothing else is removed.</param>
    public static void Write(Book book, string directory)
    {
        var (parts, files) = (Contents.Of(book), new SortedSet<string>(StringComparer.Ordinal));
        foreach (var page in book.Pages) Put(directory, SitePath.Of(page), PageHtml.Whole(page, parts, PageHtml.Of(book, page, files)));
        foreach (var file in files)
        {
            var to = Path.Combine(directory, SitePath.OfFile(file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(Path.Combine(book.Repository, file), to, overwrite: true);
        }

        Put(directory, "search-index.js", SearchIndex.Script(book));
        foreach (var own in new[] { "site.css", "site.js" }) Put(directory, own, Resource(own));
    }

    /// <summary>Writes the manual pages of topics: <c>sealift-plan.5</c> and so on.</summary>
    /// <param name="book">The book.</param>
    /// <param name="directory">Where to; made where it is not there.</param>
    public static void WriteManual(Book book, string directory)
    {
        var answers = Contents.Of(book).SelectMany(p => p.Entries).ToDictionary(e => e.Page.Path, e => e.Answers);
        foreach (var (path, name, section, volume) in ManualPage.Topics)
        {
            var page = book.At(path) ?? throw new InvalidDataException($"{path} is not there, of which {name}({section}) is made");
            Put(directory, $"{name}.{section}", ManualPage.Of(page, name, section, volume, answers.GetValueOrDefault(path, page.Title)));
        }
    }

    private static void Put(string directory, string file, string text)
    {
        var to = Path.Combine(directory, file);
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.WriteAllText(to, text);
    }

    private static string Resource(string name)
    {
        using var stream = typeof(SiteWriter).Assembly.GetManifestResourceStream($"Sealift.Site.{name}") ?? throw new InvalidOperationException($"{name} is not built in");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
