using System.Collections.Concurrent;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.VSphere;

namespace Sealift.Server.Pages;

/// <summary>
/// What is on providers, read once and kept for a minute: whoever goes through the pages of a list of thousands, or looks at it with
/// others, asks the provider once.
/// </summary>
internal sealed class SourceInventories(IPlanService plans, TimeProvider time)
{
    private const int MostMachines = 20_000, MostPlaces = 2000;
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(1), Patience = TimeSpan.FromMinutes(2), ShortPatience = TimeSpan.FromSeconds(15);
    private static readonly HashSet<string> ImageExtensions = new([".raw", ".img", ".qcow2", ".vmdk", ".vhd", ".vhdx", ".vdi"], StringComparer.OrdinalIgnoreCase);
    private static readonly HashSet<string> PackageExtensions = new([".ova", ".ovf", ".tar", ".gz", ".tgz"], StringComparer.OrdinalIgnoreCase);

    private readonly ConcurrentDictionary<string, Kept> kept = new(StringComparer.Ordinal);

    /// <summary>The machines of a provider.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="isFresh">Whether it is asked again although it was asked a moment ago.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">It does not answer, or is none that machines come from.</exception>
    public async Task<SourceInventory> MachinesAsync(ProviderDocument provider, bool isFresh, CancellationToken cancel)
    {
        var one = kept.GetOrAdd(provider.Metadata.Name, static _ => new Kept());
        await one.Gate.WaitAsync(cancel);
        try
        {
            var now = time.GetUtcNow();
            if (one.Last is { } last && !isFresh && last.Spec == provider.Spec && now - last.ReadAt < Freshness) return last;
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            patience.CancelAfter(Patience);
            return one.Last = new SourceInventory(provider.Spec, now, await ReadAsync(provider, patience.Token));
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw PageErrors.SilentProvider(provider.Metadata.Name, Patience);
        }
        finally
        {
            one.Gate.Release();
        }
    }

    /// <summary>The datastores and networks of a provider, by name; where it does not answer, why.</summary>
    public async Task<SourcePlaces> PlacesAsync(string name, CancellationToken cancel)
    {
        if ((await plans.Store.FindAsync(DocumentKind.Provider, name, cancel))?.Document is not ProviderDocument { Spec.Type: ProviderType.Vsphere } provider) return SourcePlaces.None;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(ShortPatience);
        try
        {
            await using var client = await ConnectAsync(provider, patience.Token);
            var inventory = await VSphereInventory.OpenAsync(client, patience.Token);
            return new SourcePlaces(
                await inventory.DatastoresAsync(InventoryFilter.Everything, patience.Token).Take(MostPlaces).Select(d => d.Name).ToListAsync(patience.Token),
                await inventory.NetworksAsync(InventoryFilter.Everything, patience.Token).Take(MostPlaces).Select(n => n.Name).ToListAsync(patience.Token),
                null);
        }
        catch (SealiftException e)
        {
            return new SourcePlaces([], [], $"{e.Subject}: {e.Said}.");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new SourcePlaces([], [], "it did not answer in time.");
        }
    }

    /// <summary>Whether a provider answers, in one sentence.</summary>
    public async Task<(bool Answers, string Said, string NextStep)> AskAsync(ProviderDocument provider, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(ShortPatience);
        try
        {
            switch (provider.Spec.Type)
            {
                case ProviderType.Vsphere:
                    await using (var client = await ConnectAsync(provider, patience.Token)) return (true, $"{client.Service.FullName}, API {client.Service.ApiVersion}", string.Empty);
                case ProviderType.Libvirt:
                    return (true, (await VirshAsync(provider, patience.Token, "version")).Split('\n').FirstOrDefault(l => l.StartsWith("Running hypervisor", StringComparison.Ordinal)) ?? "It answers", string.Empty);
                default:
                    if (FileFacts.OfPathIfExists(provider.Spec.Url) is not { Kind: FileKind.Directory }) return (false, "there is no such directory on this server", "Make it, or correct the path");
                    return (true, provider.Spec.Type == ProviderType.Directory ? $"The directory has {Figures.Size(PosixPath.FreeBytes(provider.Spec.Url))} of room" : $"The directory has {Figures.Count(PosixPath.List(provider.Spec.Url).Count, "name")} in it", string.Empty);
            }
        }
        catch (SealiftException e)
        {
            return (false, $"{e.Code}: {e.Subject}: {e.Said}", e.NextStep);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return (false, $"it did not answer within {ShortPatience.TotalSeconds} s", "See whether it is reached from this server");
        }
    }

    private async Task<IReadOnlyList<InventoryMachine>> ReadAsync(ProviderDocument provider, CancellationToken cancel) => provider.Spec.Type switch
    {
        ProviderType.Vsphere => await OfVSphereAsync(provider, cancel),
        ProviderType.Libvirt => await OfLibvirtAsync(provider, cancel),
        ProviderType.Ova => await Task.Run<IReadOnlyList<InventoryMachine>>(() => OfDirectory(provider, PackageExtensions), cancel),
        ProviderType.Image => await Task.Run<IReadOnlyList<InventoryMachine>>(() => OfDirectory(provider, ImageExtensions), cancel),
        _ => throw PageErrors.NoInventory(provider.Metadata.Name, provider.Spec.Type.ToString().ToLowerInvariant()),
    };

