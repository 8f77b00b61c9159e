using System.Text.Json;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary><c>sealift copy</c> between units of a real iSCSI target, as a user runs it.</summary>
public sealed class IscsiCopyTests(Rig rig)
{
    private const int Length = (24 << 20) + 512;
    private const string Password = "correct-horse";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Units_are_copied_by_the_array_refused_and_gone_on_with()
    {
        var directory = rig.NewDirectory();
        var (source, target) = (Path.Combine(directory, "source"), Path.Combine(directory, "target"));
        await File.WriteAllBytesAsync(source, Bytes(1), Cancel);
        await File.WriteAllBytesAsync(target, Bytes(2), Cancel);
        await using var array = await IscsiTarget.StartAsync(directory, [source, target], ["user=mover", $"password={Password}"], Cancel);
        var (from, to, secret) = (array.Uri(1, "mover@"), array.Uri(2, "mover@"), Path.Combine(directory, "secret"));
        await File.WriteAllTextAsync(secret, Password + "\n", Cancel);

        // Nothing is written that was not meant, and nobody is let in who has no password, or tells it to everybody.
        foreach (var (code, arguments) in new (string, string[])[]
        {
            ("SL3203", [from, to, "--overwrite"]),
            ("SL4253", [from, to, "--iscsi-password-file", secret]),
            ("SL4257", [from, from, "--overwrite", "--iscsi-password-file", secret]),
            ("SL3201", [array.Uri(1, $"mover%{Password}@"), to, "--overwrite", "--iscsi-password-file", secret]),
        })
        {
            var refused = await rig.RunAsync(directory, ["copy", .. arguments], Cancel);
            Assert.Equal(5, refused.ExitCode);
            Assert.Contains(code, refused.ErrorTail, StringComparison.Ordinal);
            Assert.DoesNotContain(Password, refused.ErrorTail + refused.Output, StringComparison.Ordinal);
        }

        Assert.True(File.ReadAllBytes(target).AsSpan().SequenceEqual(Bytes(2)));

        var copied = await rig.RunAsync(directory, ["copy", from, to, "--overwrite", "--iscsi-password-file", $"mover={secret}"], Cancel);
        Assert.True(copied.ExitCode == 0, copied.ErrorTail);
        Assert.Contains("which the storage copied (xcopy), reads back as the source (READ(16) with FUA", copied.Output, StringComparison.Ordinal);
        Assert.True(File.ReadAllBytes(target).AsSpan().SequenceEqual(Bytes(1)));
        Assert.True(File.ReadAllBytes(source).AsSpan().SequenceEqual(Bytes(1)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(directory, "copies")));

        // Killed in the middle, by either way, it is gone on with.
        foreach (var way in new[] { "xcopy", "stream" })
        {
            await File.WriteAllBytesAsync(target, Bytes(3), Cancel);
            string[] command = ["copy", from, to, "--overwrite", "--iscsi-password-file", secret, "--transfer", way, "--checkpoint", "1M", "--json"];
            await KillAsync(rig.Command(directory, command));
            var resumed = await rig.RunAsync(directory, [.. command, "--resume"], Cancel);
            Assert.True(resumed.ExitCode == 0, resumed.ErrorTail);
            Assert.True(File.ReadAllBytes(target).AsSpan().SequenceEqual(Bytes(1)));
            using var end = JsonDocument.Parse(resumed.Output.TrimEnd().Split('\n')[^1]);
            Assert.Equal(way, end.RootElement.GetProperty("transfer").GetProperty("used").GetString());
        }
    }

    /// <summary>Kills it as soon as it tells that it has copied something.</summary>
    private static async Task KillAsync(ChildCommand command)
    {
        await using var process = ChildProcess.Start(command);
        while (await process.ReadLineAsync(Cancel) is { } line)
        {
            using var told = JsonDocument.Parse(line);
            if (told.RootElement.GetProperty("event").GetString() == "progress" && told.RootElement.GetProperty("doneBytes").GetInt64() > 0) break;
            Assert.NotEqual("copy-finished", told.RootElement.GetProperty("event").GetString());
        }

        process.Kill("the test wants it dead");
        try
        {
            _ = await process.WaitAsync(Cancel); // whatever it ends with
        }
        catch (ChildException)
        {
            // It was killed: that is what was asked for.
        }
    }

    private static byte[] Bytes(int seed)
    {
        var bytes = new byte[Length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
