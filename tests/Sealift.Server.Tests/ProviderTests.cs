using System.Net;
using Sealift.Providers;

namespace Sealift.Server.Tests;

/// <summary>Servers that machines come from, asked by the API.</summary>
public sealed class ProviderTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Theory]
    [InlineData("machines")]
    [InlineData("networks")]
    [InlineData("datastores")]
    public async Task A_server_that_stops_waits_for_no_provider(string what)
    {
        await using var silent = new SilentServer();
        await using var server = await TestServer.StartAsync();
        new VSphereRegistry(server.Options.StateDirectory).Add(new VSphereProvider { Name = "vc1", Address = silent.Address, User = "reader", Password = PasswordPlace.Store, Thumbprint = new string('a', 64) }, "secret");
        using var program = await server.ProgramAsync("read");
        var answer = program.GetAsync($"/api/v1/providers/vc1/{what}", Cancel);
        await silent.Called.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.False(answer.IsCompleted);

        // A request that nobody ends is waited for until the host gives up, after 75 seconds.
        await server.StopAsync().WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        using var said = await answer;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, said.StatusCode);
        Assert.Equal("SL9036", await TestServer.CodeAsync(said));
    }
}
