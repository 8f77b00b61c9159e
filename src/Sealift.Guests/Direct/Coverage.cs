using Sealift.Guests.Checks;

namespace Sealift.Guests.Direct;

/// <summary>What each type of content is checked by; docs/checks.md has the same as a table, and a test compares them.</summary>
/// <param name="Type">As blkid(8) names it.</param>
/// <param name="Direct">The checker on this host; empty where there is none.</param>
/// <param name="Appliance">The checker in the appliance; empty where there is none.</param>
internal sealed record Coverage(string Type, string Direct, string Appliance)
{
    /// <summary>Every type of content that is told apart, and partition tables.</summary>
    public static IReadOnlyList<Coverage> All { get; } =
    [
        new("gpt", "sealift", new PartitionTableCheck().Tool),
        new("dos", "sealift", new PartitionTableCheck().Tool),
        .. ContentProbe.Types.Select(Of),
    ];

    private static Coverage Of(string type)
    {
        var check = GuestExamination.Checks.FirstOrDefault(c => c.Types.Contains(type));
        var own = DirectExamination.OwnTypes.Contains(type) ? "sealift" : DirectExamination.HeaderOnlyTypes.Contains(type) ? "header only" : string.Empty;
        return new Coverage(type, own.Length > 0 ? own : check is { IsDirect: true } ? check.Tool : string.Empty, check?.Tool ?? string.Empty);
    }
}
