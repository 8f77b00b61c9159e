using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Plans;
using Sealift.Plans.Runs;
using Sealift.Server.Api;

namespace Sealift.Server.Tests;

/// <summary>Events, and browsers that go away.</summary>
public sealed class EventTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Fact]
    public async Task Who_watches_is_told_how_all_stands_and_then_what_changes()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        (await program.PostAsync("/api/v1/documents", TestServer.Json(TestServer.PlanOf("weekend", "web01")), Cancel)).Dispose();
        var run = await server.Plans.RunAsync("weekend", null, "admin", Cancel);
        using var answer = await program.GetAsync($"/api/v1/events?run={run.Id}", HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Cancel));
        Assert.Equal(["id: 1", "event: run"], [await LineAsync(lines), await LineAsync(lines)]);
        Assert.Contains("\"state\":\"running\"", await LineAsync(lines), StringComparison.Ordinal);
        Assert.Equal("", await LineAsync(lines));
        Assert.Equal(["id: 2", "event: machines"], [await LineAsync(lines), await LineAsync(lines)]);
        Assert.Contains("\"state\":\"waiting\"", await LineAsync(lines), StringComparison.Ordinal);
        await UntilAsync(lines, "event: current");
        server.Plans.Tell(new RunNews(null, [new MachineRun { Run = run.Id, Machine = "web01", Wave = 1, State = MachineRunState.Migrating, Step = "copy\ndata: forged" }]));
        await UntilAsync(lines, "event: machines");
        var data = await LineAsync(lines);
        Assert.Contains("\"state\":\"migrating\"", data, StringComparison.Ordinal);
        Assert.Contains("forged", data, StringComparison.Ordinal); // within the one line of its event
        await UntilAsync(lines, ":"); // and it says that it is there
    }

    [Fact]
    public async Task Who_comes_back_is_counted_on_and_told_how_all_stands_again()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("read");
        program.DefaultRequestHeaders.Add("Last-Event-ID", "41");
        using var answer = await program.GetAsync("/api/v1/events", HttpCompletionOption.ResponseHeadersRead, Cancel);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Cancel));
        Assert.Equal(["id: 42", "event: current"], [await LineAsync(lines), await LineAsync(lines)]);
    }

    [Fact]
    public async Task A_browser_that_goes_away_leaves_nothing_behind()
    {
        await using var server = await TestServer.StartAsync();
        var streams = server.Running.Services.GetRequiredService<EventStreams>();
        for (var i = 0; i < 5; i++)
        {
            using var program = await server.ProgramAsync("read");
            using var answer = await program.GetAsync("/api/v1/events", HttpCompletionOption.ResponseHeadersRead, Cancel);
            using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Cancel));
            await UntilAsync(lines, "event: current");
            Assert.Equal(1, streams.Open);
            answer.Dispose();
            for (var left = 300; streams.Open + server.Plans.Watchers > 0 && left > 0; left--) await Task.Delay(100, Cancel);
            Assert.Equal((0, 0), (streams.Open, server.Plans.Watchers));
        }
    }

    [Fact]
    public async Task No_more_watch_than_may()
    {
        await using var server = await TestServer.StartAsync(o => o with { Watchers = 1 });
        using var program = await server.ProgramAsync("read");
        using var first = await program.GetAsync("/api/v1/events", HttpCompletionOption.ResponseHeadersRead, Cancel);
        using var second = await program.GetAsync("/api/v1/events", HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, second.StatusCode);
        Assert.Equal("SL9033", await TestServer.CodeAsync(second));
    }

    [Fact]
    public async Task A_server_that_stops_ends_its_streams()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("read");
        using var answer = await program.GetAsync("/api/v1/events", HttpCompletionOption.ResponseHeadersRead, Cancel);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Cancel));
        await UntilAsync(lines, "event: current");
        var stopped = server.StopAsync();
        while (await lines.ReadLineAsync(Cancel) is not null)
        {
            // To its end, which comes.
        }

        await stopped.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
    }

    private static async Task<string> LineAsync(StreamReader lines)
    {
        while (true)
        {
            var line = await lines.ReadLineAsync(Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancel) ?? throw new EndOfStreamException();
            if (line != ":") return line;
            _ = await lines.ReadLineAsync(Cancel); // the empty line after a comment
        }
    }

    private static async Task UntilAsync(StreamReader lines, string wanted)
    {
        while ((await lines.ReadLineAsync(Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancel) ?? throw new EndOfStreamException()) != wanted)
        {
            // What is before it.
        }
    }
}
