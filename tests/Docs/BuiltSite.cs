using Sealift.Site;

[assembly: AssemblyFixture(typeof(Sealift.Docs.BuiltSite))]
[assembly: AssemblyFixture(typeof(Sealift.Rigs.Chromium))]

namespace Sealift.Docs;

/// <summary>The site and the manual pages as eng/build-site makes them, in a directory of their own.</summary>
public sealed class BuiltSite : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-site-").FullName;

    public BuiltSite()
    {
        SiteWriter.Write(Repository.Book, Root);
        SiteWriter.WriteManual(Repository.Book, Manual);
    }

    /// <summary>Where the site is.</summary>
    public string Root => Path.Combine(directory, "site");

    /// <summary>Where the manual pages are.</summary>
    public string Manual => Path.Combine(directory, "man");

    /// <summary>The address of a page in a browser.</summary>
    public string Address(string page) => "file://" + Path.Combine(Root, page);

    public void Dispose() => Directory.Delete(directory, recursive: true);
}
