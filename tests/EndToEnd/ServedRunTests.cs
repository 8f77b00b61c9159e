using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>A machine that a server migrates, asked by nothing but its API, and a server that is killed in the middle of it.</summary>
public sealed partial class ServedRunTests(Rig rig)
{
    private const string Password = "correct horse battery staple";

    // Not converted and not booted: what is tried is who carries it out.
    private static string Documents(string source, string target) => $$"""
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: export}
        spec: {type: ova, url: {{source}}}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Provider
        metadata: {name: shelf}
        spec: {type: directory, url: {{target}}}
        ---
        apiVersion: sealift.io/v1alpha1
        kind: Plan
        metadata: {name: saturday}
        spec:
          provider:
            source: {name: export}
            destination: {name: shelf}
          skipGuestConversion: true
          bootCheck: never
          limits: {machines: 1, bandwidth: 1M}
          vms:
          - name: tiny.ova
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_is_killed_while_it_copies_goes_on_with_the_same_migration()
    {
        var (state, source, target) = (rig.NewDirectory(), rig.NewDirectory(), rig.NewDirectory());
        File.Copy(rig.Ova, Path.Combine(source, "tiny.ova"));
        var added = await ChildProcess.RunAsync(rig.Command(state, ["serve", "user", "add", "anna", "--role", "admin"]) with { StandardInput = Password + "\n" }, Cancel);
        Assert.True(added.ExitCode == 0, added.ErrorTail);

        string token, run;
        JsonElement before;
        await using (var server = await ServedHere.StartAsync(rig, state))
        {
            token = await TokenAsync(server.Address);
            using var program = Program(server.Address, token);
            using (var documents = new StringContent(Documents(source, target), Encoding.UTF8, "application/yaml"))
                _ = await ReadAsync(await program.PostAsync("/api/v1/documents", documents, Cancel));
            var report = await ReadAsync(await program.PostAsync("/api/v1/plans/saturday/validate", null, Cancel));
            Assert.True(report.GetProperty("canRun").GetBoolean(), report.GetRawText());
            run = (await ReadAsync(await program.PostAsync("/api/v1/plans/saturday/runs", null, Cancel))).GetProperty("id").GetString()!;
            before = await MachineAsync(program, run, m => m is { IsCopied: true, DoneBytes: > 0 });
            Assert.Equal("started", StateOf(await ReadAsync(await program.GetAsync($"/api/v1/migrations/{before.GetProperty("migration").GetString()}", Cancel)), "copy"));
            await server.KillAsync();
        }

        // What it had started is gone with it, and the copy is not finished.
        for (var left = 300; Attempt.ProcessesAbout(state, target).Any(); left--)
        {
            Assert.True(left > 0, string.Join('\n', Attempt.ProcessesAbout(state, target)));
            await Task.Delay(100, Cancel);
        }

        Assert.Empty(Directory.EnumerateFiles(target, "*.seal.json"));

        var migration = before.GetProperty("migration").GetString()!;
        await using (var server = await ServedHere.StartAsync(rig, state))
        {
            using var program = Program(server.Address, token); // which outlived the server
            var after = await MachineAsync(program, run, m => m.IsOver);
            Assert.Equal(("succeeded", "sealed", migration), (after.GetProperty("state").GetString(), after.GetProperty("verdict").GetString(), after.GetProperty("migration").GetString()));
            await RunEndsAsync(program, run);

            // One migration, whose journal goes on.
            var all = await ReadAsync(await program.GetAsync("/api/v1/migrations", Cancel));
            Assert.Equal(migration, Assert.Single(all.GetProperty("items").EnumerateArray().ToList()).GetProperty("id").GetString());
            var details = await ReadAsync(await program.GetAsync($"/api/v1/migrations/{migration}", Cancel));
            Assert.Equal("done", StateOf(details, "copy"));

            var path = Assert.Single(Directory.GetFiles(target, "*.seal.json"));
            Assert.Equal(await File.ReadAllBytesAsync(path, Cancel), await program.GetByteArrayAsync($"/api/v1/migrations/{migration}/seal", Cancel));
            var verified = await ReadAsync(await program.PostAsync($"/api/v1/migrations/{migration}/verify", null, Cancel));
            var claims = verified.GetProperty("claims").EnumerateArray().ToList();
            Assert.True(claims.Count > 2 && claims.All(c => c.GetProperty("holds").GetBoolean()), verified.GetRawText());
            var said = await rig.RunAsync(state, ["verify", path], Cancel);
            Assert.True(said.ExitCode == 0, said.Output + said.ErrorTail);

            // And the disk is the source's, by the other way to its bytes.
            var compared = await rig.RunAsync(rig.NewDirectory(), ["compare", rig.Disk, Assert.Single(Directory.GetFiles(target, "*.raw"))], Cancel);
            Assert.True(compared.ExitCode == 0, compared.Output + compared.ErrorTail);
            await server.StopAsync();
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(target, ".sealift-*"));
    }

    private static string? StateOf(JsonElement details, string step) =>
        details.GetProperty("steps").EnumerateArray().Single(s => s.GetProperty("step").GetString() == step).GetProperty("state").GetString();

    /// <summary>Logs in as a browser does, and makes a token.</summary>
    private static async Task<string> TokenAsync(Uri address)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = false }) { BaseAddress = address };
        var form = Token().Match(await browser.GetStringAsync("/login", Cancel)).Groups[1].Value;
        using (var fields = new FormUrlEncodedContent([new("user", "anna"), new("password", Password), new("returnUrl", "/"), new("__RequestVerificationToken", form)]))
        using (var answer = await browser.PostAsync("/login", fields, Cancel)) Assert.Equal("/", answer.Headers.Location?.OriginalString);
        browser.DefaultRequestHeaders.Add("X-Sealift-Request", "1");
        using var wanted = new StringContent("""{"name":"rig","scopes":["admin"],"lifetimeHours":1}""", Encoding.UTF8, "application/json");
        return (await ReadAsync(await browser.PostAsync("/api/v1/tokens", wanted, Cancel))).GetProperty("token").GetString()!;
    }

    private static HttpClient Program(Uri address, string token)
    {
        var client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(5) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            var text = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode} {text}");
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
    }

    /// <summary>Follows a run's events until its machine stands so.</summary>
    private static Task<JsonElement> MachineAsync(HttpClient program, string run, Func<Machine, bool> stands) =>
        FollowAsync(program, run, "machines", data => data.EnumerateArray().FirstOrDefault(m => stands(new Machine(m))));

    private static Task<JsonElement> RunEndsAsync(HttpClient program, string run) =>
        FollowAsync(program, run, "run", data => data.GetProperty("state").GetString() == "finished" ? data : default);

    private static async Task<JsonElement> FollowAsync(HttpClient program, string run, string kind, Func<JsonElement, JsonElement> find)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        var last = "nothing";
        try
        {
            using var answer = await program.GetAsync($"/api/v1/events?run={run}", HttpCompletionOption.ResponseHeadersRead, limit.Token);
            using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(limit.Token));
            var at = string.Empty;
            while (await lines.ReadLineAsync(limit.Token) is { } line)
            {
                if (line.StartsWith("event: ", StringComparison.Ordinal)) at = line["event: ".Length..];
                if (!line.StartsWith("data: ", StringComparison.Ordinal) || at != kind) continue;
                last = line;
                using var data = JsonDocument.Parse(line["data: ".Length..]);
                if (find(data.RootElement) is { ValueKind: not JsonValueKind.Undefined } found) return found.Clone();
            }
        }
        catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"the last that was told of the {kind}: {last}");
        }

        throw new InvalidOperationException($"the events ended with {last}");
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex Token();

    private sealed record Machine(JsonElement Told)
    {
        public bool IsCopied => Told.GetProperty("step").GetString()!.StartsWith("copy ", StringComparison.Ordinal); // and of which disk

        public long DoneBytes => Told.GetProperty("doneBytes").GetInt64();

        public bool IsOver => Told.GetProperty("state").GetString() is "succeeded" or "failed" or "cancelled";
    }

    /// <summary>The command that serves, as users start it.</summary>
    private sealed class ServedHere : IAsyncDisposable
    {
        private readonly ChildProcess process;

        private ServedHere(ChildProcess process, Uri address) => (this.process, Address) = (process, address);

        public Uri Address { get; }

        public static async Task<ServedHere> StartAsync(Rig rig, string state)
        {
            var process = ChildProcess.Start(rig.Command(state, ["serve", "--listen", "127.0.0.1:0", "--json"]));
            try
            {
                var said = await process.ReadLineAsync(Cancel) ?? throw new InvalidOperationException(process.ErrorTail);
                using var serving = JsonDocument.Parse(said);
                return new ServedHere(process, new Uri(serving.RootElement.GetProperty("address").GetString()!));
            }
            catch
            {
                await process.DisposeAsync();
                throw;
            }
        }

        /// <summary>As the kernel would, or somebody who pulls the plug.</summary>
        public async Task KillAsync()
        {
            _ = await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", $"{process.Id}"), Cancel); // its exit code is checked
            while (await process.ReadLineAsync(Cancel) is not null)
            {
                // To its end.
            }
        }

        public async Task StopAsync()
        {
            process.Terminate();
            Assert.Equal(0, await process.WaitAsync(Cancel));
        }

        public ValueTask DisposeAsync() => process.DisposeAsync();
    }
}
