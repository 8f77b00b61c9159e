using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Migrations;

namespace Sealift.Server.Tests;

/// <summary>Seals that pages and programs have verified: each reads whole disks.</summary>
public sealed class VerificationTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Fact]
    public async Task Pages_and_programs_have_the_same_turns()
    {
        await using var server = await TestServer.StartAsync();
        var id = await MigrateAsync(server);
        using var program = await server.ProgramAsync("operate");
        using var browser = await server.LoggedInAsync("operate");
        var turns = server.Running.Services.GetRequiredService<VerificationTurns>();

        // Two others are at work, whoever asked for them.
        using (var one = turns.TryTake("one"))
        using (var two = turns.TryTake("two"))
        {
            Assert.NotNull(one);
            Assert.NotNull(two);
            Assert.Equal("SL9034", await ProgramAsync());
            Assert.Equal("SL9108", await BrowserAsync());
        }

        // One is, and it is of this seal.
        using (turns.TryTake(id))
        {
            Assert.Equal("SL9034", await ProgramAsync());
            Assert.Equal("SL9108", await BrowserAsync());
            using var other = turns.TryTake("other");
            Assert.NotNull(other);
        }

        // None is: each has its turn, and gives it back.
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("done", await ProgramAsync());
            Assert.Equal("done", await BrowserAsync());
            for (var left = 600; ; left--)
            {
                using var free = turns.TryTake(id);
                if (free is not null) break;
                Assert.True(left > 0, "the page's verification never gave its turn back");
                await Task.Delay(50, Cancel);
            }
        }

        async Task<string> ProgramAsync()
        {
            using var answer = await program.PostAsync($"/api/v1/migrations/{id}/verify", null, Cancel);
            if (answer.StatusCode != HttpStatusCode.OK) return await TestServer.CodeAsync(answer);
            return (await TestServer.ReadAsync(answer)).GetProperty("ok").GetBoolean() ? "done" : await answer.Content.ReadAsStringAsync(Cancel);
        }

        async Task<string> BrowserAsync()
        {
            using var answer = await TestServer.SubmitAsync(browser, $"/migrations/{id}", [], $"/migrations/{id}/verify");
            if (answer.StatusCode == HttpStatusCode.Redirect) return "done";
            var said = await answer.Content.ReadAsStringAsync(Cancel);
            return said.Contains("SL9108", StringComparison.Ordinal) ? "SL9108" : said;
        }
    }

    /// <summary>A small disk, migrated for real: nothing is on it, nothing is converted.</summary>
    private static async Task<string> MigrateAsync(TestServer server)
    {
        var directory = Directory.CreateDirectory(Path.Combine(server.Options.StateDirectory, "machines")).FullName;
        var image = Path.Combine(directory, "small.raw");
        await File.WriteAllBytesAsync(image, new byte[1 << 20], Cancel);
        var request = new MigrationRequest { Sources = [image], TargetDirectory = Directory.CreateDirectory(Path.Combine(directory, "out")).FullName, Convert = false, Check = false, AcceptDegraded = true, BootCheck = BootCheck.Never };
        var outcome = await MigrationRunner.StartAsync(server.Plans.Migrations, request, new Unobserved(), Cancel);
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        return outcome.Id;
    }

    private sealed class Unobserved : IMigrationObserver
    {
        public void Report(MigrationEvent happened)
        {
            // Nobody looks.
        }
    }
}
