using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Features;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Posix;
using Sealift.Server.Accounts;
using Sealift.Server.Api;

namespace Sealift.Server.Pages;

/// <summary>
/// Tells browsers that what they show has changed, and no more: server-sent events without content, at most one a second. What it
/// changed to they read as the page itself, so that only the server makes markup.
/// </summary>
internal static class LiveEvents
{
    // Browsers come back by themselves; whoever's session is over then is not let in.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15), Pause = TimeSpan.FromSeconds(1), Look = TimeSpan.FromSeconds(2), WriteDeadline = TimeSpan.FromSeconds(30);

    private static readonly byte[] Changed = Encoding.UTF8.GetBytes("data: changed\n\n"), Alive = Encoding.UTF8.GetBytes(":\n\n");

    /// <summary>Maps them.</summary>
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/live", SendAsync).RequireAuthorization(Scope.Read).ExcludeFromDescription();

    private static async Task SendAsync(string? run, string? migration, HttpContext context, IPlanService plans, EventStreams streams, Verifications verifications, ServerParts parts, IHostApplicationLifetime application)
    {
        using var place = streams.Enter();
        using var ends = application.EndsWith(context.RequestAborted);
        ends.CancelAfter(Lifetime);
        var cancel = ends.Token;
        context.Response.ContentType = "text/event-stream";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        // One place: what happens while the browser is told of something is told with the next.
        var news = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        // What changed between the making of the page and this nobody has heard of.
        _ = news.Writer.TryWrite(true); // it is empty
        List<Task> watchers = [WatchRunsAsync(plans, run, news.Writer, cancel)];
        if (migration is not null) watchers.Add(WatchMigrationAsync(plans, verifications, migration, news.Writer, cancel));
        try
        {
            await WriteAsync(context, Alive, cancel);
            while (true)
            {
                using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                silence.CancelAfter(parts.Heartbeat);
                var isNews = true;
                try
                {
                    _ = await news.Reader.ReadAsync(silence.Token); // that there is some
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    isNews = false;
                }

                await WriteAsync(context, isNews ? Changed : Alive, cancel);
                await Task.Delay(Pause, cancel);
            }
        }
        catch (OperationCanceledException)
        {
            // The browser went away or takes nothing, the server stops, or it is time to come back: this is how it ends.
        }
        finally
        {
            await ends.CancelAsync();
            await Task.WhenAll(watchers);
        }
    }

    private static async Task WriteAsync(HttpContext context, byte[] bytes, CancellationToken cancel)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(WriteDeadline);
        await context.Response.Body.WriteAsync(bytes, deadline.Token);
        await context.Response.Body.FlushAsync(deadline.Token);
    }

    private static async Task WatchRunsAsync(IPlanService plans, string? run, ChannelWriter<bool> news, CancellationToken cancel)
    {
        try
        {
            await foreach (var each in plans.WatchAsync(run, cancel)) _ = news.TryWrite(true); // false: it is about to be told anyway
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Nobody looks any more.
        }
    }

    /// <summary>The journal's steps, which also migrations have that no plan began.</summary>
    private static async Task WatchMigrationAsync(IPlanService plans, Verifications verifications, string migration, ChannelWriter<bool> news, CancellationToken cancel)
    {
        try
        {
            var last = StateOf(plans, verifications, migration);
            using var timer = new PeriodicTimer(Look);
            while (await timer.WaitForNextTickAsync(cancel))
            {
                var now = StateOf(plans, verifications, migration);
                if (now == last) continue;
                _ = news.TryWrite(true); // false: it is about to be told anyway
                last = now;
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Nobody looks any more.
        }
    }

    private static string StateOf(IPlanService plans, Verifications verifications, string migration)
    {
        try
        {
            var details = plans.Migrations.Show(migration);
            var verification = verifications.Find(details.Summary.Id);
            return $"{details.Summary.State} {details.Outcome?.Verdict} {string.Join(' ', details.Steps.Select(s => s.State))} {verification?.BegunAt:O} {verification?.Work.IsCompleted} {string.Join(' ', verification?.Disks.Select(d => d.DoneBytes >> 24) ?? [])}";
        }
        catch (SealiftException e)
        {
            return e.Code; // it does not exist yet, or the journal is busy: the next look tells
        }
    }
}
