using System.Text.Json.Serialization;
using Sealift.Disks;
using Sealift.Migrations;

namespace Sealift.Plans.Documents;

/// <summary>A window of work: which machines go where, how, in what order, and within which limits.</summary>
public sealed record PlanDocument : Document
{
    /// <inheritdoc/>
    public override string Kind => DocumentKind.Plan;

    /// <summary>What is planned.</summary>
    [JsonPropertyOrder(2)]
    public required PlanSpec Spec { get; init; }
}

/// <summary>What a plan says. Fields that mean the same as in Forklift's Plan have its names.</summary>
public sealed record PlanSpec
{
    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>Where the machines are and where they go.</summary>
    public required PlanProviders Provider { get; init; }

    /// <summary>What storage and networks are at the target.</summary>
    public PlanMaps Map { get; init; } = new();

    /// <summary>The machines, 1 to 10,000; each once.</summary>
    public required IReadOnlyList<PlannedMachine> Vms { get; init; }

    /// <summary>Whether machines are off, or followed while they run.</summary>
    public PlanType Type { get; init; } = PlanType.Cold;

    /// <summary>How running machines are followed; with <see cref="PlanType.Warm"/> only.</summary>
    public PrecopySpec? Precopy { get; init; }

    /// <summary>The name of a machine at the target, made of text and <c>{{.VmName}}</c>, <c>{{.PlanName}}</c>; null for <c>{{.VmName}}</c>.</summary>
    public string? TargetNameTemplate { get; init; }

    /// <summary>Whether a machine runs after it was handed over.</summary>
    public TargetPowerState TargetPowerState { get; init; } = TargetPowerState.Auto;

    /// <summary>Whether a machine is started with its host; for a libvirt target.</summary>
    public bool Autostart { get; init; }

    /// <summary>Whether guests are left as they are: no drivers are put in.</summary>
    public bool SkipGuestConversion { get; init; }

    /// <summary>Whether file systems are checked before and after. Without, no verdict is better than degraded.</summary>
    public bool Check { get; init; } = true;

    /// <summary>Whether machines with verdict degraded are handed over.</summary>
    public bool AcceptDegraded { get; init; }

    /// <summary>Whether existing files of the same names are replaced, after everything else was proven.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Damage that was there before and does not stop a machine.</summary>
    public IReadOnlyList<Waiver> Waivers { get; init; } = [];

    /// <summary>Where the keys of encrypted volumes are, for every machine.</summary>
    public IReadOnlyList<PlannedKey> LuksKeys { get; init; } = [];

    /// <summary>Whether the boot is proven.</summary>
    public BootCheck BootCheck { get; init; } = BootCheck.Auto;

    /// <summary>Hooks of every machine, before its own.</summary>
    public IReadOnlyList<HookUse> Hooks { get; init; } = [];

    /// <summary>What a machine that fails means for the waves after its own.</summary>
    public WavePolicy WavePolicy { get; init; } = WavePolicy.Continue;

    /// <summary>How much is done at once.</summary>
    public PlanLimits Limits { get; init; } = new();

    /// <summary>How long things may take.</summary>
    public PlanDeadlines Deadlines { get; init; } = new();

    /// <summary>When machines may be begun (cold) or cut over (warm); empty for always.</summary>
    public IReadOnlyList<MaintenanceWindow> MaintenanceWindows { get; init; } = [];

    /// <summary>Whether a machine of it is off, or followed while it runs.</summary>
    /// <param name="machine">One of <see cref="Vms"/>.</param>
    internal PlanType TypeOf(PlannedMachine machine) => machine.Type ?? Type;
}

/// <summary>Where the machines of a plan are, and where they go.</summary>
public sealed record PlanProviders
{
    /// <summary>The source.</summary>
    public required DocumentReference Source { get; init; }

    /// <summary>The target.</summary>
    public required DocumentReference Destination { get; init; }
}

/// <summary>The maps of a plan.</summary>
public sealed record PlanMaps
{
    /// <summary>Its storage map; null where all goes to one place.</summary>
    public DocumentReference? Storage { get; init; }

    /// <summary>Its network map; null where no network is joined.</summary>
    public DocumentReference? Network { get; init; }
}

/// <summary>One machine of a plan.</summary>
public sealed record PlannedMachine
{
    /// <summary>What it is called at the source: an inventory path or name, a domain, or a file; unique within the plan.</summary>
    public required string Name { get; init; }

    /// <summary>What names it for good at the source, such as an instance UUID; null where the name does.</summary>
    public string? Id { get; init; }

    /// <summary>Its name at the target; null for the plan's template.</summary>
    public string? TargetName { get; init; }

    /// <summary>Whether it runs after it was handed over; null as the plan says.</summary>
    public TargetPowerState? TargetPowerState { get; init; }

    /// <summary>Cold or warm; null as the plan says.</summary>
    public PlanType? Type { get; init; }

