using System.IO.Enumeration;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>Which machines of an inventory are meant. Case does not count: to a vCenter, names that differ in that only are the same.</summary>
public sealed record InventoryFilter
{
    /// <summary>All of them.</summary>
    public static InventoryFilter Everything { get; } = new();

    /// <summary>A pattern for the name, where <c>*</c> is any text and <c>?</c> any character; null for every name.</summary>
    public string? Name { get; init; }

    /// <summary>Folders that follow one another somewhere in the path: <c>prod</c>, <c>DC0/vm/prod</c>; null for every path.</summary>
    public string? Folder { get; init; }

    /// <summary><c>poweredOn</c>, <c>poweredOff</c> or <c>suspended</c>; null for every state.</summary>
    public string? Power { get; init; }

    /// <summary>Whether every machine is meant.</summary>
    public bool IsEverything => Name is null && Folder is null && Power is null;

    /// <summary>Whether a machine is meant.</summary>
    /// <param name="name">Its name, as the server writes it.</param>
    /// <param name="path">What it is in, from the top, as the server writes it.</param>
    /// <param name="power">Its power state.</param>
    public bool Takes(string name, IReadOnlyList<string> path, string power) =>
        (Name is null || TakesName(name)) && (Folder is null || Has(path, Folder.Split('/', StringSplitOptions.RemoveEmptyEntries))) && (Power is null || Power == power);

    /// <summary>Whether something of that name is meant.</summary>
    /// <param name="name">Its name, as the server writes it.</param>
    public bool TakesName(string name) => Name is null || FileSystemName.MatchesSimpleExpression(Name, ObjectName.Plain(name), ignoreCase: true);

    private static bool Has(IReadOnlyList<string> path, string[] wanted)
    {
        for (var start = 0; start + wanted.Length <= path.Count; start++)
        {
            var length = 0;
            while (length < wanted.Length && ObjectName.AreSame(path[start + length], wanted[length], ignoreCase: true)) length++;
            if (length == wanted.Length) return true;
        }

        return false;
    }
}
