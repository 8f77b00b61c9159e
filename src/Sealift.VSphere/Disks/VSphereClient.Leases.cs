namespace Sealift.VSphere;

/// <content>Leases: a machine's disks as streams over HTTPS.</content>
public sealed partial class VSphereClient
{
    // A server readies a lease in seconds.
    private static readonly TimeSpan LeaseDeadline = TimeSpan.FromMinutes(5);

    /// <summary>Opens a lease on the disks of a machine that is off, or of a snapshot.</summary>
    /// <param name="target">The machine or the snapshot.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereFaultException">The server refused.</exception>
    /// <exception cref="VSphereException">SL3325: it did not get ready.</exception>
    public async Task<ExportLease> ExportAsync(ManagedReference target, CancellationToken cancel)
    {
        var operation = target.Type == "VirtualMachineSnapshot" ? "ExportSnapshot" : "ExportVm";
        // One that nobody heard of ends by itself.
        var reply = await CallAsync(operation, target, null, Repeat.Never, cancel);
        var lease = Understand($"run {operation}", SubjectOf(target), () => reply.Require("returnval").AsReference());
        try
        {
            return await ReadyAsync(operation, target, lease, cancel);
        }
        catch
        {
            try
            {
                // While it is open, neither the machine nor the snapshot can be changed.
                await AbortLeaseAsync(new ExportLease(lease, [], LeaseDeadline), CancellationToken.None);
            }
            catch (VSphereException)
            {
                // It has ended already, or does so by itself; why it was not used is thrown.
            }

            throw;
        }
    }

    private async Task<ExportLease> ReadyAsync(string operation, ManagedReference target, ManagedReference lease, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(LeaseDeadline);
        var live = new LiveObjects();
        try
        {
            await foreach (var set in WatchAsync(new PropertyQuery("HttpNfcLease", ["state", "info", "error"]) { Objects = [lease] }, limit.Token))
            {
                _ = live.Apply(set); // there is only one object
                if (!set.IsComplete) continue;
                if (!live.Objects.TryGetValue(lease, out var now)) break;
                switch (now["state"]?.Text)
                {
                    case "ready" when now["info"] is { } info:
                        return Understand($"run {operation}", SubjectOf(target), () => new ExportLease(lease, [.. info.All("deviceUrl").Select(LeaseFile.Of)], TimeSpan.FromSeconds(Math.Clamp(info.NumberOf("leaseTimeout") ?? 300, 1, 86_400))));
                    case "error":
                        throw VSphereErrors.Refused("export the disks", SubjectOf(target), now["error"] is { } error ? VSphereFault.Of(error) : new VSphereFault("MethodFault", "the lease failed and does not say why", null));
                    case "done":
                        throw VSphereErrors.LeaseEnded(SubjectOf(target), "the lease ended before it was used");
                }
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            throw VSphereErrors.LeaseEnded(SubjectOf(target), $"the lease did not get ready within {LeaseDeadline.TotalSeconds:0} seconds");
        }

        throw VSphereErrors.LeaseEnded(SubjectOf(target), "the lease is gone");
    }

    /// <summary>Tells how far the reading is, which keeps a lease: again and again, well within <see cref="ExportLease.Timeout"/>.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="percent">0 to 100.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">It was not told.</exception>
    public async Task KeepLeaseAsync(ExportLease lease, int percent, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(lease);
        _ = await CallAsync("HttpNfcLeaseProgress", lease.Lease, w => w.Number("percent", Math.Clamp(percent, 0, 100)), Repeat.Anytime, cancel); // it returns nothing
    }

    /// <summary>Ends a lease whose files were read.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">It did not end: it does by itself.</exception>
    public async Task CompleteLeaseAsync(ExportLease lease, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(lease);
        _ = await CallAsync("HttpNfcLeaseComplete", lease.Lease, null, Repeat.Never, cancel); // it returns nothing
    }

    /// <summary>Ends a lease whose files were not all read.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">It did not end: it does by itself.</exception>
    public async Task AbortLeaseAsync(ExportLease lease, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(lease);
        _ = await CallAsync("HttpNfcLeaseAbort", lease.Lease, null, Repeat.Never, cancel); // it returns nothing
    }
}