    private async Task<IReadOnlyList<InventoryMachine>> OfVSphereAsync(ProviderDocument provider, CancellationToken cancel)
    {
        await using var client = await ConnectAsync(provider, cancel);
        var inventory = await VSphereInventory.OpenAsync(client, cancel);
        var examination = await VSphereExamination.PrepareAsync(client, inventory.Names, cancel);
        var found = new List<InventoryMachine>();
        await foreach (var examined in examination.EachAsync(inventory.MachinesAsync(InventoryFilter.Everything, cancel).Take(MostMachines), m => m.PowerState == "poweredOn", null, cancel))
        {
            var machine = examined.Machine;
            found.Add(new InventoryMachine(inventory.PathOf(machine), machine.Name, PowerOf(machine.PowerState), machine.GuestName, machine.Devices.Disks.Count, long.CreateSaturating(machine.Devices.Disks.Aggregate(Int128.Zero, (sum, d) => sum + d.CapacityBytes)), examined.Concerns));
        }

        return [.. found.OrderBy(m => m.Name, StringComparer.OrdinalIgnoreCase)];

        static string PowerOf(string state) => state switch { "poweredOn" => "on", "poweredOff" => "off", _ => state };
    }

    private static async Task<IReadOnlyList<InventoryMachine>> OfLibvirtAsync(ProviderDocument provider, CancellationToken cancel)
    {
        // Names one a line: a table would have to be guessed apart where a name has blanks.
        var all = Lines(await VirshAsync(provider, cancel, "list", "--all", "--name"));
        var running = Lines(await VirshAsync(provider, cancel, "list", "--name")).ToHashSet(StringComparer.Ordinal);
        return [.. all.Take(MostMachines).Order(StringComparer.OrdinalIgnoreCase).Select(n => new InventoryMachine(n, n, running.Contains(n) ? "on" : "off", string.Empty, null, null, []))];

        static IEnumerable<string> Lines(string text) => text.Split('\n').Where(l => l.Length > 0);
    }

    private static List<InventoryMachine> OfDirectory(ProviderDocument provider, HashSet<string> extensions)
    {
        var found = new List<InventoryMachine>();
        foreach (var name in PosixPath.List(provider.Spec.Url).Order(StringComparer.OrdinalIgnoreCase))
        {
            if (found.Count == MostMachines) break;
            var path = Path.Combine(provider.Spec.Url, name);
            var facts = FileFacts.OfPathIfExists(path);
            if (facts is { Kind: FileKind.Regular } && extensions.Contains(Path.GetExtension(name)))
                found.Add(new InventoryMachine(name, name, "off", string.Empty, null, facts.LengthBytes, []));
            else if (facts is { Kind: FileKind.Directory } && provider.Spec.Type == ProviderType.Ova && PosixPath.List(path).Any(n => n.EndsWith(".ovf", StringComparison.OrdinalIgnoreCase)))
                found.Add(new InventoryMachine(name, name, "off", string.Empty, null, null, []));
        }

        return found;
    }

    private Task<VSphereClient> ConnectAsync(ProviderDocument provider, CancellationToken cancel) => VSphereClient.ConnectAsync(new VSphereRegistry(plans.Migrations.StateDirectory).Access(provider.Spec.Url).Options, cancel);

    private static async Task<string> VirshAsync(ProviderDocument provider, CancellationToken cancel, params IReadOnlyList<string> arguments)
    {
        // Nobody is there to answer what ssh would ask.
        var url = provider.Spec.Url.StartsWith("qemu+ssh:", StringComparison.Ordinal) && !provider.Spec.Url.Contains('?', StringComparison.Ordinal) ? $"{provider.Spec.Url}?no_tty=1" : provider.Spec.Url;
        return (await ChildProcess.RunAsync(new ChildCommand("virsh", ["-q", "-c", url, .. arguments]) { Deadline = Patience, StartsOthers = true }, cancel)).Output;
    }

    private sealed class Kept
    {
        public SemaphoreSlim Gate { get; } = new(1);

        public SourceInventory? Last { get; set; }
    }
}

/// <summary>The machines of a provider at one time.</summary>
/// <param name="Spec">The provider that was asked.</param>
/// <param name="ReadAt">When, in UTC.</param>
/// <param name="Machines">What there was.</param>
internal sealed record SourceInventory(ProviderSpec Spec, DateTimeOffset ReadAt, IReadOnlyList<InventoryMachine> Machines);

/// <summary>A machine of a provider.</summary>
/// <param name="Name">What a plan calls it.</param>
/// <param name="Display">What people call it.</param>
/// <param name="Power"><c>on</c>, <c>off</c>, or what the provider says.</param>
/// <param name="Guest">The guest's system; may be empty.</param>
/// <param name="Disks">How many disks it has; null where that was not asked.</param>
/// <param name="SizeBytes">Their length in bytes, or that of the file; null where that was not asked.</param>
/// <param name="Concerns">What a migration of it will meet.</param>
internal sealed record InventoryMachine(string Name, string Display, string Power, string Guest, int? Disks, long? SizeBytes, IReadOnlyList<Concern> Concerns)
{
    /// <summary>The worst of its concerns; null where there is none.</summary>
    public ConcernSeverity? Worst => Concerns.Count == 0 ? null : Concerns.Max(c => c.Severity);
}

/// <summary>What else there is at a source.</summary>
/// <param name="Datastores">Its datastores.</param>
/// <param name="Networks">Its networks.</param>
/// <param name="Said">Why they are not known; null where they are.</param>
internal sealed record SourcePlaces(IReadOnlyList<string> Datastores, IReadOnlyList<string> Networks, string? Said)
{
    /// <summary>Nothing.</summary>
    public static SourcePlaces None { get; } = new([], [], null);
}
