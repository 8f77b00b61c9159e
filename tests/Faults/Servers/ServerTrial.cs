using Sealift.Posix;

namespace Sealift.Faults.Servers;

/// <summary>Sealift against one server that is not to be trusted, and then against an honest one on the same socket, as after a repair.</summary>
internal sealed class ServerTrial(OtherSide side, IReadOnlyList<string> mustSay, string ioTimeout)
{
    private readonly DisturbedRun trial = new(side) { MustSay = mustSay };

    public string Socket => trial["s"];

    /// <summary>The file that a server serves: the source, or the target.</summary>
    public string Served => trial["served.raw"];

    private string Uri => $"nbd+unix:///?socket={Socket}";

    private string[] Patience => ["--io-timeout", ioTimeout];

    /// <summary>Copies from a server. Where that fails it is resumed from an honest one.</summary>
    /// <param name="faulty">The server.</param>
    /// <param name="expected">What it says that the disk is; null: the disk.</param>
    /// <param name="otherSize">Whether it says that the disk has another size: then nothing can be resumed.</param>
    public async Task CopyFromAsync(Func<Task<IAsyncDisposable>> faulty, byte[]? expected = null, bool otherSize = false)
    {
        var target = trial["target.raw"];
        bool arrived;
        await using (await faulty())
            arrived = await trial.RunAsync(["copy", Uri, target, .. Patience], _ => DisturbedRun.Bytes(target).AsSpan().SequenceEqual(expected ?? side.Disk), () => !File.Exists(target));
        if (!arrived)
        {
            await using var honest = await Nbdkit.StartAsync(Socket, "file", Served);
            await trial.SucceedAsync(["copy", Uri, target, .. otherSize ? ["--restart"] : Resume(Directory.Exists(target + ".sealift-copy"))]);
            Assert.Equal(side.Disk, DisturbedRun.Bytes(target));
        }

        Assert.False(Directory.Exists(target + ".sealift-copy"));
    }

    /// <summary>Hashes what a server serves.</summary>
    public async Task HashAsync(Func<Task<IAsyncDisposable>> faulty, byte[]? expected = null)
    {
        var plain = trial["plain.raw"];
        await File.WriteAllBytesAsync(plain, expected ?? side.Disk, TestContext.Current.CancellationToken);
        var right = (await trial.SucceedAsync("hash", plain)).Output.Split(' ')[0];
        await using (await faulty())
            await trial.RunAsync(["hash", Uri, .. Patience], result => result.Output.StartsWith(right + " ", StringComparison.Ordinal), () => true);
    }

    /// <summary>Copies to a server over old bytes. Where that fails it is resumed against an honest server that serves what the first one left.</summary>
    /// <param name="faulty">The server.</param>
    /// <param name="stored">What it stores.</param>
    public async Task CopyToAsync(Func<Task<IAsyncDisposable>> faulty, Func<byte[]> stored)
    {
        var source = trial["source.raw"];
        side.WriteDisk(source);
        bool arrived;
        await using (await faulty())
            arrived = await trial.RunAsync(["copy", source, Uri, "--overwrite", .. Patience], _ => stored().AsSpan().SequenceEqual(side.Disk), () => true);
        if (!arrived)
        {
            var left = stored();
            if (!File.Exists(Served)) await File.WriteAllBytesAsync(Served, left, TestContext.Current.CancellationToken);
            await using var honest = await Nbdkit.StartAsync(Socket, "file", Served);
            await trial.SucceedAsync(["copy", source, Uri, "--overwrite", .. Resume(Unfinished)]);
            Assert.Equal(side.Disk, DisturbedRun.Bytes(Served));
        }

        Assert.False(Unfinished);
        Assert.Equal(side.Disk, DisturbedRun.Bytes(source));
    }

    private bool Unfinished => Directory.Exists(Path.Combine(trial.State, "copies")) && Directory.EnumerateFileSystemEntries(Path.Combine(trial.State, "copies")).Any();

    private static string[] Resume(bool unfinished) => unfinished ? ["--resume"] : [];

    /// <summary>Old bytes, none of them what the disk has there and none of them zero.</summary>
    public static byte[] Old(byte[] disk) => Array.ConvertAll(disk, b => b == 0xEE ? (byte)0xDD : (byte)0xEE);
}
