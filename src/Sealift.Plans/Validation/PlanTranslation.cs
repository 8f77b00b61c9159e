using Sealift.Disks;
using Sealift.Guests.Luks;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Plans.Validation;

/// <summary>A machine of a plan as the migration that a command of its own would start.</summary>
public static class PlanTranslation
{
    /// <summary>The migration of a machine.</summary>
    /// <param name="documents">The plan and all that it names.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="bandwidth">Its share of what the plan may read, in bytes per second; null for as fast as it can be.</param>
    /// <exception cref="SealiftException">SL763x, SL764x: what <see cref="PlanValidation"/> says too, of the plan or of this machine.</exception>
    public static MigrationRequest RequestOf(PlanDocuments documents, PlannedMachine machine, long? bandwidth)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentNullException.ThrowIfNull(machine);
        var plan = documents.Plan;
        var (name, spec) = (plan.Metadata.Name, plan.Spec);
        var source = documents.Source ?? throw PlanProblems.Missing("spec.provider.source", DocumentKind.Provider, spec.Provider.Source.Name).AsError(name, machine.Name);
        var destination = documents.Destination ?? throw PlanProblems.Missing("spec.provider.destination", DocumentKind.Provider, spec.Provider.Destination.Name).AsError(name, machine.Name);
        if (spec.Map.Storage is { } storage && documents.Storage is null) throw PlanProblems.Missing("spec.map.storage", DocumentKind.StorageMap, storage.Name).AsError(name, machine.Name);
        if (spec.Map.Network is { } network && documents.Network is null) throw PlanProblems.Missing("spec.map.network", DocumentKind.NetworkMap, network.Name).AsError(name, machine.Name);
        if (SourceProblem(source, machine, "vms") is { } problem) throw problem.AsError(name, machine.Name);
        var place = DestinationOf(documents.Storage);
        var (directory, target) = TargetOf(destination, place, machine.TargetPowerState ?? spec.TargetPowerState, spec.Autostart, name, machine.Name);
        return new MigrationRequest
        {
            Sources = SourcesOf(source, machine),
            TargetDirectory = directory,
            Target = target,
            Format = place.Format == "qcow2" ? ImageFormat.Qcow2 : ImageFormat.Raw,
            Transfer = new TransferPlan(place.Transfer ?? TransferPlan.Auto),
            Overwrite = spec.Overwrite,
            Convert = !spec.SkipGuestConversion,
            Check = spec.Check,
            AcceptDegraded = spec.AcceptDegraded,
            Waivers = [.. spec.Waivers, .. machine.Waivers],
            LuksKeys = KeysOf(spec, machine),
            BootCheck = spec.BootCheck,
            BandwidthBytesPerSecond = bandwidth,
            Warm = WarmOf(source, spec.TypeOf(machine), spec.Precopy ?? new PrecopySpec()),
            Overrides = new MachineOverrides
            {
                Name = TargetNaming.Of(plan, machine, source.Type),
                NetworkMap = documents.Network is { } map ? NetworkMapOf(map) : null,
            },
        };
    }

    /// <summary>Where the keys of a machine are: one for each volume, its own before those of the plan.</summary>
    internal static IReadOnlyList<VolumeKeySource> KeysOf(PlanSpec spec, PlannedMachine machine) =>
        [.. machine.LuksKeys.Concat(spec.LuksKeys).Select(k => new VolumeKeySource(k.Volume.ToLowerInvariant(), k.File)).DistinctBy(k => k.Selector)];

    /// <summary>Whether machines of a provider can be followed while they run.</summary>
    internal static bool IsRunning(ProviderType type) => type is ProviderType.Vsphere or ProviderType.Libvirt;

    /// <summary>Whether machines go to libvirt of another host. An address that is none is told elsewhere.</summary>
    internal static bool IsFar(ProviderSpec destination) => destination.Type == ProviderType.Libvirt && LibvirtHost.IsFar(destination.Url);

    /// <summary>What is wrong with the name of a machine; null where nothing is.</summary>
    /// <param name="source">Its provider.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="field">The path of the machine in the plan.</param>
    internal static PlanProblem? SourceProblem(ProviderSpec source, PlannedMachine machine, string field)
    {
        if (machine.Name.Any(char.IsControl)) return PlanProblems.BadMachineName($"{field}.name", "…", "has control characters");
        if (machine.Id is { } id && (id.Any(char.IsControl) || id.Contains('/', StringComparison.Ordinal))) return PlanProblems.BadMachineName($"{field}.id", id, "has a slash or control characters");
        if (IsRunning(source.Type)) return null;
        if (machine.Id is not null) return PlanProblems.BadMachineName($"{field}.id", machine.Id, "is given, and files have none");
        // A plan must not reach out of the directory that its provider is.
        foreach (var file in FilesOf(source, machine))
            if (file.Length == 0 || Path.IsPathRooted(file) || file.Split('/').Any(p => p is "" or "." or "..")) return PlanProblems.BadMachineName($"{field}.name", file, "is no path within the provider's directory");
        return null;
    }

    /// <summary>The one place of a map that machines go to: that of <c>*</c>, or of the first pair. That all pairs agree is for validation to say.</summary>
    internal static StorageDestination DestinationOf(StorageMapSpec? map) =>
        map is null ? new StorageDestination() : (map.Map.FirstOrDefault(p => p.Source.Name == "*") ?? map.Map[0]).Destination;

    /// <summary>A network map as migrations take it.</summary>
    internal static SortedDictionary<string, string> NetworkMapOf(NetworkMapSpec map)
    {
        var networks = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in map.Map)
        {
            networks[pair.Source.Name] = pair.Destination.Type switch
            {
                NetworkType.Network => pair.Destination.Name ?? string.Empty,
                NetworkType.Bridge => $"bridge:{pair.Destination.Name}",
                _ => string.Empty,
            };
        }

        return networks;
    }

    private static string[] FilesOf(ProviderSpec source, PlannedMachine machine) => source.Type == ProviderType.Image ? machine.Name.Split(',') : [machine.Name];

    private static IReadOnlyList<string> SourcesOf(ProviderSpec source, PlannedMachine machine)
    {
        switch (source.Type)
        {
            case ProviderType.Vsphere:
                return [$"vsphere://{source.Url}/{machine.Id ?? machine.Name}"];
            case ProviderType.Libvirt:
                // The parameters of the connection stay at the end.
                var query = source.Url.IndexOf('?', StringComparison.Ordinal);
                var (daemon, parameters) = query < 0 ? (source.Url, string.Empty) : (source.Url[..query], source.Url[query..]);
                return [$"{daemon.TrimEnd('/')}/{Uri.EscapeDataString(machine.Id ?? machine.Name)}{parameters}"];
            default:
                return [.. FilesOf(source, machine).Select(f => Path.Combine(source.Url, f))];
        }
    }

    private static (string Directory, MachineTarget Target) TargetOf(ProviderSpec destination, StorageDestination place, TargetPowerState power, bool autostart, string plan, string machine)
    {
        switch (destination.Type)
        {
            case ProviderType.Directory:
                if (PlaceProblem(destination, place) is { } problem) throw problem.AsError(plan, machine);
                return (Path.GetFullPath(Path.Combine(destination.Url, place.StorageClass ?? string.Empty)).TrimEnd('/'), MachineTarget.Directory);
            case ProviderType.Libvirt:
                return (string.Empty, new MachineTarget { Libvirt = new LibvirtTarget(LibvirtHost.Parse(destination.Url), place.StorageClass ?? "default") { Start = power == TargetPowerState.On, Autostart = autostart } });
            default:
                throw WrongDestination(destination.Type).AsError(plan, machine);
        }
    }

    /// <summary>What is wrong with a place of a storage map at a provider; null where nothing is. A map must not reach out of the target directory.</summary>
    internal static PlanProblem? PlaceProblem(ProviderSpec destination, StorageDestination place) =>
        place.StorageClass is { } below && destination.Type == ProviderType.Directory && (Path.IsPathRooted(below) || below.Split('/').Any(p => p is "" or "." or "..") || below.Any(char.IsControl))
            ? PlanProblems.StorageMap("spec.map.storage", $"storageClass {below} is no path below the target directory", "For a directory, give a path below it without . and .., or leave it out; pools are of libvirt")
            : null;

    /// <summary>That a provider cannot receive machines.</summary>
    internal static PlanProblem WrongDestination(ProviderType type) =>
        PlanProblems.WrongProvider("spec.provider.destination", $"a provider of type {type.ToString().ToLowerInvariant()} receives no machines", "Name one of type directory or libvirt");

    /// <summary>
    /// How a machine is followed. One that is migrated cold is off all the time if it is off already; one that runs is shut down as soon as its
    /// first pass is over, whatever the difference.
    /// </summary>
    private static WarmPlan? WarmOf(ProviderSpec source, PlanType type, PrecopySpec precopy)
    {
        if (!IsRunning(source.Type)) return null;
        var plan = new WarmPlan { Audit = precopy.Audit, ReadBack = precopy.ReadBack, ForceOff = precopy.ForceOff, RestartSource = precopy.RestartSource, Downtime = precopy.Downtime, CutoverAt = precopy.Cutover };
        plan = plan with { Interval = precopy.Interval ?? plan.Interval, ShutdownDeadline = precopy.ShutdownDeadline ?? plan.ShutdownDeadline };
        return type == PlanType.Warm ? plan : plan with { Downtime = null, CutoverAt = DateTimeOffset.UnixEpoch };
    }
}
