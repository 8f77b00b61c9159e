using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace Sealift.Bench.Server;

/// <summary>Browsers that look at a plan: each follows the events and asks for the page again as the script of the pages does.</summary>
internal sealed partial class Load : IAsyncDisposable
{
    private readonly Process server;
    private readonly string directory;
    private readonly HttpClient client;
    private readonly ConcurrentBag<double> pages = [], events = [];
    private int told;

    private Load(Process server, string directory, HttpClient client) => (this.server, this.directory, this.client) = (server, directory, client);

    /// <summary>Starts the server, and logs in.</summary>
    public static async Task<Load> StartAsync(int machines)
    {
        var directory = Directory.CreateTempSubdirectory("sealift-bench-").FullName;
        var server = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["serve", Path.Combine(directory, "state"), machines.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var address = await server.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The server did not start");
        var client = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), MaxConnectionsPerServer = int.MaxValue, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5) }) { BaseAddress = new Uri(address), Timeout = Timeout.InfiniteTimeSpan };
        var token = Token().Match(await client.GetStringAsync("/login")).Groups[1].Value;
        using var form = new FormUrlEncodedContent([new("__RequestVerificationToken", token), new("user", "bench"), new("password", SimulatedServer.Password), new("returnUrl", "/")]);
        using var answer = await client.PostAsync("/login", form);
        answer.EnsureSuccessStatusCode();
        return new Load(server, directory, client);
    }

    /// <summary>Measures, and says what came of it as a table in Markdown.</summary>
    public async Task<string> MeasureAsync(int sessions, int machines, TimeSpan time)
    {
        using var end = new CancellationTokenSource();
        List<Task> browsers = [];
        var started = Stopwatch.StartNew();
        for (var i = 0; i < sessions; i++)
        {
            browsers.Add(BrowseAsync(end.Token));
            // As people come, and not all in one moment.
            await Task.Delay(TimeSpan.FromMilliseconds(10));
        }

        await Task.Delay(TimeSpan.FromSeconds(3));
        pages.Clear();
        (told, var busyBefore) = (0, server.TotalProcessorTime);
        started.Restart();
        var probe = ProbeAsync(end.Token);
        await Task.Delay(time);
        server.Refresh();
        var (elapsed, busy) = (started.Elapsed, server.TotalProcessorTime - busyBefore);
        var (memory, most) = (Status("VmRSS"), Status("VmHWM"));
        await end.CancelAsync();
        await Task.WhenAll([.. browsers, probe]);
        return $"""
            | what | figure |
            |---|---:|
            | browsers that follow a plan | {sessions} |
            | machines of the plan, each with progress once a second | {machines} |
            | events to browsers, per second | {told / elapsed.TotalSeconds:0} |
            | pages, per second | {pages.Count / elapsed.TotalSeconds:0} |
            | a page: p50 / p95 / p99 | {Of(pages, 50)} / {Of(pages, 95)} / {Of(pages, 99)} ms |
            | from an order to its event: p50 / p95 / p99 | {Of(events, 50)} / {Of(events, 95)} / {Of(events, 99)} ms |
            | processors | {busy.TotalSeconds / elapsed.TotalSeconds:0.00} of {Environment.ProcessorCount} |
            | memory, and the most of it | {memory} / {most} MiB |
            """;
    }

    public async ValueTask DisposeAsync()
    {
        server.StandardInput.Close();
        await server.WaitForExitAsync();
        server.Dispose();
        client.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    /// <summary>One browser: like wwwroot/live.js, it rests ten times as long as a page took, and at least a second.</summary>
    private async Task BrowseAsync(CancellationToken end)
    {
        try
        {
            using var stream = await OpenAsync("/live?run=261127-000000-fle", end);
            using var reader = new StreamReader(stream);
            while (await reader.ReadLineAsync(end) is { } line)
            {
                if (!line.StartsWith("data:", StringComparison.Ordinal)) continue;
                Interlocked.Increment(ref told);
                var began = Stopwatch.GetTimestamp();
                _ = await client.GetStringAsync($"/plans/{SimulatedServer.Plan}", end); // read whole; what it says is the tests' business
                var took = Stopwatch.GetElapsedTime(began);
                pages.Add(took.TotalMilliseconds);
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Max(1000, 10 * took.TotalMilliseconds)), end);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The measurement is over.
        }
    }

    /// <summary>Orders something of a run in which nothing else happens, and waits for the event.</summary>
    private async Task ProbeAsync(CancellationToken end)
    {
        try
        {
            const string Run = "261127-000000-qui";
            using var stream = await OpenAsync($"/live?run={Run}", end);
            using var reader = new StreamReader(stream);
            await EventAsync(reader, end); // whoever begins to listen is told once, whatever happened
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(1.5), end); // events are at least a second apart
                var began = Stopwatch.GetTimestamp();
                using var order = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/runs/{Run}/cancel") { Content = new StringContent("{}", new MediaTypeHeaderValue("application/json")) };
                order.Headers.Add("X-Sealift-Request", "1");
                using var answer = await client.SendAsync(order, end);
                answer.EnsureSuccessStatusCode();
                await EventAsync(reader, end);
                events.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The measurement is over.
        }
    }

    private static async Task EventAsync(StreamReader reader, CancellationToken end)
    {
        while (!(await reader.ReadLineAsync(end) ?? throw new EndOfStreamException("The server sends no more")).StartsWith("data:", StringComparison.Ordinal))
        {
            // What is before it.
        }
    }

    private async Task<Stream> OpenAsync(string address, CancellationToken end)
    {
        var answer = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, end);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsStreamAsync(end);
    }

    private string Status(string field)
    {
        var line = File.ReadLines($"/proc/{server.Id}/status").First(l => l.StartsWith(field, StringComparison.Ordinal));
        return (long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024).ToString(CultureInfo.InvariantCulture);
    }

    private static string Of(ConcurrentBag<double> all, int percent)
    {
        var sorted = all.Order().ToList();
        return sorted.Count == 0 ? "–" : sorted[Math.Min(sorted.Count - 1, sorted.Count * percent / 100)].ToString("0", CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex Token();
}
