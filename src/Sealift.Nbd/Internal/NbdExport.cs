namespace Sealift.Nbd;

/// <summary>What was agreed with the server about one export.</summary>
internal sealed record NbdExport
{
    // "If block size constraints have not been advertised … 1 byte minimum, 4096 preferred, 32 MiB maximum" (proto.md).
    private const uint DefaultMaximumBytes = 32 << 20;

    public required long LengthBytes { get; init; }

    public required NbdExportFlags Flags { get; init; }

    public int MinimumBlockBytes { get; init; } = 1;

    public int PreferredBlockBytes { get; init; } = 4096;

    public int MaximumBlockBytes { get; init; } = (int)DefaultMaximumBytes;

    /// <summary>Whether reads and block status arrive in chunks.</summary>
    public bool HasStructuredReplies { get; init; }

    /// <summary>Names and ids of the metadata contexts, in the order of the server.</summary>
    public IReadOnlyList<(string Name, uint Id)> Contexts { get; init; } = [];

    public bool Has(NbdExportFlags flag) => (Flags & flag) != 0;

    /// <summary>Takes the server's block sizes; null when they are fine, else what is wrong with them.</summary>
    public static string? CheckBlockSizes(uint minimum, uint preferred, uint maximum)
    {
        if (!uint.IsPow2(minimum) || minimum > 65536) return $"a minimum block of {minimum} bytes (a power of two up to 65536 is allowed)";
        if (!uint.IsPow2(preferred) || preferred < minimum || preferred > 1 << 30) return $"a preferred block of {preferred} bytes with a minimum of {minimum}";
        if (maximum < minimum || (maximum != uint.MaxValue && maximum % minimum != 0)) return $"a maximum block of {maximum} bytes with a minimum of {minimum}";
        return null;
    }

    // The server may allow 4 GiB at a time; nobody gains from more than the customary limit, and deadlines stay meaningful.
    public NbdExport WithBlockSizes(uint minimum, uint preferred, uint maximum) => this with
    {
        MinimumBlockBytes = (int)minimum,
        PreferredBlockBytes = (int)preferred,
        MaximumBlockBytes = (int)Math.Min(maximum, DefaultMaximumBytes),
    };
}
