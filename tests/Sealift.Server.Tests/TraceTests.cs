using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Server.Tests;

/// <summary>Traces, as they reach whoever the settings name.</summary>
public sealed class TraceTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    /// <summary>By the program itself: what the framework says of requests is decided once in a process, and the collector is of the same framework.</summary>
    [Fact]
    public async Task Requests_reach_the_collector_by_method_route_and_status_and_without_what_was_sent()
    {
        var directory = TestServer.NewDirectory();
        try
        {
            await using var collector = await TraceCollector.StartAsync();
            await File.WriteAllTextAsync(Path.Combine(directory, "server.json"), JsonSerializer.Serialize(new { listen = "127.0.0.1:0", tracesEndpoint = collector.Endpoint }), Cancel);
            await using (var server = ChildProcess.Start(new ChildCommand(Path.Combine(AppContext.BaseDirectory, "sealift-server"), "--state", directory, "--json") { Deadline = TimeSpan.FromMinutes(5) }))
            {
                using var serving = JsonDocument.Parse((await server.ReadLineAsync(Cancel))!);
                using var program = new HttpClient { BaseAddress = new Uri(serving.RootElement.GetProperty("address").GetString()!) };
                program.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sealift_in-the-header");
                Assert.Equal("ok\n", await program.GetStringAsync("/healthz?secret=in-the-query", Cancel));
                (await program.GetAsync("/api/v1/runs/one", Cancel)).Dispose();
                (await program.PostAsync("/api/v1/documents", TestServer.Json("""{"secret":"in-the-body"}"""), Cancel)).Dispose();
                server.Terminate(); // which sends what it has not sent
                Assert.Equal(0, await server.WaitAsync(Cancel));
            }

            Assert.All(collector.Spans, span => Assert.Equal(("sealift-server", "Microsoft.AspNetCore"), (span.Service, span.Source)));
            AssertSpan("GET /healthz", "200");
            AssertSpan("GET /api/v1/runs/{run}", "401");
            AssertSpan("POST /api/v1/documents", "401");
            foreach (var body in collector.Bodies.Select(Encoding.UTF8.GetString))
                foreach (var secret in new[] { "in-the-query", "in-the-body", "in-the-header" }) Assert.DoesNotContain(secret, body, StringComparison.Ordinal);

            void AssertSpan(string name, string status)
            {
                var span = collector.Spans.FirstOrDefault(s => s.Name == name);
                Assert.True(span is not null, string.Join('\n', collector.Spans.Select(s => $"{s.Name}: {string.Join(' ', s.Attributes)}")));
                Assert.Equal((name[..name.IndexOf(' ', StringComparison.Ordinal)], status), (span.Attributes["http.request.method"], span.Attributes["http.response.status_code"]));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>A collector that says nothing costs no request, and holds up no end.</summary>
    [Fact]
    public async Task A_collector_that_does_not_answer_is_in_nobodys_way()
    {
        await using var silent = new SilentServer();
        await using var server = await TestServer.StartAsync(o => o with { TracesEndpoint = new Uri(new UriBuilder(silent.Address) { Scheme = "http" }.Uri, "/v1/traces") });
        using var program = await server.ProgramAsync("read");
        _ = await program.GetStringAsync("/api/v1/runs", Cancel); // that it is answered
        await server.StopAsync().WaitAsync(TimeSpan.FromSeconds(30), Cancel);
    }
}