    /// <summary>Its wave, 1 to 1,000: begun when all of the lower ones are over.</summary>
    public int Wave { get; init; } = 1;

    /// <summary>Its hooks, after those of the plan.</summary>
    public IReadOnlyList<HookUse> Hooks { get; init; } = [];

    /// <summary>Damage of its own that was there before and does not stop it.</summary>
    public IReadOnlyList<Waiver> Waivers { get; init; } = [];

    /// <summary>Where the keys of its encrypted volumes are, before those of the plan.</summary>
    public IReadOnlyList<PlannedKey> LuksKeys { get; init; } = [];
}

/// <summary>Where the key of an encrypted volume is, on the host that carries the plan out. Never the key.</summary>
public sealed record PlannedKey
{
    /// <summary>The UUID of the LUKS volume, or <c>all</c>.</summary>
    public required string Volume { get; init; }

    /// <summary>The absolute path of a file whose first line is the passphrase, and which only root, or the user that carries the plan out, may read.</summary>
    public required string File { get; init; }
}

/// <summary>A hook, and when it runs.</summary>
public sealed record HookUse
{
    /// <summary>Which.</summary>
    public required DocumentReference Hook { get; init; }

    /// <summary>When.</summary>
    public required HookStep Step { get; init; }
}

/// <summary>When a hook runs. Forklift's words.</summary>
public enum HookStep
{
    /// <summary>Before the machine is migrated.</summary>
    PreHook,

    /// <summary>After it was handed over.</summary>
    PostHook,
}

/// <summary>How machines are migrated.</summary>
public enum PlanType
{
    /// <summary>They are off.</summary>
    Cold,

    /// <summary>They are followed while they run, and shut down at the cutover.</summary>
    Warm,
}

/// <summary>Whether a machine runs after it was handed over. Forklift's words.</summary>
public enum TargetPowerState
{
    /// <summary>As it was at the source when it was first looked at.</summary>
    Auto,

    /// <summary>It runs.</summary>
    On,

    /// <summary>It is off.</summary>
    Off,
}

/// <summary>What a failed machine means for later waves.</summary>
public enum WavePolicy
{
    /// <summary>The next wave begins all the same.</summary>
    Continue,

    /// <summary>No later wave begins until somebody says so.</summary>
    Stop,
}

/// <summary>How running machines are followed; as <see cref="WarmPlan"/>. Times such as <c>90s</c>, <c>10m</c>, <c>2h</c>.</summary>
public sealed record PrecopySpec
{
    /// <summary>Time from the end of a pass to the next; null for 60 minutes.</summary>
    public TimeSpan? Interval { get; init; }

    /// <summary>How long a machine may be off; it is cut over by itself once that is enough. Null: when it is asked for.</summary>
    public TimeSpan? Downtime { get; init; }

    /// <summary>When all are cut over; null when asked for.</summary>
    public DateTimeOffset? Cutover { get; init; }

    /// <summary>How much of what is called unchanged is compared at the cutover.</summary>
    public AuditScope Audit { get; init; } = AuditScope.Full;

    /// <summary>How much of the target is read back when the machine is off; null as <see cref="WarmPlan.ReadBack"/>.</summary>
    public ReadBackScope? ReadBack { get; init; }

    /// <summary>How long a guest may take to shut down; null for 5 minutes.</summary>
    public TimeSpan? ShutdownDeadline { get; init; }

    /// <summary>Whether a guest that does not shut down is stopped as by a power cut.</summary>
    public bool ForceOff { get; init; }

    /// <summary>Whether the source is started again where the migration fails after its shutdown.</summary>
    public bool RestartSource { get; init; }
}

/// <summary>How much is done at once.</summary>
public sealed record PlanLimits
{
    /// <summary>Machines at once, 1 to 1,000.</summary>
    public int Machines { get; init; } = 4;

    /// <summary>Machines of one host of the source at once; null for as many as <see cref="Machines"/>.</summary>
    public int? MachinesPerHost { get; init; }

    /// <summary>Bytes per second that all machines together may read; null for as many as there are. Such as <c>200M</c>.</summary>
    public long? Bandwidth { get; init; }
}

/// <summary>How long things may take. Times such as <c>90s</c>, <c>10m</c>, <c>2h</c>.</summary>
public sealed record PlanDeadlines
{
    /// <summary>A machine, from its first step to its verdict, the time in which it is followed or waits for a window not counted; null for no end.</summary>
    public TimeSpan? Machine { get; init; }

    /// <summary>Without any sign of progress a machine is called stuck after this.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromMinutes(15);
}

/// <summary>When work may be done.</summary>
public sealed record MaintenanceWindow
{
    /// <summary>From when.</summary>
    public required DateTimeOffset Start { get; init; }

    /// <summary>Until when no more is begun; what was begun is finished.</summary>
    public required DateTimeOffset End { get; init; }

    /// <summary>Whether something may be begun at an instant.</summary>
    public bool Contains(DateTimeOffset at) => Start <= at && at < End;
}
