namespace Sealift.VSphere;

/// <content>What happened, by the server's own log.</content>
public sealed partial class VSphereClient
{
    // The most that a server gives at once; how many it gives where it is not told is its own affair.
    private const int EventLimit = 1000;

    /// <summary>The server's clock.</summary>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<DateTimeOffset> CurrentTimeAsync(CancellationToken cancel)
    {
        const string Operation = "CurrentTime";
        var reply = await CallAsync(Operation, ServiceInstance, null, Repeat.Anytime, cancel);
        return Understand($"run {Operation}", Peer, () => reply.Require("returnval").AsTime());
    }

    /// <summary>What happened to a machine since some time. A server answers with its newest thousand events of these kinds.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="kinds">Types of events, with those that derive from them: <c>VmPoweredOnEvent</c>.</param>
    /// <param name="since">From when on, by the server's clock.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">SL3304: the server keeps no log.</exception>
    public async Task<IReadOnlyList<VimEvent>> EventsAsync(ManagedReference machine, IReadOnlyCollection<string> kinds, DateTimeOffset since, CancellationToken cancel)
    {
        const string Operation = "QueryEvents";
        if (Service.EventManager is not { } manager) throw VSphereErrors.NotUnderstood($"run {Operation}", Peer, "it has no event manager");
        var reply = await CallAsync(Operation, manager, w => w.Element("filter", f =>
        {
            f.Element("entity", e =>
            {
                e.Reference("entity", machine);
                e.Text("recursion", "self");
            });
            f.Element("time", t => t.Text("beginTime", since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture)));
            f.Texts("eventTypeId", kinds);
            f.Number("maxCount", EventLimit);
        }), Repeat.Anytime, cancel);
        // Not every server heeds the time.
        return Understand($"run {Operation}", SubjectOf(machine), () => reply.All("returnval").Select(VimEvent.Of).Where(e => e.CreatedAt >= since).ToList());
    }
}
