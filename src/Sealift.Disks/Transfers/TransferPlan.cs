namespace Sealift.Disks;

/// <summary>Who is to copy a disk.</summary>
/// <param name="Name"><see cref="Auto"/>, <see cref="Stream"/>, or the name of a provider.</param>
/// <param name="MayFallBack">Whether what storage declines in the middle, or did wrongly, is copied by <see cref="Stream"/> instead. Otherwise the copy fails.</param>
public sealed record TransferPlan(string Name, bool MayFallBack = true)
{
    /// <summary>The fastest that can, and is no less safe than <see cref="Stream"/>.</summary>
    public const string Auto = "auto";

    /// <summary>The copy engine: every byte is read, hashed and written by this program. Always possible.</summary>
    public const string Stream = "stream";

    /// <summary>The ESXi host that may copy; null where none was named.</summary>
    public EsxiHost? Esxi { get; init; }

    /// <summary>The default.</summary>
    public static TransferPlan Default { get; } = new(Auto);

    /// <summary>All providers, the fastest first. A new one is added here, and to the conformance suite: docs/offload.md.</summary>
    public static IReadOnlyList<ITransferProvider> Providers { get; } = [new ReflinkTransfer(), new CopyRangeTransfer(), new XcopyTransfer(), new EsxiCloneTransfer()];

    /// <summary>What can be asked for.</summary>
    public static IReadOnlyList<string> Names { get; } = [Auto, Stream, .. Providers.Select(p => p.Name)];
}
