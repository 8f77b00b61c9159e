using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>Answers about holes that are wrong: what is taken for a hole is never read, so nothing later could tell.</summary>
public sealed class WrongHoleTests(Rig rig)
{
    [Fact]
    public async Task A_wrong_no_more_data_never_becomes_another_hash()
    {
        var cancel = TestContext.Current.CancellationToken;
        var directory = rig.NewDirectory();
        var disk = Path.Combine(directory, "sparse.raw");
        using (var file = PosixFile.Open(disk, OpenMode.ReadWrite | OpenMode.CreateNew))
        {
            var data = new byte[1 << 20];
            new Random(1).NextBytes(data);
            data.AsSpan(446, 66).Clear();
            file.SetLength(24 << 20);
            foreach (var offset in new[] { 0, 8 << 20, 20 << 20 }) file.WriteAt(data, offset);
        }

        var right = await rig.RunAsync(directory, ["hash", disk], cancel);
        Assert.Equal(0, right.ExitCode);
        for (var call = 1; call <= 9; call++)
        {
            var trace = Path.Combine(directory, $"trace{call}");
            var result = await ChildProcess.RunAsync(
                new ChildCommand("strace", "-f", "-qq", "-o", trace, "-e", "trace=lseek", "-e", $"inject=lseek:error=ENXIO:when={call}", rig.Sealift, "hash", disk, "--state", directory)
                {
                    Deadline = TimeSpan.FromMinutes(1),
                    AcceptedExitCodes = [.. Enumerable.Range(0, 128)],
                },
                cancel);
            Assert.True(result.ExitCode != 0 || result.Output == right.Output, $"call {call}: {result.Output}, and {await File.ReadAllTextAsync(trace, cancel)}");
        }
    }
}
