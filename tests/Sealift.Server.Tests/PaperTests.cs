using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sealift.Posix;

namespace Sealift.Server.Tests;

/// <summary>What is written about the server, and what it says of itself.</summary>
public sealed class PaperTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task The_description_of_the_API_is_the_one_in_the_documentation()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("read");
        var now = JsonNode.Parse(await program.GetStringAsync("/api/v1/openapi.json", TestServer.Cancel))!;
        Assert.StartsWith("3.1", now["openapi"]!.GetValue<string>(), StringComparison.Ordinal);
        var text = now.ToJsonString(Indented) + "\n";
        var path = Path.Combine(Root(), "docs", "formats", "openapi.json");
        if (!File.Exists(path) || await File.ReadAllTextAsync(path, TestServer.Cancel) != text)
        {
            var written = Path.Combine(Path.GetTempPath(), "openapi.json");
            await File.WriteAllTextAsync(written, text, TestServer.Cancel);
            Assert.Fail($"docs/formats/openapi.json is another: compare it with {written}, and copy that over it");
        }
    }

    [Fact]
    public async Task Figures_are_for_those_who_may_read_unless_the_settings_open_them_on_loopback()
    {
        await using (var closed = await TestServer.StartAsync())
        {
            using var nobody = closed.Browser();
            using (var answer = await nobody.GetAsync("/metrics", TestServer.Cancel)) Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
            using var program = await closed.ProgramAsync("read");
            (await program.PostAsync("/api/v1/plans/weekend/runs", null, TestServer.Cancel)).Dispose();
            var text = await program.GetStringAsync("/metrics", TestServer.Cancel);
            Assert.Contains("sealift_migrations{verdict=\"sealed\"} 0\n", text, StringComparison.Ordinal);
            Assert.Contains("sealift_run_machines{state=\"stuck\"} 0\n", text, StringComparison.Ordinal);
            Assert.Contains("http_server_request_duration_seconds_count{method=\"POST\",route=\"/api/v1/plans/{plan}/runs\",status=\"403\"} 1\n", text, StringComparison.Ordinal);
            foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries)) Assert.Matches("^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\\})? [0-9.eE+-]+)$", line);
        }

        await using var open = await TestServer.StartAsync(o => o with { OpenMetrics = true });
        using var browser = open.Browser();
        Assert.Contains("sealift_migrations", await browser.GetStringAsync("/metrics", TestServer.Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_unit_is_one_that_systemd_takes()
    {
        var unit = Path.Combine(Root(), "packaging", "sealift.service");
        var text = await File.ReadAllTextAsync(unit, TestServer.Cancel);
        foreach (var setting in new[] { "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectKernelModules=yes", "UMask=0077" }) Assert.Contains(setting, text, StringComparison.Ordinal);
        // The program that it names need not be installed here.
        var directory = Directory.CreateTempSubdirectory("sealift-unit-").FullName;
        try
        {
            var copy = Path.Combine(directory, "sealift.service");
            await File.WriteAllTextAsync(copy, text.Replace("/usr/lib/sealift/sealift", "/bin/true", StringComparison.Ordinal), TestServer.Cancel);
            var answer = await ChildProcess.RunAsync(new ChildCommand("systemd-analyze", "verify", "--man=no", copy) { AcceptedExitCodes = [0, 1] }, TestServer.Cancel);
            Assert.DoesNotContain("sealift.service", answer.Output + answer.ErrorTail, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Every_setting_is_in_the_guide()
    {
        var guide = await File.ReadAllTextAsync(Path.Combine(Root(), "docs", "server.md"), TestServer.Cancel);
        foreach (var property in typeof(ServerSettings).GetProperties().Concat(typeof(OidcOptions).GetProperties()).Where(p => p.CanWrite)) Assert.Contains($"`{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}`", guide, StringComparison.Ordinal);
    }

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
