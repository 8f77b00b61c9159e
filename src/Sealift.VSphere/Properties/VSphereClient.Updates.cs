using System.Runtime.CompilerServices;

namespace Sealift.VSphere;

/// <content>Changes as they happen.</content>
public sealed partial class VSphereClient
{
    private const int UpdateObjectLimit = 1000;

    /// <summary>
    /// Watches properties of objects, without end. The first set is the state as it is; then come changes. Where the session ends, it
    /// begins anew, and the next set says so.
    /// </summary>
    /// <param name="query">Which properties of which objects.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async IAsyncEnumerable<UpdateSet> WatchAsync(PropertyQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(query);
        // Each has a collector of its own: one that waits answers nobody else.
        Watch? watch = null;
        try
        {
            for (var failures = 0; ;)
            {
                UpdateSet? set;
                try
                {
                    watch ??= await BeginWatchAsync(query, cancel);
                    set = await watch.NextAsync(this, cancel);
                    failures = 0;
                }
                catch (VSphereException e) when (failures < RestartLimit && (e.IsSessionLost || IsUnheard(e) || IsForgotten(e)))
                {
                    // A reply that was lost, or a server that is away for a moment, is asked again, from the same version; with the session goes all of it.
                    failures++;
                    if (watch is not null && IsForgotten(e)) await LetGoAsync(watch);
                    if (IsUnheard(e)) await Task.Delay(ResendPause, cancel);
                    else watch = null;
                    continue;
                }

                if (set is not null) yield return set;
            }
        }
        finally
        {
            if (watch is not null) await LetGoAsync(watch);
        }
    }

    /// <summary>Whether nobody answered: the server could not be reached, or its reply was lost.</summary>
    private static bool IsUnheard(VSphereException error) => error.IsUnreachable || error.IsOutcomeUnknown;

    /// <summary>Whether the server no longer knows until when it has told.</summary>
    private static bool IsForgotten(VSphereException error) => error is VSphereFaultException { Fault.Name: "InvalidCollectorVersion" };

    private async Task LetGoAsync(Watch watch)
    {
        await LetGoAsync("DestroyPropertyCollector", watch.Collector, null);
        if (watch.View is { } view) await LetGoAsync("DestroyView", view, null);
    }

    private async Task<Watch> BeginWatchAsync(PropertyQuery query, CancellationToken cancel)
    {
        // Whatever of this nobody hears of goes with the session.
        var view = query.Container is { } container ? await CreateViewAsync(container, query.Type, cancel) : (ManagedReference?)null;
        const string Operation = "CreatePropertyCollector";
        var reply = await CallAsync(Operation, Service.PropertyCollector, null, Repeat.Anytime, cancel);
        var collector = Understand($"run {Operation}", Peer, () => reply.Require("returnval").AsReference());
        _ = await CallAsync("CreateFilter", collector, w =>
        {
            w.Element("spec", s => query.WriteTo(s, view));
            w.Flag("partialUpdates", false); // whole values: an item of a list that is told by itself is lost where one update is missed
        }, Repeat.WithinSession, cancel); // the filter is the collector's, and goes with it
        return new Watch(collector, view);
    }

    private sealed class Watch(ManagedReference collector, ManagedReference? view)
    {
        private string version = string.Empty;

        public ManagedReference Collector => collector;

        public ManagedReference? View => view;

        /// <summary>The next set, or null where nothing happened for a while.</summary>
        public async Task<UpdateSet?> NextAsync(VSphereClient client, CancellationToken cancel)
        {
            const string Operation = "WaitForUpdatesEx";
            var wait = client.options.UpdateWait;
            var reply = await client.CallAsync(Operation, collector, w =>
            {
                w.Text("version", version);
                w.Element("options", o =>
                {
                    o.Number("maxWaitSeconds", (long)Math.Ceiling(wait.TotalSeconds));
                    o.Number("maxObjectUpdates", UpdateObjectLimit);
                });
            }, Repeat.WithinSession, cancel, wait + client.options.ReplyDeadline);
            return Understand($"run {Operation}", client.Peer, () => Read(reply));
        }

        private UpdateSet? Read(VimElement reply)
        {
            if (reply.Find("returnval") is not { } result) return null; // nothing happened
            var next = result.Require("version").Text;
            if (next.Length == 0) throw new InvalidDataException("it says what happened, and not until when");
            var updates = result.All("filterSet").SelectMany(f => f.All("objectSet")).Select(ObjectUpdate.Of).ToList();
            var set = new UpdateSet(version.Length == 0, result.FlagOf("truncated") is not true, updates);
            version = next;
            return set;
        }
    }
}
