namespace Sealift.Guests.Ntfs;

/// <summary>The security ids that $Secure knows. Where that cannot be read, every id counts as known.</summary>
internal sealed class SecurityIds
{
    /// <summary>Windows systems have some thousands. More than this are not kept, and then every id counts as known.</summary>
    public const int MaximumIds = 1 << 18;

    private readonly HashSet<uint> ids = [];

    /// <summary>Whether the ids are all there, so that one that is not among them is wrong.</summary>
    public bool IsComplete { get; set; }

    /// <summary>Adds one.</summary>
    public void Add(uint id)
    {
        if (ids.Count < MaximumIds) ids.Add(id);
        else IsComplete = false;
    }

    /// <summary>Whether it is known, or might be.</summary>
    public bool Contains(uint id) => !IsComplete || ids.Contains(id);
}
