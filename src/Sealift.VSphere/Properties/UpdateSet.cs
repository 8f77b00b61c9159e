namespace Sealift.VSphere;

/// <summary>What happened to an object that is watched.</summary>
public enum UpdateKind
{
    /// <summary>It is there now.</summary>
    Enter,

    /// <summary>Something of it changed.</summary>
    Modify,

    /// <summary>It is gone, or not seen any more.</summary>
    Leave,
}

/// <summary>One change of one object.</summary>
/// <param name="Reference">The object.</param>
/// <param name="Kind">What happened to it.</param>
/// <param name="Changes">The properties that changed, by their paths; null for those that are no longer set.</param>
/// <param name="Missing">The properties that cannot be told, with the reason.</param>
public sealed record ObjectUpdate(ManagedReference Reference, UpdateKind Kind, IReadOnlyDictionary<string, VimElement?> Changes, IReadOnlyDictionary<string, VSphereFault> Missing)
{
    /// <summary>Reads an <c>ObjectUpdate</c>.</summary>
    internal static ObjectUpdate Of(VimElement element)
    {
        var kind = element.Require("kind").Text switch
        {
            "enter" => UpdateKind.Enter,
            "modify" => UpdateKind.Modify,
            "leave" => UpdateKind.Leave,
            var other => throw new InvalidDataException($"'{other}' is no kind of update"),
        };
        var changes = new Dictionary<string, VimElement?>();
        foreach (var change in element.All("changeSet"))
        {
            // Whole values were asked for (partialUpdates is false): an item of a list is never added or taken away by itself.
            changes[change.Require("name").Text] = change.Require("op").Text switch
            {
                "assign" => change.Find("val"),
                "remove" or "indirectRemove" => null,
                var other => throw new InvalidDataException($"'{other}' was done to a property that was asked for as a whole"),
            };
        }

        return new ObjectUpdate(element.Require("obj").AsReference(), kind, changes, ObjectProperties.MissingOf(element));
    }
}

/// <summary>What happened since the set before.</summary>
/// <param name="StartsAnew">Whether this is the first one, or the first after the session was lost: whatever was known is void.</param>
/// <param name="IsComplete">Whether this is all that there is for now; else the next set follows at once, and both together are one state.</param>
/// <param name="Updates">In order.</param>
public sealed record UpdateSet(bool StartsAnew, bool IsComplete, IReadOnlyList<ObjectUpdate> Updates);
