using System.Globalization;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers;

/// <summary>What a migration of a machine of vSphere will meet, from what the server says of it: nothing is asked, nothing is changed.</summary>
public static class VSphereConcerns
{
    private const int SectorBytes = 512;
    private const int ListLimit = 20;

    /// <summary>Every concern, the machine's own first, then those of its disks, controllers, devices and cards.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="scope">What the migration is to be.</param>
    public static IReadOnlyList<Concern> Of(Machine machine, VSphereConcernScope scope)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(scope);
        return [.. State(machine, scope), .. Tracking(machine, scope), .. Guest(machine, scope), .. machine.Devices.Disks.SelectMany(d => Disk(machine, d, scope)), .. Controllers(machine, scope), .. Devices(machine, scope), .. Cards(machine, scope)];
    }

    private static IEnumerable<Concern> State(Machine machine, VSphereConcernScope scope)
    {
        if (machine.Untold.Count > 0)
            yield return OfMachine(VSphereConcernClasses.NotTold, ConcernSeverity.Warning, $"the account may not see {Listed(machine.Untold.Keys.Order(StringComparer.Ordinal))}, so more may be wrong than is said here", $"Give the account the privilege {Listed(machine.Untold.Values.Select(f => f.PrivilegeId ?? f.Name).Distinct())} on the machine");
        if (scope.Untold.Count > 0)
            yield return OfMachine(VSphereConcernClasses.NotTold, ConcernSeverity.Warning, $"the server does not tell the account {Listed(scope.Untold)}", "Let the account see it (System.Read), or look there by hand");
        if (scope.MissingPrivileges.Count > 0)
            yield return OfMachine(VSphereConcernClasses.Privileges, ConcernSeverity.Obstacle, $"the account lacks {Listed(scope.MissingPrivileges)}", "Give the account a role that has them, on the machine and what it is in");
        if (machine.ConnectionState is not ("connected" or ""))
            yield return OfMachine(VSphereConcernClasses.NotConnected, ConcernSeverity.Obstacle, $"its host does not reach it ({machine.ConnectionState})", "Bring its host back, or register the machine on another one");
        if (machine.PowerState == "suspended")
            yield return OfMachine(VSphereConcernClasses.PowerState, ConcernSeverity.Obstacle, "it is suspended: its disks lack what is in its memory", "Resume it, and shut it down");
        else if (machine.PowerState == "poweredOn" && !scope.IsWarm)
            yield return OfMachine(VSphereConcernClasses.PowerState, ConcernSeverity.Obstacle, "it runs, and its disks change while they are read", "Shut it down, or migrate it warm");
        else if (machine.PowerState == "poweredOff" && scope.IsWarm)
            yield return OfMachine(VSphereConcernClasses.PowerState, ConcernSeverity.Note, "it is off: there is nothing to be kept up with", "Migrate it cold, which takes no snapshots");
        if (scope.TakenNames.Contains(machine.Name))
            yield return OfMachine(VSphereConcernClasses.NameTaken, ConcernSeverity.Obstacle, $"the name '{Clean(machine.Name)}' is taken at the target", "Give the new machine another name");
        if (machine.IsTemplate)
            yield return OfMachine(VSphereConcernClasses.Template, ConcernSeverity.Note, "it is a template; what comes of it is a machine", "Migrate what was made of it, if that was meant");
        if (machine.FaultToleranceRole is { } role and > 0)
            yield return OfMachine(VSphereConcernClasses.FaultTolerance, ConcernSeverity.Obstacle, role == 1 ? "it is the primary of a pair of fault tolerance, which has no snapshots of its own" : "it is the secondary of a pair of fault tolerance", role == 1 ? "Turn fault tolerance off for the time of the migration" : "Migrate the primary");
        if (scope.AffinityRules.Count > 0)
            yield return OfMachine(VSphereConcernClasses.Affinity, ConcernSeverity.Note, $"rules of its cluster bind it: {Listed(scope.AffinityRules)}", "See that the new machine needs none of them, or set them up at the target");
    }

    private static IEnumerable<Concern> Tracking(Machine machine, VSphereConcernScope scope)
    {
        var snapshots = machine.Snapshots.SelectMany(s => s.All()).ToList();
        if (snapshots.Count > 0)
            yield return OfMachine(VSphereConcernClasses.Snapshots, scope.IsWarm ? ConcernSeverity.Warning : ConcernSeverity.Note, $"it has {Counted(snapshots.Count, "snapshot")} ({Listed(snapshots.Select(s => $"'{s.Name}'"))}); its present state is what is migrated", "Remove those that nobody needs: each makes reading slower, and removing one later takes longer");
        if (machine.NeedsConsolidation)
            yield return OfMachine(VSphereConcernClasses.ConsolidationNeeded, scope.IsWarm ? ConcernSeverity.Obstacle : ConcernSeverity.Warning, "files of snapshots that are gone wait to be consolidated, and new snapshots make that worse", "Consolidate its disks (Snapshots > Consolidate)");
        if (!scope.IsWarm) yield break;
        if (machine.CanTrackChanges is false)
            yield return OfMachine(VSphereConcernClasses.TrackingUnsupported, ConcernSeverity.Obstacle, $"its hardware ({(machine.HardwareVersion.Length > 0 ? Clean(machine.HardwareVersion) : "of an old version")}) cannot keep track of changes", "Upgrade its virtual hardware to version 7 or later, or migrate it cold");
        else if (machine.IsChangeTracking is not true)
            yield return OfMachine(VSphereConcernClasses.TrackingOff, ConcernSeverity.Warning, "changes are not kept track of; to switch that on takes a snapshot, at which it halts for a moment", "Nothing, if it may be switched on by the migration; else switch it on at a quiet hour");
    }

    private static IEnumerable<Concern> Guest(Machine machine, VSphereConcernScope scope)
    {
        if (UnsupportedGuest(machine.GuestId) is { } family)
            yield return OfMachine(VSphereConcernClasses.UnsupportedGuest, ConcernSeverity.Warning, $"it was set up for {family} ({Clean(machine.GuestName.Length > 0 ? machine.GuestName : machine.GuestId)}), which is not converted", "Look at what is really in it with 'sealift check --inspect'; migrate it without conversion, with the drivers put in before");
        if (machine.PowerState != "poweredOn") yield break;
        if (machine.ToolsVersion == "guestToolsNotInstalled")
            yield return OfMachine(VSphereConcernClasses.Tools, scope.IsWarm ? ConcernSeverity.Warning : ConcernSeverity.Note, "VMware Tools are not installed: its file systems cannot be made quiet for a snapshot, and it cannot be asked to shut down", "Install them, or shut it down from inside at the cutover");
        else if (machine.ToolsRunning is not ("guestToolsRunning" or ""))
            yield return OfMachine(VSphereConcernClasses.Tools, scope.IsWarm ? ConcernSeverity.Warning : ConcernSeverity.Note, $"VMware Tools do not run ({Clean(machine.ToolsRunning)}): it cannot be asked to shut down", "Start them in the guest, or shut it down from inside at the cutover");
    }

    private static IEnumerable<Concern> Disk(Machine machine, VirtualDisk disk, VSphereConcernScope scope)
    {
        var subject = disk.Label.Length > 0 ? disk.Label : string.Create(CultureInfo.InvariantCulture, $"disk {disk.Key}");
        Concern Of(string concernClass, ConcernSeverity severity, string text, string nextStep) => new(concernClass, severity, Clean(subject), text, nextStep);

        if (disk.CapacityBytes % SectorBytes != 0)
            yield return Of(VSphereConcernClasses.OddCapacity, ConcernSeverity.Obstacle, string.Create(CultureInfo.InvariantCulture, $"its capacity is {disk.CapacityBytes} bytes, which is not a multiple of {SectorBytes}"), "Enlarge it to a whole MiB");
        switch (disk.Backing)
        {
            case DiskBacking.RawPhysical:
                yield return Of(VSphereConcernClasses.RawPhysical, ConcernSeverity.Obstacle, "it is a LUN in physical mode: no snapshot has it, and the API does not read it", "Give the LUN itself to the new machine, or copy it as a block device");
                break;
            case DiskBacking.RawVirtual:
                yield return Of(VSphereConcernClasses.RawVirtual, ConcernSeverity.Warning, "it is a LUN in virtual mode: it becomes an ordinary disk, and the LUN keeps what is on it", "See that nobody else uses the LUN");
                break;
            case DiskBacking.PersistentMemory:
                yield return Of(VSphereConcernClasses.PersistentMemory, ConcernSeverity.Obstacle, "it lies in persistent memory of its host, which has no snapshots", "Move it to a datastore of disks");
                break;
            case DiskBacking.Unknown:
                yield return Of(VSphereConcernClasses.UnknownDisk, ConcernSeverity.Obstacle, $"it is of a kind that is not known here ({(disk.BackingKind.Length > 0 ? Clean(disk.BackingKind) : "not told")})", "Move it to a datastore as an ordinary disk");
                break;
            case DiskBacking.Flat or DiskBacking.SeSparse or DiskBacking.Sparse:
                break;
        }

        if (disk.IsIndependent)
            yield return Of(VSphereConcernClasses.IndependentDisk, scope.IsWarm ? ConcernSeverity.Obstacle : ConcernSeverity.Note, $"it is independent ({Clean(disk.Mode)}): no snapshot has it", "Make it dependent while the machine is off, or migrate the machine cold");
        if (disk.IsMultiWriter)
            yield return Of(VSphereConcernClasses.MultiWriter, scope.IsWarm ? ConcernSeverity.Obstacle : ConcernSeverity.Warning, "several machines may write to it at the same time", "Shut all of them down, migrate it with one of them, and attach it to the others afterwards");
        if (disk.IsEncrypted && !machine.IsEncrypted)
            yield return Of(VSphereConcernClasses.Encrypted, ConcernSeverity.Warning, "it is encrypted by vSphere: only VDDK reads it, with the privilege for direct access, and it arrives decrypted", "Decrypt it by its storage policy, or see that the target encrypts by itself");
        // A machine that has just been told to keep track gives its disks their first ids with the next snapshot.
        if (scope.IsWarm && machine.IsChangeTracking is true && disk.ChangeId is null && !disk.IsIndependent && disk.Backing is not (DiskBacking.RawPhysical or DiskBacking.PersistentMemory))
            yield return Of(VSphereConcernClasses.DiskNotTracked, ConcernSeverity.Warning, "changes of the machine are kept track of, and those of this disk are not yet", "Nothing, if that was switched on a moment ago: the next snapshot begins it");
        if (scope.MappedDatastores is { } mapped && DatastoreOf(disk.File) is { } datastore && !mapped.Contains(datastore))
            yield return Of(VSphereConcernClasses.StorageUnmapped, ConcernSeverity.Obstacle, $"its datastore '{Clean(datastore)}' has no counterpart at the target", "Add it to the storage map");
    }

    private static IEnumerable<Concern> Controllers(Machine machine, VSphereConcernScope scope)
    {
        if (machine.IsEncrypted)
            yield return OfMachine(VSphereConcernClasses.Encrypted, ConcernSeverity.Warning, "it is encrypted by vSphere: only VDDK reads its disks, with the privilege for direct access, and they arrive decrypted", "Decrypt it by its storage policy, or see that the target encrypts by itself");
        if (machine.Devices.Disks.Count == 0)
            yield return OfMachine(VSphereConcernClasses.NoDisks, ConcernSeverity.Obstacle, "it has no disks", "Look whether the account may see its devices");
        foreach (var shared in machine.Devices.Controllers.Where(c => c.Sharing is "virtualSharing" or "physicalSharing"))
        {
            yield return new Concern(
                VSphereConcernClasses.SharedBus, scope.IsWarm ? ConcernSeverity.Obstacle : ConcernSeverity.Warning, string.Create(CultureInfo.InvariantCulture, $"{shared.Bus} controller {shared.BusNumber}"),
                $"it is shared with other machines ({shared.Sharing}), and machines with such a controller have no snapshots", "Shut all of them down and migrate them cold; set the cluster's disks up again at the target");
        }
    }

    private static IEnumerable<Concern> Devices(Machine machine, VSphereConcernScope scope)
    {
        foreach (var device in machine.Devices.Others)
        {
            var subject = Clean(device.Label.Length > 0 ? device.Label : device.Kind);
            switch (device.Kind)
            {
                case "VirtualTPM":
                    yield return new Concern(VSphereConcernClasses.Tpm, ConcernSeverity.Warning, subject, "the secrets in its TPM do not leave vSphere: what they unlock (BitLocker, sealed keys) stays locked on the new machine", "Have the recovery keys at hand, or suspend BitLocker before the cutover");
                    break;
                case "VirtualPCIPassthrough":
                    yield return new Concern(VSphereConcernClasses.Passthrough, scope.IsWarm ? ConcernSeverity.Obstacle : ConcernSeverity.Warning, subject, "a device of the host is given to it: there are no snapshots with it, and the new machine does not have it", "Remove it, or migrate cold and give the new machine one of its own");
                    break;
                case "VirtualNVDIMM":
                    yield return new Concern(VSphereConcernClasses.PersistentMemory, ConcernSeverity.Obstacle, subject, "it has persistent memory, whose content is not on its disks", "Move what is in it to a disk and remove it");
                    break;
                case "VirtualUSB":
                    yield return new Concern(VSphereConcernClasses.Usb, ConcernSeverity.Warning, subject, "a USB device is plugged into it, which the new machine does not have", "See what it is for (license dongles), and plug it into the new machine's host");
                    break;
            }
        }
    }

    private static IEnumerable<Concern> Cards(Machine machine, VSphereConcernScope scope)
    {
        foreach (var card in machine.Devices.NetworkCards)
        {
            var subject = card.Mac ?? string.Create(CultureInfo.InvariantCulture, $"network card {card.Key}");
            if (card.IsPassthrough)
                yield return new Concern(VSphereConcernClasses.Passthrough, scope.IsWarm ? ConcernSeverity.Obstacle : ConcernSeverity.Warning, subject, "it is a part of a card of the host (SR-IOV): there are no snapshots with it, and the new machine gets an ordinary card", "Change it to an ordinary card, or migrate cold");
            if (scope.MappedNetworks is not { } mapped) continue;
            var network = scope.Names?.NetworkOf(card) ?? card.NetworkName ?? card.OpaqueNetworkId ?? card.PortgroupKey;
            if (network is null || !mapped.Contains(network))
                yield return new Concern(VSphereConcernClasses.NetworkUnmapped, ConcernSeverity.Obstacle, subject, network is null ? "what network it is on is not known" : $"its network '{Clean(network)}' has no counterpart at the target", "Add it to the network map");
        }
    }

    /// <summary>What of the guests that vSphere knows by name virt-v2v has no conversion for; null for those that it may have one for. What is really on the disks is looked at later.</summary>
    private static string? UnsupportedGuest(string guestId)
    {
        bool Is(params ReadOnlySpan<string> beginnings)
        {
            foreach (var beginning in beginnings)
            {
                if (guestId.StartsWith(beginning, StringComparison.OrdinalIgnoreCase)) return true;
            }

            return false;
        }

        return Is("darwin") ? "macOS"
            : Is("freebsd") ? "FreeBSD"
            : Is("solaris") ? "Solaris"
            : Is("netware") ? "NetWare"
            : Is("vmkernel") ? "ESXi"
            : Is("os2", "eComStation", "openServer", "unixWare", "dosGuest", "win31", "win95", "win98", "winMe", "winNT", "win2000") ? "an operating system of another age"
            : Is("vmwarePhoton", "crxPod", "crxSys", "coreos") ? "a container host"
            : null;
    }

    /// <summary>The datastore in <c>[datastore] folder/file</c>.</summary>
    private static string? DatastoreOf(string file)
    {
        var end = file.IndexOf(']', StringComparison.Ordinal);
        return file.StartsWith('[') && end > 1 ? file[1..end] : null;
    }

    private static Concern OfMachine(string concernClass, ConcernSeverity severity, string text, string nextStep) => new(concernClass, severity, "machine", text, nextStep);

    private static string Counted(int count, string thing) => string.Create(CultureInfo.InvariantCulture, $"{count} {thing}{(count == 1 ? string.Empty : "s")}");

    private static string Listed(IEnumerable<string> all)
    {
        var list = all.ToList();
        return string.Join(", ", list.Take(ListLimit).Select(Clean)) + (list.Count > ListLimit ? string.Create(CultureInfo.InvariantCulture, $" and {list.Count - ListLimit} more") : string.Empty);
    }

    /// <summary>Names are somebody's: one line, of printable characters, and not for ever.</summary>
    private static string Clean(string name) => ProviderErrors.Clean(name, 200);
}
