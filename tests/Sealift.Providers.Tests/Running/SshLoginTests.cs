using System.Net;
using System.Net.Sockets;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Providers.Tests.Running;

/// <summary>A host at which so many log in at once that its sshd turns some of them away.</summary>
public sealed class SshLoginTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("connection")]
    [InlineData("command")]
    [InlineData("socket")]
    [InlineData("volume")]
    public async Task Turned_away_it_is_tried_again_until_the_host_lets_in(string what)
    {
        await using var server = await SshServer.StartAsync(directory.Path, Cancel, "MaxStartups 1:100:1\nLogLevel DEBUG1");
        var host = new SshHost("127.0.0.1", "root", server.Port, server.KeyFile, server.Client);
        await using var commands = new HostCommands(host);
        using var waiting = await OccupyAsync(server);
        var before = TimesTurnedAway(server);
        var work = what switch
        {
            "connection" => ConnectAsync(server.LibvirtUri),
            "command" => RunAsync(commands),
            "socket" => commands.ReachAsync("/nothing", directory.Path, Cancel),
            _ => ServeAsync(host),
        };
        for (var left = 1500; TimesTurnedAway(server) == before; left--)
        {
            Assert.True(left > 0 && !work.IsCompleted, $"nobody was turned away: {server.Said}");
            await Task.Delay(20, Cancel);
        }

        Assert.False(work.IsCompleted);
        waiting.Close();
        await work;
    }

    [Fact]
    public async Task A_host_that_never_lets_in_is_told_as_ssh_tells_it_and_everything_else_at_once()
    {
        var clock = new HurriedClock();
        var tries = 0;
        var error = await Assert.ThrowsAsync<SealiftException>(() => SshLogin.InsistAsync<int>(() => throw Error($"try {++tries}: kex_exchange_identification: Connection closed by remote host"), Cancel, clock));
        Assert.InRange(tries, 20, 200);
        Assert.Contains($"try {tries}:", error.Message, StringComparison.Ordinal);
        Assert.InRange(clock.Passed, SshLogin.Patience, SshLogin.Patience + TimeSpan.FromSeconds(3));

        tries = 0;
        await Assert.ThrowsAsync<SealiftException>(() => SshLogin.InsistAsync<int>(() => throw Error($"try {++tries}: Permission denied (publickey)."), Cancel, clock));
        Assert.Equal(1, tries);

        static SealiftException Error(string said) => new("SL6418", "log in over SSH", "host7", said, "Log in by hand");
    }

    private static int TimesTurnedAway(SshServer server) => server.Said.Split("past MaxStartups").Length - 1;

    /// <summary>Comes and does not log in: there is room for one.</summary>
    private static async Task<TcpClient> OccupyAsync(SshServer server)
    {
        for (var left = 100; ; left--)
        {
            var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, server.Port, Cancel);
            try
            {
                var said = new byte[4];
                await client.GetStream().ReadExactlyAsync(said, Cancel);
                if (said.SequenceEqual("SSH-"u8)) return client;
            }
            catch (IOException)
            {
                // As below.
            }

            // Turned away itself, where whoever tried whether the server answers has not quite gone.
            client.Dispose();
            Assert.True(left > 0, $"nobody is let in: {server.Said}");
            await Task.Delay(20, Cancel);
        }
    }

    private static async Task ConnectAsync(string uri)
    {
        await using var libvirt = await LibvirtHost.ConnectAsync(uri, Cancel);
        await RunAsync(libvirt.Commands);
    }

    private static async Task RunAsync(HostCommands commands) => Assert.Equal("let in\n", (await commands.RunAsync(["echo", "let in"], Cancel)).Output);

    private async Task ServeAsync(SshHost host)
    {
        var volume = Path.Combine(directory.Path, "volume.raw");
        await File.WriteAllBytesAsync(volume, new byte[1 << 20], Cancel);
        await using var server = await VolumeServer.StartAsync(host, volume, ImageFormat.Raw, writable: true, directory.Path, "disk1", Path.Combine(directory.Path, "here"), Cancel);
        await server.StopAsync();
    }

    /// <summary>A clock on which whoever waits has waited at once.</summary>
    private sealed class HurriedClock : TimeProvider
    {
        public TimeSpan Passed { get; private set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Passed.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Passed += dueTime;
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
