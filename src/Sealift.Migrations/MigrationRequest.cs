using Sealift.Disks;
using Sealift.Guests.Luks;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>The plan of one migration: everything that the user decided. It is stored in the journal, so a resume needs nothing else.</summary>
public sealed record MigrationRequest
{
    /// <summary>Absolute paths: one OVA or OVF, a directory that holds one OVF, or the disk images of one machine in order. Or one running machine: <c>qmp:</c> and the path of its QMP socket.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>
    /// The directory that receives the machine, as an absolute path. It is made where it does not exist. Where libvirt receives it, that is
    /// its pool's, which is found when the migration starts: empty before.
    /// </summary>
    public required string TargetDirectory { get; init; }

    /// <summary>What else receives the machine.</summary>
    public MachineTarget Target { get; init => field = value ?? MachineTarget.Directory; } = MachineTarget.Directory; // null is what JSON without it gives

    /// <summary>The format of the target's disks: raw or qcow2.</summary>
    public ImageFormat Format { get; init; } = ImageFormat.Raw;

    /// <summary>The format of disk images given by path; null to detect it from content.</summary>
    public ImageFormat? SourceFormat { get; init; }

    /// <summary>Whether existing files of the same names are replaced, after everything else was proven.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Whether the guest is made fit for KVM by virt-v2v.</summary>
    public bool Convert { get; init; } = true;

    /// <summary>Whether file systems are checked before and after. Without it a migration is at most <see cref="Verdict.Degraded"/>.</summary>
    public bool Check { get; init; } = true;

    /// <summary>The directory below which images may name backing and extent files; null for none.</summary>
    public string? AllowBackingDirectory { get; init; }

    /// <summary>Inherited findings that do not stop the migration, each with its reason.</summary>
    public IReadOnlyList<Waiver> Waivers { get; init; } = [];

    /// <summary>Where the keys of encrypted volumes come from; never the keys themselves.</summary>
    public IReadOnlyList<VolumeKeySource> LuksKeys { get; init => field = value ?? []; } = []; // null is what JSON without it gives

    /// <summary>Whether a machine with verdict <see cref="Verdict.Degraded"/> is handed over.</summary>
    public bool AcceptDegraded { get; init; }

    /// <summary>Whether the new machine's boot is proven before it is handed over.</summary>
    public BootCheck BootCheck { get; init; } = BootCheck.Auto;

    /// <summary>How long a sign of life is waited for; null for 5 minutes, and 15 where the machine is emulated.</summary>
    public TimeSpan? BootDeadline { get; init; }

    /// <summary>What the user knows better than the source about the machine.</summary>
    public MachineOverrides Overrides { get; init; } = new();

    /// <summary>The hash: <c>sha256</c>, <c>sha512</c>, <c>sha1</c> or <c>md5</c>.</summary>
    public string Algorithm { get; init; } = "sha256";

    /// <summary>The length of a hashed block in bytes: a power of two.</summary>
    public int BlockBytes { get; init; } = 64 * 1024;

    /// <summary>The most bytes per second that are read from the source; null: as fast as it can be.</summary>
    public long? BandwidthBytesPerSecond { get; init; }

    /// <summary>Chunks worked on at once; null for the default (<see cref="CopyOptions.Workers"/>).</summary>
    public int? QueueDepth { get; init; }

    /// <summary>Bytes in one request; null for the default (<see cref="CopyOptions.RequestBytes"/>).</summary>
    public int? RequestBytes { get; init; }

    /// <summary>After so many bytes of a disk its copy can be resumed; null for the default (<see cref="CopyOptions.CheckpointBytes"/>).</summary>
    public long? CheckpointBytes { get; init; }

    /// <summary>Who copies the disks of a machine that is off.</summary>
    public TransferPlan Transfer { get; init => field = value ?? TransferPlan.Default; } = TransferPlan.Default; // null is what JSON without it gives

    /// <summary>How a running machine is followed; null where the source does not run.</summary>
    public WarmPlan? Warm { get; init; }
}

/// <summary>Permission to go on in spite of one class of damage that was there before, on one file system. Nothing waives a whole checker.</summary>
/// <param name="Class">As in <see cref="Guests.Finding.Class"/>.</param>
/// <param name="Filesystem">As in <see cref="Guests.Finding.Filesystem"/>.</param>
/// <param name="Reason">Why; it is written in the seal.</param>
public sealed record Waiver(string Class, string Filesystem, string Reason)
{
    /// <summary>Reads <c>CLASS:FILESYSTEM=REASON</c>.</summary>
    /// <exception cref="Posix.SealiftException">SL7020: a part is missing.</exception>
    public static Waiver Parse(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var colon = equals < 0 ? -1 : text.IndexOf(':', 0, equals);
        if (colon <= 0 || colon + 1 >= equals || string.IsNullOrWhiteSpace(text[(equals + 1)..])) throw MigrationErrors.BadWaiver(text);
        return new Waiver(text[..colon].Trim(), text[(colon + 1)..equals].Trim(), text[(equals + 1)..].Trim());
    }
}
