using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>What a migration is to be, and what is known besides the machine itself.</summary>
public sealed record VSphereConcernScope
{
    /// <summary>Whether the machine is to run while it is copied, and be followed by its change tracking.</summary>
    public required bool IsWarm { get; init; }

    /// <summary>What networks are called; null where that was not read: cards are then known by the names that they remember.</summary>
    public InventoryNames? Names { get; init; }

    /// <summary>The networks that have a counterpart at the target; null where nothing is mapped.</summary>
    public IReadOnlySet<string>? MappedNetworks { get; init; }

    /// <summary>The datastores that have one; null where nothing is mapped.</summary>
    public IReadOnlySet<string>? MappedDatastores { get; init; }

    /// <summary>The names that are taken at the target.</summary>
    public IReadOnlySet<string> TakenNames { get; init; } = new HashSet<string>();

    /// <summary>The privileges that the account lacks on the machine.</summary>
    public IReadOnlyList<string> MissingPrivileges { get; init; } = [];

    /// <summary>The rules of its cluster that bind the machine to hosts or to other machines.</summary>
    public IReadOnlyList<string> AffinityRules { get; init; } = [];

    /// <summary>What was to be read besides the machine, and the server does not tell.</summary>
    public IReadOnlyList<string> Untold { get; init; } = [];
}
