using System.Globalization;
using Sealift.Rigs;
using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>From one NBD server to another, both in memory: what is measured is the client.</summary>
internal sealed class NbdRow : IRow
{
    public string Name => "nbd";

    public string About => "NBD to NBD with the hash, over Unix sockets, TCP and TLS, against nbdcopy";

    public long RoomBytes(Options options, Sizes sizes) => sizes.Nbd + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), bench.Sizes.Nbd, 51, half: false, cancel);
        RawFiles.Warm(disk.Path);
        Certificates.Write(bench.Scratch.In("pki"));
        foreach (var transport in new[] { Transport.Unix(), Transport.Tcp(), Transport.Tls("pki") })
            await CompareAsync(bench, disk, transport, cancel);
    }

    private async Task CompareAsync(Bench bench, TestDisk disk, Transport transport, CancellationToken cancel)
    {
        var row = $"{Name}: {transport.Name}";
        var (source, target) = (transport.Ends("source"), transport.Ends("target"));
        await using var sourceServer = await NbdServer.StartAsync(bench.Scratch, "source", [.. source.Listen, "--readonly", "file", "source.raw"], cancel);
        NbdServer? targetServer = null;
        try
        {
            Contestant Side(string line, Func<Run, string?> wrong, int exitCode = 0) => new(line)
            {
                ExitCode = exitCode,
                Before = async token =>
                {
                    // A new one for each run: nothing that an earlier one wrote is there, and for each the memory is new.
                    if (targetServer is not null) await targetServer.DisposeAsync();
                    targetServer = await NbdServer.StartAsync(bench.Scratch, "target", [.. target.Listen, "memory", disk.LengthBytes.ToString(CultureInfo.InvariantCulture), "allocator=malloc"], token);
                },
                Beforehand = $"nbdkit {string.Join(' ', source.Listen)} --readonly file source.raw; a new nbdkit {string.Join(' ', target.Listen)} memory {disk.LengthBytes} allocator=malloc",
                WhatIsWrong = async (run, token) => wrong(run)
                    ?? (await bench.Clock.SucceedsAsync($"set -o pipefail; nbdcopy '{target.Uri}' - | cmp - source.raw", token) ? null : "the export differs from source.raw"),
            };

            Contestant Peer(string command) => Side($"{command} '{source.Uri}' '{target.Uri}'", _ => null);
            var ours = Side($"sealift copy --overwrite --no-proof '{source.Uri}' '{target.Uri}'", run => run.Output.StartsWith($"{disk.Hash}  ", StringComparison.Ordinal) ? null : $"not the hash {disk.Hash}: {run.Output}", exitCode: 3);
            var nbdcopy = await Nbdcopy.ForServersAsync(bench, row, Peer, cancel);
            var runs = await bench.InterleaveAsync(row, [ours, Peer(nbdcopy)], disk.LengthBytes, cancel);
            bench.Compare(row, $"`sealift copy --no-proof` of {Text(disk.LengthBytes)} from nbdkit to nbdkit, hashed", $"`{nbdcopy}`, not hashed", new Goal(1.0), runs[0], runs[1]);
        }
        finally
        {
            if (targetServer is not null) await targetServer.DisposeAsync();
        }
    }

    /// <summary>How client and server meet.</summary>
    /// <param name="Name">For people.</param>
    /// <param name="Ends">The server's arguments and the client's URI of the end of that name.</param>
    private sealed record Transport(string Name, Func<string, (IReadOnlyList<string> Listen, string Uri)> Ends)
    {
        public static Transport Unix() => new("Unix sockets", end => (["--unix", $"{end}.sock"], $"nbd+unix:///?socket={end}.sock"));

        public static Transport Tcp() => new("TCP", _ =>
        {
            var port = LoopbackPort.Free();
            return (["--ipaddr", "127.0.0.1", "--port", $"{port}"], $"nbd://127.0.0.1:{port}");
        });

        public static Transport Tls(string certificates) => new("TLS", _ =>
        {
            var port = LoopbackPort.Free();
            return (["--ipaddr", "127.0.0.1", "--port", $"{port}", "--tls", "require", "--tls-certificates", certificates], $"nbds://localhost:{port}/?tls-certificates={certificates}");
        });
    }
}
