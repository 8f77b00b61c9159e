using System.Runtime.CompilerServices;

namespace Sealift.VSphere;

/// <content>Properties of objects, page by page.</content>
public sealed partial class VSphereClient
{
    // Sessions that end again and again in the middle of a list do not get better by asking more often.
    private const int RestartLimit = 3;
    // A vCenter manages some ten thousand machines.
    private const int ObjectLimit = 1_000_000;
    private const int IdlePageLimit = 100;

    /// <summary>
    /// Reads properties of objects, one page at a time (<see cref="VSphereOptions.PageObjects"/>), so that thousands of machines take no
    /// more memory than one page. Each object comes once, also where the list had to be begun again because the session had ended.
    /// </summary>
    /// <param name="query">Which properties of which objects.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async IAsyncEnumerable<ObjectProperties> RetrieveAsync(PropertyQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (query.Container is null && query.Objects.Count == 0) yield break;
        var told = new HashSet<ManagedReference>();
        ManagedReference? view = null;
        string? token = null;
        var idle = 0;
        try
        {
            for (var restarts = 0; ;)
            {
                PropertyPage page;
                try
                {
                    if (token is null && query.Container is { } container) view ??= await CreateViewAsync(container, query.Type, cancel);
                    page = token is null ? await FirstPageAsync(query, view, cancel) : await NextPageAsync(token, cancel);
                }
                catch (VSphereException e) when (restarts < RestartLimit && (e.IsSessionLost || (e.IsOutcomeUnknown && token is not null)))
                {
                    // Views and pages went with the session. A page whose reply was lost cannot be had again either.
                    restarts++;
                    (view, token) = (e.IsSessionLost ? null : view, null);
                    continue;
                }

                token = page.Token;
                var before = told.Count;
                foreach (var one in page.Objects)
                {
                    if (told.Add(one.Reference)) yield return one;
                }

                idle = told.Count > before ? 0 : idle + 1;
                if (told.Count > ObjectLimit || idle > IdlePageLimit) throw VSphereErrors.NotUnderstood("read properties", Peer, "the list does not end");

                if (token is null) yield break;
            }
        }
        finally
        {
            if (token is { } rest) await LetGoAsync("CancelRetrievePropertiesEx", Service.PropertyCollector, w => w.Text("token", rest));
            if (view is { } left) await LetGoAsync("DestroyView", left, null);
        }
    }

    /// <summary>Reads properties of one object.</summary>
    /// <param name="target">The object.</param>
    /// <param name="paths">The properties.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereFaultException">SL3313: it is not there.</exception>
    public async Task<ObjectProperties> RetrieveOneAsync(ManagedReference target, IReadOnlyList<string> paths, CancellationToken cancel)
    {
        await foreach (var one in RetrieveAsync(new PropertyQuery(target.Type, paths) { Objects = [target] }, cancel)) return one;
        throw VSphereErrors.Refused("read properties", SubjectOf(target), new VSphereFault("ManagedObjectNotFound", "it is not there", null));
    }

    private async Task<ManagedReference> CreateViewAsync(ManagedReference container, string type, CancellationToken cancel)
    {
        const string Operation = "CreateContainerView";
        // One that nobody heard of goes with the session.
        var reply = await CallAsync(Operation, Service.ViewManager, w =>
        {
            w.Reference("container", container);
            w.Text("type", type);
            w.Flag("recursive", true);
        }, Repeat.Anytime, cancel);
        return Understand($"run {Operation}", SubjectOf(container), () => reply.Require("returnval").AsReference());
    }

    private async Task<PropertyPage> FirstPageAsync(PropertyQuery query, ManagedReference? view, CancellationToken cancel)
    {
        var seen = Interlocked.Read(ref session);
        var reply = await CallAsync("RetrievePropertiesEx", Service.PropertyCollector, w =>
        {
            w.Element("specSet", s => query.WriteTo(s, view));
            w.Element("options", o => o.Number("maxObjects", Math.Clamp(options.PageObjects, 1, 1000)));
        }, view is null ? Repeat.Anytime : Repeat.WithinSession, cancel);
        return await ReadPageAsync("run RetrievePropertiesEx", reply, seen, cancel);
    }

    private async Task<PropertyPage> NextPageAsync(string token, CancellationToken cancel)
    {
        var seen = Interlocked.Read(ref session);
        var reply = await CallAsync("ContinueRetrievePropertiesEx", Service.PropertyCollector, w => w.Text("token", token), Repeat.WithinSession, cancel);
        return await ReadPageAsync("run ContinueRetrievePropertiesEx", reply, seen, cancel);
    }

    private async Task<PropertyPage> ReadPageAsync(string attempt, VimElement reply, long seen, CancellationToken cancel)
    {
        var page = Understand(attempt, Peer, () => reply.Find("returnval") is { } result
            ? new PropertyPage(result.TextOf("token") is { Length: > 0 } token ? token : null, [.. result.All("objects").Select(ObjectProperties.Of)])
            : new PropertyPage(null, [])); // nothing matches
        if (!page.Objects.Any(o => o.Missing.Values.Any(f => f.IsNotAuthenticated))) return page;

        // Without a session a server does answer, and says of each property that it may not be told.
        await OpenAgainAsync(seen, cancel);
        throw VSphereErrors.SessionLost(attempt, Peer);
    }

    /// <summary>Gives something of the session back before its end.</summary>
    private async Task LetGoAsync(string operation, ManagedReference target, Action<VimWriter>? arguments)
    {
        try
        {
            _ = await http.PostAsync(operation, SubjectOf(target), Write(operation, target, arguments), startsSession: false, LogoutDeadline, CancellationToken.None); // it returns nothing
        }
        catch (VSphereException)
        {
            // It goes with the session at the latest; what was read is none the worse for it.
        }
    }

    private sealed record PropertyPage(string? Token, IReadOnlyList<ObjectProperties> Objects);
}
