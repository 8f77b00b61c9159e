using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Sealift.Plans;
using Sealift.Plans.Runs;
using Sealift.Server.Accounts;

namespace Sealift.Server.Api;

/// <summary>
/// What happens in runs, as server-sent events (HTML, section 9.2). An event says how a run or machines stand, not what changed: whoever
/// comes back is told how all stand now and has missed nothing that still matters.
/// </summary>
internal static class EventsApi
{
    private const int MachinesOfEvent = 200;

    // Long enough to be no burden and short enough that nobody watches for long after a session has ended: browsers come back by themselves.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(20);

    // A reader that takes nothing for so long is gone, whatever its connection says.
    private static readonly TimeSpan WriteDeadline = TimeSpan.FromSeconds(30);

    /// <summary>Maps it.</summary>
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/events", WatchAsync).Needs(Scope.Read)
        .WithSummary("How runs stand, first all of it and then whenever it changes: events run and machines of one run, or of all that are not over. After event: current all was said once. Comments keep the connection.")
        .Produces(200, contentType: "text/event-stream");

    private static async Task WatchAsync(string? run, HttpContext context, IPlanService plans, EventStreams streams, IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions> json, IHostApplicationLifetime application, ServerParts parts)
    {
        if (run is not null && await plans.Store.FindRunAsync(run, context.RequestAborted) is null) throw ServerErrors.NotFound("run", run);
        using var place = streams.Enter();
        using var ends = application.EndsWith(context.RequestAborted);
        ends.CancelAfter(Lifetime);
        var cancel = ends.Token;
        context.Response.ContentType = "text/event-stream";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        var stream = new EventStream(context.Response.BodyWriter, json.Value.SerializerOptions, long.TryParse(context.Request.Headers["Last-Event-ID"], NumberStyles.None, CultureInfo.InvariantCulture, out var last) ? last : 0);
        try
        {
            // News are listened for before the present is read: nothing falls in between.
            await using var news = plans.WatchAsync(run, cancel).GetAsyncEnumerator(cancel);
            var next = news.MoveNextAsync().AsTask();
            try
            {
                var current = run is null ? await plans.Store.RunsAsync(null, unfinishedOnly: true, 1000, cancel) : await plans.Store.FindRunAsync(run, cancel) is { } one ? [one] : [];
                foreach (var each in current) await SendAsync(stream, new RunNews(each, await plans.Store.MachinesAsync(each.Id, cancel)), cancel);
                stream.Add("current", true);
                await FlushAsync(stream, cancel);
                while (true)
                {
                    if (await Task.WhenAny(next, Task.Delay(parts.Heartbeat, cancel)) != next)
                    {
                        cancel.ThrowIfCancellationRequested();
                        stream.AddComment();
                        await FlushAsync(stream, cancel);
                        continue;
                    }

                    if (!await next) break;
                    await SendAsync(stream, news.Current, cancel);
                    next = news.MoveNextAsync().AsTask();
                }
            }
            finally
            {
                // An enumerator is not disposed while it looks for the next: it hears of the end by the token.
                await ends.CancelAsync();
                await next.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
        catch (OperationCanceledException)
        {
            // The browser went away or takes nothing, the server stops, or it is time to come back: this is how a stream ends.
        }
    }

    private static async Task SendAsync(EventStream stream, RunNews news, CancellationToken cancel)
    {
        if (news.Run is { } run) stream.Add("run", RunView.Of(run));
        foreach (var part in news.Machines.Chunk(MachinesOfEvent))
        {
            stream.Add("machines", part);
            await FlushAsync(stream, cancel);
        }

        await FlushAsync(stream, cancel);
    }

    private static async Task FlushAsync(EventStream stream, CancellationToken cancel)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(WriteDeadline);
        try
        {
            await stream.FlushAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException("The reader takes nothing", cancel);
        }
    }

    /// <summary>Events as bytes.</summary>
    private sealed class EventStream(PipeWriter writer, JsonSerializerOptions json, long last)
    {
        private long number = last;

        /// <summary>Adds an event. Its data are JSON, which has no line breaks.</summary>
        public void Add<T>(string kind, T data)
        {
            Write($"id: {(++number).ToString(CultureInfo.InvariantCulture)}\nevent: {kind}\ndata: ");
            using (var text = new Utf8JsonWriter(writer)) JsonSerializer.Serialize(text, data, json);
            Write("\n\n");
        }

        /// <summary>Adds a comment, which keeps the connection.</summary>
        public void AddComment() => Write(":\n\n");

        /// <summary>Sends what was added.</summary>
        public async Task FlushAsync(CancellationToken cancel)
        {
            if ((await writer.FlushAsync(cancel)).IsCompleted) throw new OperationCanceledException("The reader is gone");
        }

        private void Write(string text) => writer.Write(Encoding.UTF8.GetBytes(text));
    }
}
