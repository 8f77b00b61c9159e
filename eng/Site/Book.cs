namespace Sealift.Site;

/// <summary>All pages: the README and everything below docs/.</summary>
internal sealed class Book
{
    private Book(string repository, IReadOnlyList<Page> pages) => (Repository, Pages) = (repository, pages);

    /// <summary>The root of the repository.</summary>
    public string Repository { get; }

    /// <summary>The pages, by path.</summary>
    public IReadOnlyList<Page> Pages { get; }

    /// <summary>Reads and parses every page.</summary>
    /// <param name="repository">The root of the repository.</param>
    public static Book Read(string repository)
    {
        var files = Directory.EnumerateFiles(Path.Combine(repository, "docs"), "*.md", SearchOption.AllDirectories).Prepend(Path.Combine(repository, "README.md"));
        var paths = files.Select(f => Path.GetRelativePath(repository, f)).Order(StringComparer.Ordinal);
        return new Book(repository, [.. paths.Select(p => Page.Parse(p, File.ReadAllText(Path.Combine(repository, p))))]);
    }

    /// <summary>The page at a path; null where there is none.</summary>
    public Page? At(string path) => Pages.FirstOrDefault(p => p.Path == path);

    /// <summary>Where a relative link of a page leads, from the root of the repository.</summary>
    /// <param name="page">The page that has the link.</param>
    /// <param name="link">The link, without what is behind its '#'.</param>
    public string Target(Page page, string link) =>
        link.Length == 0 ? page.Path : Path.GetRelativePath(Repository, Path.GetFullPath(Path.Combine(Repository, Path.GetDirectoryName(page.Path)!, Uri.UnescapeDataString(link))));
}
