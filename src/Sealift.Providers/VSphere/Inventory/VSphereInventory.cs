using System.Runtime.CompilerServices;
using Sealift.Posix;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers;

/// <summary>
/// What is on a vCenter or an ESXi host. Lists come as they are read, page by page: besides one page there are only the names of folders,
/// networks and the like in memory, and the references of what was told.
/// </summary>
public sealed class VSphereInventory
{
    private const int BatchMachines = 100;
    private const int CandidateLimit = 20;
    private const int SimilarLimit = 5;

    private static readonly string[] IdentityProperties = ["name", "parent", "config.uuid"];
    private static readonly string[] HostProperties = [.. IdentityProperties, "config.instanceUuid", "runtime.host"];
    private static readonly string[] FilterProperties = ["name", "parent", "runtime.powerState"];

    // What a list shows changes with one of these; the version of a configuration changes with whatever is reconfigured.
    private static readonly string[] WatchedProperties = [.. FilterProperties, "config.changeVersion", "config.template", "snapshot", "runtime.connectionState", "runtime.consolidationNeeded"];

    private readonly VSphereClient client;

    private VSphereInventory(VSphereClient client, InventoryNames names) => (this.client, Names) = (client, names);

    /// <summary>What folders, networks and the like are called.</summary>
    public InventoryNames Names { get; private set; }

