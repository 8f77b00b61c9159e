using System.Runtime.CompilerServices;

namespace Sealift.VSphere;

/// <content>Machines: which there are, what they are, and what a migration changes in them.</content>
public sealed partial class VSphereClient
{
    /// <summary>Every machine below a container, with what a migration needs to know of it; templates too.</summary>
    /// <param name="container">A folder, data center, host or pool; null for everything.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async IAsyncEnumerable<VirtualMachine> MachinesAsync(ManagedReference? container, [EnumeratorCancellation] CancellationToken cancel)
    {
        var query = new PropertyQuery("VirtualMachine", VirtualMachine.Properties) { Container = container ?? Service.RootFolder };
        await foreach (var one in RetrieveAsync(query, cancel)) yield return Understand("read a machine", SubjectOf(one.Reference), () => VirtualMachine.Of(one));
    }

    /// <summary>Some machines, in no order; those that are gone by now are left out.</summary>
    /// <param name="machines">The machines.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async IAsyncEnumerable<VirtualMachine> MachinesOfAsync(IReadOnlyCollection<ManagedReference> machines, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(machines);
        var query = new PropertyQuery("VirtualMachine", VirtualMachine.Properties) { Objects = [.. machines] };
        await foreach (var one in RetrieveAsync(query, cancel)) yield return Understand("read a machine", SubjectOf(one.Reference), () => VirtualMachine.Of(one));
    }

    /// <summary>One machine.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereFaultException">SL3313: it is not there.</exception>
    public async Task<VirtualMachine> MachineAsync(ManagedReference machine, CancellationToken cancel)
    {
        var one = await RetrieveOneAsync(machine, VirtualMachine.Properties, cancel);
        return Understand("read a machine", SubjectOf(machine), () => VirtualMachine.Of(one));
    }

    /// <summary>The names of folders, data centers, pools, hosts, networks and datastores, and what each is in.</summary>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<InventoryNames> NamesAsync(CancellationToken cancel)
    {
        var names = new InventoryNames();
        foreach (var type in InventoryNames.Types)
        {
            var query = new PropertyQuery(type, type == "DistributedVirtualPortgroup" ? ["name", "parent", "key"] : ["name", "parent"]) { Container = Service.RootFolder };
            await foreach (var one in RetrieveAsync(query, cancel)) Understand("read a name", SubjectOf(one.Reference), () => names.Add(one));
        }

        return names;
    }

    /// <summary>Looks a machine up by its UUID.</summary>
    /// <param name="uuid">The UUID.</param>
    /// <param name="isInstanceUuid">Whether it is the one that vCenter keeps unique, rather than the BIOS's, which copies of a machine share.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>The machine, or null. Of several with the same BIOS UUID the server returns any one.</returns>
    public async Task<ManagedReference?> FindByUuidAsync(Guid uuid, bool isInstanceUuid, CancellationToken cancel)
    {
        const string Operation = "FindByUuid";
        var reply = await CallAsync(Operation, Service.SearchIndex, w =>
        {
            w.Text("uuid", uuid.ToString("D"));
            w.Flag("vmSearch", true);
            w.Flag("instanceUuid", isInstanceUuid);
        }, Repeat.Anytime, cancel);
        return Understand($"run {Operation}", Peer, () => reply.ReferenceOf("returnval"));
    }

    /// <summary>Looks an object up by its place: <c>DC0/vm/folder/name</c>.</summary>
    /// <param name="path">The names from below the root, by slashes. A slash within a name is written %2f, as the server itself does.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>The object, or null.</returns>
    public async Task<ManagedReference?> FindByInventoryPathAsync(string path, CancellationToken cancel)
    {
        const string Operation = "FindByInventoryPath";
        var reply = await CallAsync(Operation, Service.SearchIndex, w => w.Text("inventoryPath", path), Repeat.Anytime, cancel);
        return Understand($"run {Operation}", Peer, () => reply.ReferenceOf("returnval"));
    }

    /// <summary>
    /// Makes a machine keep track of the blocks that it changes, or not. That it does is seen in its disks only after its next snapshot,
    /// power cycle or move. It is no error if it is so already.
    /// </summary>
    /// <param name="machine">The machine.</param>
    /// <param name="on">Whether it shall.</param>
    /// <param name="cancel">Stops waiting; the server goes on.</param>
    /// <exception cref="VSphereException">It is not so.</exception>
    public async Task SetChangeTrackingAsync(ManagedReference machine, bool on, CancellationToken cancel)
    {
        const string Attempt = "set change tracking";
        if (await IsOnAsync() == on) return;
        try
        {
            _ = await RunTaskAsync(Attempt, "ReconfigVM_Task", machine, w => w.Element("spec", s => s.Flag("changeTrackingEnabled", on)), cancel); // it returns nothing
        }
        catch (VSphereException e) when (e.IsOutcomeUnknown)
        {
            if (await LookForAsync(Attempt, machine, t => t.Kind.Contains("reconfig", StringComparison.OrdinalIgnoreCase), async () => await IsOnAsync() == on ? "set" : null, cancel) is not null) return;
        }

        if (await LookAfterAsync(Attempt, machine, IsOnAsync) != on) throw VSphereErrors.NotDone(Attempt, SubjectOf(machine), $"it is still {(on ? "off" : "on")} after the machine was reconfigured");

        async Task<bool> IsOnAsync()
        {
            const string Property = "config.changeTrackingEnabled";
            var one = await RetrieveOneAsync(machine, [Property], cancel);
            if (one.Missing.TryGetValue(Property, out var why)) throw VSphereErrors.Refused(Attempt, SubjectOf(machine), why);
            return one[Property] is { } flag && Understand(Attempt, SubjectOf(machine), flag.AsFlag);
        }
    }

    /// <summary>What is free on a datastore, in bytes, by the server's last look at it, which it is asked to take anew where the account may; null where it does not say.</summary>
    /// <param name="datastore">The datastore.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<long?> FreeBytesAsync(ManagedReference datastore, CancellationToken cancel)
    {
        try
        {
            _ = await CallAsync("RefreshDatastore", datastore, null, Repeat.Anytime, cancel); // it returns nothing
        }
        catch (VSphereFaultException e) when (!e.Fault.IsNotAuthenticated && !e.Fault.IsInvalidLogin)
        {
            // Then it is of the server's own last look.
        }

        return await NumberAsync(datastore, "summary.freeSpace", cancel);
    }

    /// <summary>What a machine takes on its datastores, in bytes; null where the server does not say.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cancel">Stops waiting.</param>
    public Task<long?> CommittedBytesAsync(ManagedReference machine, CancellationToken cancel) => NumberAsync(machine, "summary.storage.committed", cancel);

    private async Task<long?> NumberAsync(ManagedReference target, string property, CancellationToken cancel)
    {
        var one = await RetrieveOneAsync(target, [property], cancel);
        return one[property] is { } number ? Understand($"read {property}", SubjectOf(target), number.AsNumber) : null;
    }

    /// <summary>Which of some privileges the account has on some objects.</summary>
    /// <param name="targets">The objects.</param>
    /// <param name="privileges">The privileges: <c>VirtualMachine.State.CreateSnapshot</c>.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>Those that are missing on each object; an object on which none is missing is left out.</returns>
    /// <exception cref="VSphereException">SL3304: the server has no such check, or does not answer for each.</exception>
    public async Task<IReadOnlyDictionary<ManagedReference, IReadOnlyList<string>>> MissingPrivilegesAsync(IReadOnlyCollection<ManagedReference> targets, IReadOnlyCollection<string> privileges, CancellationToken cancel)
    {
        const string Operation = "HasPrivilegeOnEntities";
        if (Service.AuthorizationManager is not { } manager) throw VSphereErrors.NotUnderstood($"run {Operation}", Peer, "it has no authorization manager");
        var reply = await CallAsync(Operation, manager, w =>
        {
            foreach (var target in targets) w.Reference("entity", target);
            w.Text("sessionId", sessionKey);
            w.Texts("privId", privileges);
        }, Repeat.WithinSession, cancel);
        return Understand($"run {Operation}", Peer, () =>
        {
            var granted = reply.All("returnval").ToDictionary(
                e => e.Require("entity").AsReference(),
                e => e.All("privAvailability").Where(p => p.Require("isGranted").AsFlag()).Select(p => p.Require("privId").Text).ToHashSet());
            var missing = new Dictionary<ManagedReference, IReadOnlyList<string>>();
            foreach (var target in targets)
            {
                // What the server does not answer for is not granted.
                var lacking = granted.TryGetValue(target, out var has) ? privileges.Where(p => !has.Contains(p)).ToList() : [.. privileges];
                if (lacking.Count > 0) missing[target] = lacking;
            }

            return missing;
        });
    }
}
