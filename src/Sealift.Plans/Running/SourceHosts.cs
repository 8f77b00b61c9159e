using Sealift.Plans.Documents;
using Sealift.Plans.Validation;
using Sealift.Providers;
using Sealift.VSphere;

namespace Sealift.Plans.Running;

/// <summary>Finds out which host of the source each machine of a plan is on, so that <see cref="PlanLimits.MachinesPerHost"/> has something to count.</summary>
internal static class SourceHosts
{
    /// <summary>The hosts of machines as they are now. A server of vSphere is asked only where the plan limits what is done on a host: a plan without that limit begins also where its server does not answer.</summary>
    /// <param name="documents">The plan and what it names.</param>
    /// <param name="stateDirectory">Where the servers of vSphere are registered.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>A host for each machine, in the order of the plan; empty where none is known, which counts as one host.</returns>
    /// <exception cref="Posix.SealiftException">The server did not answer, or refused; SL65xx: it cannot be used.</exception>
    public static async Task<IReadOnlyList<string>> OfAsync(PlanDocuments documents, string stateDirectory, CancellationToken cancel)
    {
        var (source, machines) = (documents.Source, documents.Plan.Spec.Vms);
        if (source is not { Type: ProviderType.Vsphere }) return [.. Enumerable.Repeat(source is { Type: ProviderType.Libvirt } && Uri.TryCreate(source.Url, UriKind.Absolute, out var uri) && uri.Host.Length > 0 ? uri.Host : Environment.MachineName, machines.Count)];
        if (documents.Plan.Spec.Limits.MachinesPerHost is null) return [.. Enumerable.Repeat(string.Empty, machines.Count)];
        await using var client = await VSphereClient.ConnectAsync(new VSphereRegistry(stateDirectory).Access(source.Url).Options, cancel);
        var hosts = await VSphereInventory.HostsAsync(client, [.. machines.Select(m => m.Id ?? m.Name)], cancel);
        return [.. machines.Select(m => hosts.GetValueOrDefault(m.Id ?? m.Name, string.Empty))];
    }
}
