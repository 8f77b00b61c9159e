namespace Sealift.Scsi;

/// <summary>Where a logical unit is, and how it is reached; as often as one likes.</summary>
public sealed class ScsiPlace
{
    private readonly Func<CancellationToken, Task<IScsiTransport>> connect;
    private long begun;
    private long ended;
    private long flushed;

    /// <summary>A place that is reached by whatever carries commands there.</summary>
    /// <param name="name">What errors, records and the seal call it.</param>
    /// <param name="target">What lies behind one and the same copy manager, for sure: the target's name. Null where nobody knows.</param>
    /// <param name="options">Deadlines.</param>
    /// <param name="connect">Connects to it once more.</param>
    public ScsiPlace(string name, string? target, IscsiOptions options, Func<CancellationToken, Task<IScsiTransport>> connect)
    {
        Name = name;
        Target = target;
        Options = options;
        this.connect = connect;
    }

    /// <summary>What it is called: a URI without secrets.</summary>
    public string Name { get; }

    /// <summary>What lies behind one copy manager for sure; null where nobody knows.</summary>
    public string? Target { get; }

    /// <summary>How it is reached.</summary>
    public IscsiOptions Options { get; }

    /// <summary>A logical unit over iSCSI.</summary>
    /// <param name="uri">Where it is.</param>
    /// <param name="options">Names, passwords and deadlines.</param>
    public static ScsiPlace Of(IscsiUri uri, IscsiOptions options)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(options);
        return new(uri.ToString(), uri.Target, options, async cancel => await IscsiSession.ConnectAsync(uri, options, cancel));
    }

    /// <summary>The logical unit that a block device of this host is. Its path is its name.</summary>
    /// <param name="path">The device.</param>
    /// <param name="options">Deadlines.</param>
    /// <param name="whyNot">What it is instead, in words that follow "the source"; empty where it is a unit.</param>
    /// <returns>Null where it is no unit, or one that cannot be told from others by its address alone: partitions, and what the kernel makes of devices.</returns>
    /// <exception cref="Posix.PosixException">It is not there, or may not be looked at.</exception>
    public static ScsiPlace? OfDevice(string path, IscsiOptions options, out string whyNot)
    {
        ArgumentNullException.ThrowIfNull(options);
        (var device, whyNot) = HostDevice.Of(path);
        return device is null ? null : new(path, $"SCSI target {device.Target} of this host", options, _ => Task.FromResult<IScsiTransport>(SgDevice.Open(device)));
    }

    /// <summary>Whether the unit's cache may hold writes of ours, from whichever session, that were not flushed since.</summary>
    internal bool IsDirty => Interlocked.Read(ref begun) != Interlocked.Read(ref flushed);

    /// <summary>Connects to it.</summary>
    internal Task<IScsiTransport> ConnectAsync(CancellationToken cancel) => connect(cancel);

    /// <summary>A write begins.</summary>
    internal void WriteBegins() => Interlocked.Increment(ref begun);

    /// <summary>A write ended, in whatever way.</summary>
    internal void WriteEnded() => Interlocked.Increment(ref ended);

    /// <summary>Where a flush begins; what it gives back is told when it was carried out.</summary>
    internal long FlushBegins() => Interlocked.Read(ref ended);

    /// <summary>A flush was carried out: as many writes as had ended before it are on the medium. One that was under way may not be.</summary>
    internal void Flushed(long mark) => Interlocked.Exchange(ref flushed, mark);
}
