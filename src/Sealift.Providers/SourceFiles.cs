namespace Sealift.Providers;

/// <summary>The source files that were read, each measured before its first use and once more at the end.</summary>
internal sealed class SourceFiles
{
    private readonly Dictionary<string, SourceFileFact> files = new(StringComparer.Ordinal);

    public IReadOnlyList<SourceFileFact> All => [.. files.Values.OrderBy(f => f.Path, StringComparer.Ordinal)];

    public SourceFileFact Add(string path)
    {
        var full = Path.GetFullPath(path);
        if (!files.TryGetValue(full, out var fact)) files[full] = fact = SourceFileFact.Of(full);
        return fact;
    }

    public void VerifyUnchanged()
    {
        foreach (var file in files.Values) file.VerifyUnchanged();
    }
}
