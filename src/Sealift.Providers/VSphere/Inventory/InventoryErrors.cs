using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>Errors of looking for machines; SL6512 to SL6514.</summary>
internal static class InventoryErrors
{
    public static SealiftException Ambiguous(string peer, string place, IReadOnlyList<string> candidates, int count) => new(
        "SL6512", $"find the machine '{ProviderErrors.Clean(place)}'", peer,
        $"{count} machines are called that: {string.Join(", ", candidates.Select(c => ProviderErrors.Clean(c)))}{(count > candidates.Count ? $" and {count - candidates.Count} more" : string.Empty)}",
        "Name the one that is meant by its path or its reference");

    public static SealiftException NoMachine(string peer, string place, IReadOnlyList<string> similar) => new(
        "SL6513", $"find the machine '{ProviderErrors.Clean(place)}'", peer,
        similar.Count == 0 ? "there is none of that name, path, UUID or reference, or the account may not see it" : $"there is none of that name, path, UUID or reference; similar names: {string.Join(", ", similar.Select(s => ProviderErrors.Clean(s)))}",
        "List those that there are with 'sealift inventory vms'");

    public static SealiftException NotUnderstood(string peer, string what, string said, Exception inner) => new(
        "SL6514", $"read {what}", ProviderErrors.Clean(peer), $"it is not understood: {ProviderErrors.Clean(said)}", "Report it as a bug, with the version of the server", inner);
}
