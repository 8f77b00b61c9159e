using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>Who is talked to, who talks, and what becomes of a session that ends.</summary>
public sealed class SessionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_logs_in_and_out_and_hears_what_the_server_is()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        var client = await server.ConnectAsync(Cancel);
        Assert.True(client.Service.IsVirtualCenter);
        Assert.NotEmpty(client.Service.FullName);
        Assert.Equal("Folder", client.Service.RootFolder.Type);
        Assert.True(await client.IsSessionActiveAsync(Cancel));
        await client.DisposeAsync();
        await client.DisposeAsync();
        Assert.Equal(1, await server.CountAsync("Logout", Cancel));
        Assert.Equal("SL3307", (await Assert.ThrowsAsync<VSphereException>(() => client.FindByInventoryPathAsync("DC0", Cancel))).Code);
    }

    [Fact]
    public async Task A_wrong_password_is_refused_and_stands_in_no_error()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        const string Wrong = "not-the-Pa55word";
        var options = server.Options with { Password = new VSphereSecret(Wrong) };
        var error = await Assert.ThrowsAsync<VSphereFaultException>(() => VSphereClient.ConnectAsync(options, Cancel));
        Assert.Equal("SL3310", error.Code);
        Assert.Contains(VCenter.User, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Wrong, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Wrong, options.ToString(), StringComparison.Ordinal);

        // Nor where the server itself repeats it.
        await server.AnswerAsync("Login", 500, "text/xml", Soap.Fault("InvalidLogin", $"no login with {Wrong}", $"<what>{Wrong}</what>"), Cancel);
        error = await Assert.ThrowsAsync<VSphereFaultException>(() => VSphereClient.ConnectAsync(options, Cancel));
        Assert.Equal("SL3310", error.Code);
        Assert.DoesNotContain(Wrong, error.ToString(), StringComparison.Ordinal);

        // Or where it cannot be sent at all.
        const string Unsendable = "\u0001bell";
        var refused = await Assert.ThrowsAsync<VSphereException>(() => VSphereClient.ConnectAsync(server.Options with { Password = new VSphereSecret(Unsendable) }, Cancel));
        Assert.Equal("SL3301", refused.Code);
        Assert.DoesNotContain("bell", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_is_judged_by_its_authority_its_name_or_its_thumbprint()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using (await VSphereClient.ConnectAsync(server.Options with { Trust = ServerTrust.Authorities(server.CaFile) }, Cancel))
        await using (await VSphereClient.ConnectAsync(server.Options with { Trust = ServerTrust.Pinned(server.Sha1.ToUpperInvariant()) }, Cancel))
        await using (await VSphereClient.ConnectAsync(server.Options with { Trust = ServerTrust.Pinned(string.Join(':', server.Sha256.Chunk(2).Select(c => new string(c)))) }, Cancel))
        {
        }

        var byNumber = new UriBuilder(server.Address) { Host = "127.0.0.1" }.Uri;
        var byName = await RefusedAsync(server.Options with { Address = byNumber, Trust = ServerTrust.Authorities(server.CaFile) });
        Assert.Contains("is not for this name", byName.Message, StringComparison.Ordinal);
        await using (await VSphereClient.ConnectAsync(server.Options with { Address = byNumber }, Cancel)) // the thumbprint says enough
        {
        }

        var bySystem = await RefusedAsync(server.Options with { Trust = ServerTrust.System });
        Assert.Contains(server.Sha256, bySystem.Message, StringComparison.OrdinalIgnoreCase); // what to compare and then pin
        var byThumbprint = await RefusedAsync(server.Options with { Trust = ServerTrust.Pinned(new string('0', 64)) });
        Assert.Contains(server.Sha256, byThumbprint.Message, StringComparison.OrdinalIgnoreCase);
        await RefusedAsync(server.Options with { Trust = ServerTrust.Pinned(new string('0', 40)) });
        Assert.Equal(4, await server.CountAsync("Login", Cancel)); // nobody who is not trusted was told a password

        async Task<VSphereException> RefusedAsync(VSphereOptions options)
        {
            var error = await Assert.ThrowsAsync<VSphereException>(() => VSphereClient.ConnectAsync(options, Cancel));
            Assert.Equal("SL3303", error.Code);
            return error;
        }
    }

    [Theory]
    [InlineData("http://localhost")]
    [InlineData("ftp://localhost/sdk")]
    [InlineData("https://user:hunter2@localhost/")]
    [InlineData("https://localhost/sdk?x=1")]
    public async Task An_address_that_is_none_is_refused_before_anything_is_sent(string address)
    {
        var options = new VSphereOptions { Address = new Uri(address), User = "u", Password = new VSphereSecret("hunter2") };
        var error = await Assert.ThrowsAsync<VSphereException>(() => VSphereClient.ConnectAsync(options, Cancel));
        Assert.Equal("SL3301", error.Code);
        Assert.DoesNotContain("hunter2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("zz")]
    [InlineData("00:11:22")]
    public void A_thumbprint_that_is_none_is_refused(string thumbprint) =>
        Assert.Equal("SL3301", Assert.Throws<VSphereException>(() => ServerTrust.Pinned(thumbprint)).Code);

    [Fact]
    public async Task Nobody_there_is_an_error_that_says_so()
    {
        VSphereOptions options;
        await using (var server = await VCenter.StartAsync(Cancel)) options = server.Options;
        Assert.Equal("SL3302", (await Assert.ThrowsAsync<VSphereException>(() => VSphereClient.ConnectAsync(options, Cancel))).Code);
    }

    [Fact]
    public async Task A_session_that_ended_is_opened_again_and_what_was_refused_is_asked_again()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = (await FirstAsync(client)).Reference;
        await server.ExpireSessionsAsync(Cancel);
        Assert.False(await client.IsSessionActiveAsync(Cancel));
        Assert.Equal("poweredOn", await client.PowerStateAsync(machine, Cancel)); // NotAuthenticated among the properties that are missing
        await server.ExpireSessionsAsync(Cancel);
        var snapshot = await client.MakeSnapshotAsync(machine, "after the end", string.Empty, quiesce: false, Cancel);
        await server.HappenAsync("RemoveSnapshot_Task", "expire", Cancel); // NotAuthenticated as a fault: it was not carried out
        await client.RemoveSnapshotAsync(machine, snapshot.Snapshot, Cancel);
        Assert.Empty(await client.SnapshotsAsync(machine, Cancel));
        Assert.Equal(4, await server.CountAsync("Login", Cancel));
        Assert.Equal(2, await server.CountAsync("RemoveSnapshot_Task", Cancel));
    }

    [Fact]
    public async Task Sessions_that_end_at_once_are_an_error_and_no_endless_loop()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        await server.HappenAsync("ShutdownGuest", "expire", Cancel, count: 100);
        var machine = (await FirstAsync(client)).Reference;
        Assert.Equal("SL3311", (await Assert.ThrowsAsync<VSphereFaultException>(() => client.ShutdownGuestAsync(machine, Cancel))).Code);
        Assert.Equal(2, await server.CountAsync("ShutdownGuest", Cancel));
    }

    [Fact]
    public async Task Parallel_calls_open_a_lost_session_once()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = (await FirstAsync(client)).Reference;
        await server.ExpireSessionsAsync(Cancel);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.FindByInventoryPathAsync("DC0/vm", Cancel)));
        Assert.Equal("poweredOn", await client.PowerStateAsync(machine, Cancel));
        Assert.Equal(2, await server.CountAsync("Login", Cancel));
    }

    private static async Task<VirtualMachine> FirstAsync(VSphereClient client)
    {
        await foreach (var one in client.MachinesAsync(null, Cancel)) return one;
        throw new InvalidOperationException("there is no machine");
    }
}