    /// <summary>Reads the names.</summary>
    /// <param name="client">The server.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public static async Task<VSphereInventory> OpenAsync(VSphereClient client, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(client);
        return new VSphereInventory(client, await client.NamesAsync(cancel));
    }

    /// <summary>Finds one machine by whatever its user knows of it.</summary>
    /// <param name="client">The server.</param>
    /// <param name="place">Its path (<c>DC0/vm/folder/name</c>), its instance or BIOS UUID, its reference (<c>vm-42</c>), or its name.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="SealiftException">SL6512: several are called that, and are listed; SL6513: there is none.</exception>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public static async Task<Machine> FindAsync(VSphereClient client, string place, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentException.ThrowIfNullOrEmpty(place);
        // There is one of each, where there is one; a BIOS's UUID may be that of several, and the server's search returns any one of them.
        if (place.Contains('/', StringComparison.Ordinal) && await client.FindByInventoryPathAsync(place.Trim('/'), cancel) is { Type: "VirtualMachine" } byPath) return await client.MachineAsync(byPath, cancel);
        var uuid = Guid.TryParse(place, out var parsed) ? parsed : (Guid?)null;
        if (uuid is { } unique && await client.FindByUuidAsync(unique, isInstanceUuid: true, cancel) is { } byUuid) return await client.MachineAsync(byUuid, cancel);

        var (exact, loose, similar) = (new List<ObjectProperties>(), new List<ObjectProperties>(), new List<string>());
        var query = new PropertyQuery("VirtualMachine", IdentityProperties) { Container = client.Service.RootFolder };
        await foreach (var one in client.RetrieveAsync(query, cancel))
        {
            var name = one["name"]?.Text ?? string.Empty;
            if (ObjectName.AreSame(name, place, ignoreCase: false) || one.Reference.Value == place || (uuid is { } bios && Guid.TryParse(one["config.uuid"]?.Text, out var its) && its == bios)) exact.Add(one);
            else if (ObjectName.AreSame(name, place, ignoreCase: true)) loose.Add(one);
            else if (similar.Count < SimilarLimit && IsSimilar(name, place)) similar.Add(ObjectName.Plain(name));
        }

        var found = exact.Count > 0 ? exact : loose;
        if (found.Count == 0) throw InventoryErrors.NoMachine(client.Peer, place, similar);
        if (found.Count == 1) return await client.MachineAsync(found[0].Reference, cancel);
        var names = await client.NamesAsync(cancel);
        throw InventoryErrors.Ambiguous(client.Peer, place, [.. found.Take(CandidateLimit).Select(Candidate)], found.Count);

        string Candidate(ObjectProperties one) => $"{PathOf(names, one["name"]?.Text ?? string.Empty, Understand(client, "where a machine is", one.Reference, () => one["parent"]?.AsReference()))} ({one.Reference.Value})";
    }

    /// <summary>Where a machine is: <c>DC0/vm/folder/name</c>, as <see cref="FindAsync"/> takes it. Only its name where what it is in cannot be seen.</summary>
    /// <param name="machine">The machine.</param>
    public string PathOf(Machine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return PathOf(Names, machine.Name, machine.Parent);
    }

    /// <summary>The names of the hosts that machines are on, for many machines at once.</summary>
    /// <param name="client">The server.</param>
    /// <param name="places">The machines, as <see cref="FindAsync"/> takes them.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>The host of each place; those of which none, or more than one, is known are left out: it is for <see cref="FindAsync"/> to say what is wrong with them.</returns>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public static async Task<IReadOnlyDictionary<string, string>> HostsAsync(VSphereClient client, IReadOnlyCollection<string> places, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(places);
        var names = await client.NamesAsync(cancel);
        // By every name that a machine goes by: its host, or null where several are called that and are on different ones.
        var (exact, loose) = (new Dictionary<string, string?>(StringComparer.Ordinal), new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase));
        var query = new PropertyQuery("VirtualMachine", HostProperties) { Container = client.Service.RootFolder };
        await foreach (var one in client.RetrieveAsync(query, cancel))
        {
            var (on, parent) = Understand(client, "where a machine is", one.Reference, () => (one["runtime.host"]?.AsReference(), one["parent"]?.AsReference()));
            if (on is not { } reference) continue;
            var (name, host) = (one["name"]?.Text ?? string.Empty, ObjectName.Plain(names.NameOf(reference) ?? reference.Value));
            foreach (var key in new[] { PathOf(names, name, parent), name, ObjectName.Plain(name), one.Reference.Value, KeyOf(one["config.instanceUuid"]?.Text), KeyOf(one["config.uuid"]?.Text) }.OfType<string>().Distinct())
            {
                exact[key] = exact.TryGetValue(key, out var known) && known != host ? null : host;
                loose[key] = loose.TryGetValue(key, out var other) && other != host ? null : host;
            }
        }

        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var place in places)
        {
            var key = KeyOf(place) ?? place.Trim('/');
            if ((exact.TryGetValue(key, out var host) || loose.TryGetValue(key, out host)) && host is not null) found[place] = host;
        }

        return found;

        static string? KeyOf(string? text) => Guid.TryParse(text, out var uuid) ? uuid.ToString("D") : null;
    }

    /// <summary>The machines that a filter means, each once.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async IAsyncEnumerable<Machine> MachinesAsync(InventoryFilter filter, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(filter);
        if (filter.IsEverything)
        {
            await foreach (var machine in client.MachinesAsync(null, cancel)) yield return machine;
            yield break;
        }

        // All that a list shows is a hundred times what it is chosen by.
        var batch = new List<ManagedReference>();
        var query = new PropertyQuery("VirtualMachine", FilterProperties) { Container = client.Service.RootFolder };
        await foreach (var one in client.RetrieveAsync(query, cancel))
        {
            if (Takes(filter, one.Reference, p => one[p])) batch.Add(one.Reference);
            if (batch.Count < BatchMachines) continue;
            await foreach (var machine in client.MachinesOfAsync(batch, cancel)) yield return machine;
            batch.Clear();
        }

        await foreach (var machine in client.MachinesOfAsync(batch, cancel)) yield return machine;
    }

    /// <summary>The machines that a filter means, then whatever changes of them, without end.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async IAsyncEnumerable<MachineChange> WatchAsync(InventoryFilter filter, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var shown = new Dictionary<ManagedReference, string>();
        var isFirst = true;
        HashSet<ManagedReference>? before = null; // where the state is told anew: what was there, and has not been told again
        var query = new PropertyQuery("VirtualMachine", WatchedProperties) { Container = client.Service.RootFolder };
        await foreach (var set in client.WatchAsync(query, cancel))
        {
            if (set.StartsAnew) before = [.. shown.Keys];
            var gone = set.Updates.Where(u => u.Kind == UpdateKind.Leave).Select(u => u.Reference).ToList();
            // It may be in a folder that is as new.
            if (!isFirst && set.Updates.Any(u => u.Kind == UpdateKind.Enter && !shown.ContainsKey(u.Reference))) Names = await client.NamesAsync(cancel);
            // What a set says of a machine that is new is all that it is chosen by; of others it says what changed only.
            var touched = set.Updates.Where(u => u.Kind == UpdateKind.Modify || (u.Kind == UpdateKind.Enter && (shown.ContainsKey(u.Reference) || Takes(filter, u.Reference, p => u.Changes.GetValueOrDefault(p))))).Select(u => u.Reference).Distinct().ToList();
            if (touched.Count > 0 && !isFirst) Names = await client.NamesAsync(cancel);
            foreach (var batch in touched.Chunk(BatchMachines))
            {
                await foreach (var machine in client.MachinesOfAsync(batch, cancel))
                {
                    var path = PathOf(machine);
                    if (filter.Takes(machine.Name, Names.PathTo(machine.Parent), machine.PowerState))
                    {
                        before?.Remove(machine.Reference);
                        yield return new MachineChange(shown.ContainsKey(machine.Reference) ? MachineChangeKind.Changed : isFirst ? MachineChangeKind.Present : MachineChangeKind.New, machine.Reference, path, machine);
                        shown[machine.Reference] = path;
                    }
                    else if (shown.ContainsKey(machine.Reference))
                    {
                        gone.Add(machine.Reference);
                    }
                }
            }

            if (set.IsComplete) gone.AddRange(before ?? []);
            foreach (var reference in gone)
            {
                if (shown.Remove(reference, out var path)) yield return new MachineChange(MachineChangeKind.Gone, reference, path, null);
            }

            if (!set.IsComplete) continue;
            before = null;
            isFirst = false;
        }
    }

    /// <summary>The networks, each once.</summary>
    /// <param name="filter">Which: of it, only the name counts.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async IAsyncEnumerable<VSphereNetwork> NetworksAsync(InventoryFilter filter, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(filter);
        // A distributed port group is a kind of network to some servers, and to others only by its own name.
        var told = new HashSet<ManagedReference>();
        foreach (var type in new[] { "Network", "DistributedVirtualPortgroup" })
        {
            var query = new PropertyQuery(type, VSphereNetwork.Properties) { Container = client.Service.RootFolder };
            await foreach (var one in client.RetrieveAsync(query, cancel))
            {
                if (told.Add(one.Reference) && filter.TakesName(one["name"]?.Text ?? string.Empty)) yield return Understand(client, "a network", one.Reference, () => VSphereNetwork.Of(one, Names));
            }
        }
    }

    /// <summary>The datastores, each once.</summary>
    /// <param name="filter">Which: of it, only the name counts.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async IAsyncEnumerable<VSphereDatastore> DatastoresAsync(InventoryFilter filter, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var query = new PropertyQuery("Datastore", VSphereDatastore.Properties) { Container = client.Service.RootFolder };
        await foreach (var one in client.RetrieveAsync(query, cancel))
        {
            if (filter.TakesName(one["name"]?.Text ?? string.Empty)) yield return Understand(client, "a datastore", one.Reference, () => VSphereDatastore.Of(one, Names));
        }
    }

    internal static string PathOf(InventoryNames names, string name, ManagedReference? parent) => string.Join('/', [.. names.PathTo(parent), name]);

    private static bool IsSimilar(string name, string place)
    {
        var last = place[(place.LastIndexOf('/') + 1)..];
        return last.Length > 1 && (name.Contains(last, StringComparison.OrdinalIgnoreCase) || (name.Length > 1 && last.Contains(name, StringComparison.OrdinalIgnoreCase)));
    }

    private static T Understand<T>(VSphereClient client, string what, ManagedReference one, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException e)
        {
            throw InventoryErrors.NotUnderstood($"{client.Peer}, {one}", what, e.Message, e);
        }
    }

    private bool Takes(InventoryFilter filter, ManagedReference one, Func<string, VimElement?> property)
    {
        var path = Names.PathTo(Understand(client, "where a machine is", one, () => property("parent")?.AsReference()));
        return filter.Takes(property("name")?.Text ?? string.Empty, path, property("runtime.powerState")?.Text ?? string.Empty);
    }
}
