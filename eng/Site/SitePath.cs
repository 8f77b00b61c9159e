namespace Sealift.Site;

/// <summary>Where a file of the repository lies in the site.</summary>
internal static class SitePath
{
    /// <summary>The address of a page from the site's root: <c>docs/formats/seal.md</c> is <c>formats/seal.html</c>, the README the first page, the index of docs/ <c>contents.html</c>.</summary>
    public static string Of(Page page) => page.Path switch
    {
        "README.md" => "index.html",
        "docs/README.md" => "contents.html",
        _ => Path.Combine(Path.GetDirectoryName(page.Path["docs/".Length..])!, Path.GetFileNameWithoutExtension(page.Path) is "README" ? "index.html" : Path.GetFileNameWithoutExtension(page.Path) + ".html"),
    };

    /// <summary>The address of a file that a page links to and that is no page: it is copied.</summary>
    public static string OfFile(string path) => Path.Combine("files", path);

    /// <summary>The way from one address to another.</summary>
    public static string Between(string from, string to) => Path.GetRelativePath(Path.Combine("/", Path.GetDirectoryName(from)!), "/" + to);
}
