using System.Net;
using System.Net.Sockets;

namespace Sealift.Scsi.Tests;

/// <summary>What listens there is no target, or none that answers: each ends in time, with an error that says it.</summary>
public sealed class SessionFaultTests(TwoUnits units) : IClassFixture<TwoUnits>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nobody_listens()
    {
        using var listener = Listen(IPAddress.Loopback);
        var place = Place(((IPEndPoint)listener.LocalEndpoint).Port, TimeSpan.FromSeconds(30));
        listener.Stop();
        Assert.Equal("SL3210", (await Assert.ThrowsAnyAsync<ScsiException>(() => ScsiUnit.OpenAsync(place, mayWrite: false, null, Cancel))).Code);
    }

    /// <summary>The kernel takes the connection, and nobody ever answers.</summary>
    [Fact]
    public async Task Who_listens_says_nothing()
    {
        using var listener = Listen(IPAddress.Loopback);
        var silent = await Assert.ThrowsAnyAsync<ScsiException>(() => ScsiUnit.OpenAsync(Place(((IPEndPoint)listener.LocalEndpoint).Port, TimeSpan.FromSeconds(1)), mayWrite: false, null, Cancel));
        Assert.Equal("SL3210", silent.Code);
        Assert.Contains("not answered within", silent.Said, StringComparison.Ordinal);
        listener.Stop();
    }

    [Fact]
    public async Task Whoever_waits_can_be_told_to_stop()
    {
        using var listener = Listen(IPAddress.Loopback);
        using var stop = new CancellationTokenSource();
        var opening = ScsiUnit.OpenAsync(Place(((IPEndPoint)listener.LocalEndpoint).Port, TimeSpan.FromMinutes(10)), mayWrite: false, null, stop.Token);
        using var client = await listener.AcceptTcpClientAsync(Cancel);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        listener.Stop();
    }

    /// <summary>What comes back is no iSCSI, or its beginning with lengths that nobody would send.</summary>
    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")]
    [InlineData("")]
    [InlineData("\u0023\u0087\0\0\u007F\u00FF\u00FF\u00FF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")]
    public async Task What_listens_is_no_target(string answer)
    {
        using var listener = Listen(IPAddress.Loopback);
        var opening = ScsiUnit.OpenAsync(Place(((IPEndPoint)listener.LocalEndpoint).Port, TimeSpan.FromSeconds(10)), mayWrite: false, null, Cancel);
        using (var client = await listener.AcceptTcpClientAsync(Cancel))
        {
            var request = new byte[48];
            await client.GetStream().ReadExactlyAsync(request, Cancel);
            await client.GetStream().WriteAsync(System.Text.Encoding.Latin1.GetBytes(answer), Cancel);
        }

        Assert.Matches("SL3210|SL3212", (await Assert.ThrowsAnyAsync<ScsiException>(() => opening)).Code);
        listener.Stop();
    }

    /// <summary>By an IPv6 address, and then the line is cut.</summary>
    [Fact]
    public async Task A_line_that_is_cut_stays_cut()
    {
        using var listener = Listen(IPAddress.IPv6Loopback);
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var between = ForwardAsync(listener, units.Target.Port, cut.Token);
        var uri = IscsiUri.Parse($"iscsi://[::1]:{((IPEndPoint)listener.LocalEndpoint).Port}/{units.Target.Name}/1");
        using (var unit = await ScsiUnit.OpenAsync(ScsiPlace.Of(uri, new IscsiOptions()), mayWrite: false, null, Cancel))
        {
            var block = new byte[512];
            unit.Read(3, block, fua: false, Cancel);
            Assert.True(block.AsSpan().SequenceEqual(units.Content.AsSpan(3 * 512, 512)));
            await cut.CancelAsync();
            await between;
            for (var again = 0; again < 2; again++) Assert.Equal("SL3212", Assert.Throws<ScsiException>(() => unit.Read(3, block, fua: false, Cancel)).Code);
        }

        listener.Stop();
    }

    private static TcpListener Listen(IPAddress address)
    {
        var listener = new TcpListener(address, 0);
        listener.Start();
        return listener;
    }

    private static ScsiPlace Place(int port, TimeSpan deadline) => ScsiPlace.Of(IscsiUri.Parse($"iscsi://127.0.0.1:{port}/iqn.2026-01.invalid.rig:none/1"), new IscsiOptions { ConnectDeadline = deadline, ReplyDeadline = deadline });

    /// <summary>Hands one connection on to a port of this host, until it is cut.</summary>
    private static async Task ForwardAsync(TcpListener listener, int port, CancellationToken cut)
    {
        using var here = await listener.AcceptTcpClientAsync(cut);
        using var there = new TcpClient();
        await there.ConnectAsync(IPAddress.Loopback, port, cut);
        try
        {
            await Task.WhenAll(here.GetStream().CopyToAsync(there.GetStream(), cut), there.GetStream().CopyToAsync(here.GetStream(), cut));
        }
        catch (OperationCanceledException)
        {
            // It was cut: that is what was asked for.
        }
    }
}
