namespace Sealift.Disks;

/// <summary>
/// A provider whose storage cannot write into a file that is there: it makes one of its own, of the whole disk, and that becomes the
/// target before anybody here has it open. From then on it is a provider like any other, which says of each range that it is there.
/// </summary>
/// <remarks>
/// What is made somewhere else may go on being made when nobody listens any more. So a file becomes the target only where its maker was
/// seen to have ended, and each attempt makes one of another name: a maker that was lost never has the target open.
/// </remarks>
public interface IFileMaker : ITransferProvider
{
    /// <summary>Decides on what will be made. Nothing is.</summary>
    MadeFile Plan(TransferEnds ends);

    /// <summary>Makes it.</summary>
    /// <param name="ends">The two places.</param>
    /// <param name="file">What was decided, and is written down by now.</param>
    /// <param name="progress">Told how many bytes of the disk it says are copied.</param>
    /// <param name="cancel">Ends it, and what works there.</param>
    /// <returns>What the storage said where it did not make it; null where it has, and nobody writes to it any more.</returns>
    /// <exception cref="Posix.SealiftException">It failed here, in a way in which another copy would have failed too.</exception>
    Task<string?> MakeAsync(TransferEnds ends, MadeFile file, IProgress<long>? progress, CancellationToken cancel);

    /// <summary>Sees that nobody works on it any more, and removes there what is left of it.</summary>
    /// <param name="file">What was decided, by this or by an earlier process.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Why it cannot be said that nothing is left, in plain words; null where nothing is.</returns>
    Task<string?> EndAsync(MadeFile file, CancellationToken cancel);
}

/// <summary>A file that storage makes, and what lies beside it meanwhile.</summary>
/// <param name="Provider">The provider's name.</param>
/// <param name="Host">Who makes it, as the provider was told.</param>
/// <param name="Path">Where it appears here.</param>
/// <param name="There">What its maker calls the place: what all of these names begin with there.</param>
/// <param name="Beside">What appears beside it.</param>
public sealed record MadeFile(string Provider, string Host, string Path, string There, IReadOnlyList<string> Beside)
{
    /// <summary>What the names of all that is made begin with.</summary>
    public const string Prefix = "sealift-";

    /// <summary>All that may appear here.</summary>
    public IEnumerable<string> All => [Path, .. Beside];
}

/// <summary>Who writes down what storage makes, so that after a crash it is known.</summary>
public interface IMadeFileKeeper
{
    /// <summary>Writes it down, durably, before anything is made.</summary>
    void Planned(MadeFile file);

    /// <summary>Makes the file the target: renames it, and writes down that it is.</summary>
    void Adopt(MadeFile file);

    /// <summary>Nothing of it is left at its maker's: removes here what may be left of it, and forgets it. What was adopted stays.</summary>
    void Gone(MadeFile file);
}
