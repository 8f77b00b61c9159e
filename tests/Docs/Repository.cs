using Sealift.Site;

namespace Sealift.Docs;

/// <summary>The repository that the test lies in, and its pages.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static Book Book { get; } = Book.Read(Root);

    public static IReadOnlyList<CommandBlock> CommandBlocks { get; } = [.. Book.Pages.SelectMany(CommandBlock.Of)];

    private static string Find()
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Sealift.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("Not below the repository");
        return at;
    }
}
