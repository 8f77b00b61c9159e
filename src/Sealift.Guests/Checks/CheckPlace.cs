namespace Sealift.Guests.Checks;

/// <summary>
/// Where a checker runs: in the appliance on a device of its kernel, or here on a view of the partition. Which command is run and how
/// its words are judged is the same.
/// </summary>
internal abstract class CheckPlace
{
    /// <summary>Whether a kernel that may be given hostile file systems can mount the volume and so replay its journal.</summary>
    public abstract bool HasKernel { get; }

    /// <summary>What the place is, where a program is missing in it.</summary>
    public abstract string Name { get; }

    /// <summary>What a program has to be told to open.</summary>
    public abstract string PathOf(BlockDevice device);

    /// <summary>Runs a program to its end, whatever that is. In its output the volume is always <c>/dev/…</c>.</summary>
    /// <param name="step">What an error calls this step.</param>
    /// <param name="program">Its name.</param>
    /// <param name="arguments">Constant text and <see cref="PathOf"/>.</param>
    /// <param name="cancel">Stops it.</param>
    public abstract Task<ShellResult> RunAsync(string step, string program, IReadOnlyList<string> arguments, CancellationToken cancel);

    /// <summary>Mounts and unmounts the device, which replays its journal; says what the kernel said where that fails. Only where there is a kernel for it.</summary>
    public abstract Task<ShellResult> ReplayByMountAsync(BlockDevice device, string type, string mountOptions, CancellationToken cancel);

    /// <summary>From here on the volume can be written to, into a layer that is thrown away.</summary>
    public abstract Task MakeWritableAsync(BlockDevice device, CancellationToken cancel);
}
