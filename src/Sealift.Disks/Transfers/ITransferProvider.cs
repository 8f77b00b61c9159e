namespace Sealift.Disks;

/// <summary>A way in which storage copies a disk by itself, so that its bytes never pass through this program. docs/offload.md says how one is added.</summary>
/// <remarks>
/// What a provider says it did is a claim: both sides are read and hashed afterwards, whoever it is. So it need not look at what it did,
/// and must not say that it did what it did not.
/// </remarks>
public interface ITransferProvider
{
    /// <summary>What users call it: <c>reflink</c>. In lower case, with hyphens.</summary>
    string Name { get; }

    /// <summary>Whether it can copy from one place to the other. Nothing is changed by the question.</summary>
    /// <param name="ends">The two places; both exist.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="Posix.SealiftException">It cannot be found out: a place cannot be opened.</exception>
    ValueTask<TransferFitness> LookAsync(TransferEnds ends, CancellationToken cancel);

    /// <summary>Begins to copy between two places for which <see cref="LookAsync"/> gave no reason against it.</summary>
    /// <param name="ends">The two places.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="Posix.SealiftException">A place cannot be opened.</exception>
    ValueTask<ITransfer> OpenAsync(TransferEnds ends, CancellationToken cancel);
}

/// <summary>One disk that storage copies by itself. It is asked for one range after the other, in order, and never for what the source's allocation map calls a hole.</summary>
/// <remarks>Disposing of it ends it and may throw: what closing the target reports is a report of lost data.</remarks>
public interface ITransfer : IAsyncDisposable
{
    /// <summary>The most bytes that it is asked for at once. <see cref="long.MaxValue"/>: as many as lie behind each other.</summary>
    long RangeBytes { get; }

    /// <summary>By what means it copies, where there are several, and why by no better one; null where there is one. It may change with what the storage says.</summary>
    string? How => null;

    /// <summary>Copies a range to the same place of the target. Whoever asked flushes the target afterwards.</summary>
    /// <param name="range">It begins with a block of the map, and ends with one or with the disk.</param>
    /// <param name="progress">Told how many bytes of the range are copied for sure, from its start on.</param>
    /// <param name="cancel">Stops it as soon as it can be stopped.</param>
    /// <returns>
    /// What the storage said where it did not copy all of the range: then only what the progress was told of counts, and no other range is
    /// asked for. Null: it says that it copied all of it.
    /// </returns>
    /// <exception cref="Posix.SealiftException">It failed, in a way in which another copy would have failed too: no space, an error of the device.</exception>
    ValueTask<string?> CopyAsync(DiskRange range, IProgress<long>? progress, CancellationToken cancel);
}

/// <summary>Whether a provider can copy between two places.</summary>
/// <param name="WhyNot">Why it cannot, in plain words that begin in lower case; null where it can.</param>
/// <param name="WhyNotUnasked">Why it should not be chosen by itself though it could; null where it may.</param>
public sealed record TransferFitness(string? WhyNot, string? WhyNotUnasked)
{
    /// <summary>It can.</summary>
    public static TransferFitness Fits { get; } = new(null, null);

    /// <summary>It cannot.</summary>
    public static TransferFitness Cannot(string why) => new(why, null);

    /// <summary>It can, and would be no better than a copy of our own.</summary>
    public static TransferFitness OnlyIfAsked(string why) => new(null, why);
}
