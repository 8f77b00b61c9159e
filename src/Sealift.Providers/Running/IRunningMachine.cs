using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// A machine that runs, reached through whatever runs it. Points in time of its disks are taken, and what changes after them is recorded
/// there; nothing is ever written to a disk's content. Whatever is made there has a name that begins with
/// <see cref="RunningSource.Prefix"/>, and what is made to follow a migration begins with that migration's.
/// </summary>
public interface IRunningMachine : IAsyncDisposable
{
    /// <summary>What it is called in errors and reports.</summary>
    string Name { get; }

    /// <summary>The machine as far as its hypervisor tells. What it does not tell is given.</summary>
    Task<SourceMachine> DescribeAsync(MachineOverrides given, CancellationToken cancel);

    /// <summary>The disks that can be written to, as they are now.</summary>
    Task<IReadOnlyList<RunningDisk>> DisksAsync(CancellationToken cancel);

    /// <summary>Whether its guest executes nothing: it is off, or stopped.</summary>
    Task<bool> IsStoppedAsync(CancellationToken cancel);

    /// <summary>Whether it is off, and not only stopped, and stays so until somebody starts it: then one pass is all it takes.</summary>
    Task<bool> IsOffAsync(CancellationToken cancel) => Task.FromResult(false);

    /// <summary>The directory for what the guest overwrites during a point in time; it is on the machine's host.</summary>
    /// <param name="planned">The one that the plan names; null where it names none.</param>
    /// <param name="own">One of the migration's own, on this host.</param>
    string ScratchDirectory(string? planned, string own);

    /// <summary>What is filled by what its guest overwrites, for people.</summary>
    string RoomOf(string directory) => directory;

    /// <summary>So many bytes stay free there at least.</summary>
    long ReserveBytes => ScratchWatch.ReserveBytes;

    /// <summary>Free bytes there.</summary>
    ValueTask<long> FreeBytesAsync(string directory, CancellationToken cancel);

    /// <summary>Has changes of the disks kept track of, where that has to be switched on.</summary>
    /// <param name="owner">What the names of everything begin with that is made for it.</param>
    /// <param name="cancel">Stops it.</param>
    Task BeginTrackingAsync(string owner, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>
    /// Takes a point in time of all disks at once, shows each over NBD with what changed since earlier ones, and begins to record what
    /// changes from now on.
    /// </summary>
    /// <param name="owner">What the names of everything that is made begin with.</param>
    /// <param name="bitmap">The new bitmap on every disk that can have one; null to record nothing.</param>
    /// <param name="disks">The disks.</param>
    /// <param name="scratchDirectory">As of <see cref="ScratchDirectory"/>.</param>
    /// <param name="socketDirectory">An existing directory of this host with a short path, for sockets.</param>
    /// <param name="cancel">Stops it; nothing of it stays.</param>
    Task<PointInTime> FreezeAsync(string owner, string? bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel);

    /// <summary>
    /// Shows the disks of a machine that is off or stopped, as they are. From now on <paramref name="bitmap"/> tells whether anybody
    /// wrote to them; it may be there from an earlier run.
    /// </summary>
    /// <inheritdoc cref="FreezeAsync"/>
    Task<PointInTime> ShowStoppedAsync(string owner, string bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel);

    /// <summary>Shows once more what <see cref="ShowStoppedAsync"/> has shown, of the same instant.</summary>
    /// <inheritdoc cref="ShowStoppedAsync"/>
    Task<PointInTime> ShowAgainAsync(string owner, string bitmap, IReadOnlyList<FrozenDisk> disks, string scratchDirectory, string socketDirectory, CancellationToken cancel) =>
        ShowStoppedAsync(owner, bitmap, disks, scratchDirectory, socketDirectory, cancel);

    /// <summary>Removes bitmaps of ours whose changes have been copied, from every disk that has them.</summary>
    /// <param name="names">Each of ours; one that is gone already is no error.</param>
    /// <param name="cancel">Stops it.</param>
    Task ForgetAsync(IReadOnlyCollection<string> names, CancellationToken cancel);

    /// <summary>
    /// Asks the guest to shut down and waits until its hypervisor says that it did. What was written last can be read afterwards, with
    /// what bitmaps know.
    /// </summary>
    /// <param name="deadline">How long the guest may take.</param>
    /// <param name="force">Whether a guest that does not is stopped where it is: like a power cut.</param>
    /// <param name="cancel">Stops waiting; the guest may shut down all the same.</param>
    /// <returns>Whether it had to be stopped by force.</returns>
    /// <exception cref="SealiftException">SL6402: it did not shut down.</exception>
    Task<bool> ShutDownAsync(TimeSpan deadline, bool force, CancellationToken cancel);

    /// <summary>What has happened to the machine since a bitmap began, which was begun with it off or stopped; null: it still is, and nobody has written to its disks.</summary>
    /// <param name="bitmap">The bitmap.</param>
    /// <param name="since">When it began, by this host's clock: for those who have a log.</param>
    /// <param name="cancel">Stops it.</param>
    Task<string?> StirredAsync(string bitmap, DateTimeOffset since, CancellationToken cancel);

    /// <summary>Starts the guest again after <see cref="ShutDownAsync"/>.</summary>
    Task StartAgainAsync(CancellationToken cancel);

    /// <summary>Leaves the machine, whose guest is off, as off as its hypervisor knows it.</summary>
    /// <exception cref="SealiftException">SL6403: the guest runs.</exception>
    Task QuitAsync(CancellationToken cancel);

    /// <summary>Everything of ours there whose name begins so, each as <c>KIND NAME</c>, in order.</summary>
    Task<IReadOnlyList<string>> LeftoversAsync(string prefix, CancellationToken cancel);

    /// <summary>Removes what <see cref="LeftoversAsync"/> finds; bitmaps only where they are not to be kept.</summary>
    /// <param name="prefix">As there; it begins with <see cref="RunningSource.Prefix"/>.</param>
    /// <param name="keepBitmaps">Whether bitmaps stay, so that a migration can go on.</param>
    /// <param name="cancel">Stops it.</param>
    Task RemoveAsync(string prefix, bool keepBitmaps, CancellationToken cancel);

    /// <summary>Removes the files of a point in time whose job went without them: whoever took it was killed, and its hypervisor or its host as well.</summary>
    /// <param name="directory">As of <see cref="ScratchDirectory"/>.</param>
    /// <param name="owner">As of <see cref="FreezeAsync"/>; nothing of it is being shown.</param>
    /// <param name="cancel">Stops it.</param>
    Task RemoveScratchAsync(string directory, string owner, CancellationToken cancel);
}
