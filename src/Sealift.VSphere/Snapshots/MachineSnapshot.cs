namespace Sealift.VSphere;

/// <summary>A snapshot of a machine, with those that were made on top of it.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Name">Its name, which need not be unique.</param>
/// <param name="Description">What is said about it.</param>
/// <param name="Number">The number within the machine.</param>
/// <param name="CreatedAt">When it was made, by the server's clock.</param>
/// <param name="IsQuiesced">Whether the guest's file systems were quiet.</param>
/// <param name="Children">Those on top of it.</param>
public sealed record MachineSnapshot(ManagedReference Snapshot, string Name, string Description, long Number, DateTimeOffset? CreatedAt, bool IsQuiesced, IReadOnlyList<MachineSnapshot> Children)
{
    /// <summary>This one and all on top of it.</summary>
    public IEnumerable<MachineSnapshot> All()
    {
        var open = new Stack<MachineSnapshot>([this]);
        while (open.TryPop(out var one))
        {
            yield return one;
            foreach (var child in one.Children.Reverse()) open.Push(child);
        }
    }

    /// <summary>Reads a <c>VirtualMachineSnapshotTree</c>. What is nested deeper than a reply may be has been refused before.</summary>
    internal static MachineSnapshot Of(VimElement element) => new(
        element.Require("snapshot").AsReference(),
        element.TextOf("name") ?? string.Empty,
        element.TextOf("description") ?? string.Empty,
        element.NumberOf("id") ?? 0,
        element.Find("createTime")?.AsTime(),
        element.FlagOf("quiesced") is true,
        [.. element.All("childSnapshotList").Select(Of)]);

    /// <summary>Reads a <c>VirtualMachineSnapshotInfo</c>.</summary>
    internal static IReadOnlyList<MachineSnapshot> RootsOf(VimElement? info) => info is null ? [] : [.. info.All("rootSnapshotList").Select(Of)];
}
