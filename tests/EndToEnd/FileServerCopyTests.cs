using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary><c>sealift copy</c> between files of a file server that copies by itself: a small VM that is server and client, with the real command inside.</summary>
public sealed class FileServerCopyTests(Rig rig)
{
    private const int Length = 24 << 20;

    /// <summary>After each run it prints, as <c>wire NAME OPERATION COUNT BYTES</c>, what has gone to the server since it was mounted: requests, and the bytes of both directions.</summary>
    private const string Job = """
        wire() { # a name, a mount point
          awk -v name=$1 -v place="mounted on $2 with" '/^device/ { here = index($0, place) > 0 } here && $1 ~ /^(READ|WRITE|COPY|CLONE):$/ { sub(":", "", $1); print "wire", name, $1, $2, $5 + $6 }' /proc/self/mountstats
        }
        run() { # a name, a mount point, and the arguments of sealift copy
          name=$1 place=$2; shift 2
          wire before-$name $place
          sealift copy --json --source-format raw --state /tmp/state "$@" > /tmp/out 2> /tmp/err
          echo "exit $name $?"
          sed "s/^/out $name /" /tmp/out | grep -v '"event":"progress"'
          sed "s/^/err $name /" /tmp/err
          wire $name $place
        }
        same() { cmp "$2" "$3" && echo "same $1"; }
        cp /srv/source /srv/two/source; sync

        run plain /mnt /mnt/source /mnt/plain
        same plain /srv/source /srv/plain
        run across /mnt/two --transfer copy-range /mnt/source /mnt/two/across
        same across /srv/source /srv/two/across
        run shared /mnt/two /mnt/two/source /mnt/two/shared
        same shared /srv/source /srv/two/shared
        run old /old /old/source /old/old
        same old /srv/source /srv/old
        run asked /old --transfer copy-range /old/source /old/asked
        same asked /srv/source /srv/asked
        ls -A /srv /srv/two | sed 's/^/left /'

        # 8 MiB are left, of the server's.
        dd if=/dev/zero of=/srv/filler bs=1M 2> /dev/null
        truncate -s $(($(stat -c %s /srv/filler) - 8388608)) /srv/filler; sync
        run full /mnt --transfer copy-range /mnt/source /mnt/full
        rm /srv/filler; sync
        run resumed /mnt --resume --transfer copy-range /mnt/source /mnt/full
        same resumed /srv/source /srv/full
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_copies_and_both_sides_are_read()
    {
        var directory = rig.NewDirectory();
        var (one, two) = (Path.Combine(directory, "one"), Path.Combine(directory, "two"));
        await ShellAsync($"truncate -s 200M {one}; mkdir {directory}/in; head -c {Length} /dev/urandom > {directory}/in/source; mkfs.ext4 -q -F -d {directory}/in {one}; truncate -s 300M {two}; mkfs.xfs -q -m reflink=1 {two}");
        var said = await SmallVm.RunAsync(rig, "file-server-vm.sh", Job, string.Empty, [one, two], "FILE-SERVER-END", Cancel);

        // By itself: the file system cannot share blocks, and the server copies. Of the target nothing is written from here but what lies beside it.
        AssertCopied(said, "plain", "copy-range");
        Assert.InRange(Since(said, "plain", "COPY").Count, 1, 8);
        Assert.InRange(Since(said, "plain", "WRITE").Bytes, 0, 1 << 20);
        Assert.InRange(Since(said, "plain", "READ").Bytes, 2L * Length, 3L * Length); // the source, and the target once more

        // From one export to another.
        AssertCopied(said, "across", "copy-range");
        Assert.InRange(Since(said, "across", "COPY").Count, 1, 8);
        Assert.InRange(Since(said, "across", "WRITE").Bytes, 0, 1 << 20);

        // A server whose file system shares blocks does (CLONE).
        AssertCopied(said, "shared", "reflink");
        Assert.InRange(Since(said, "shared", "CLONE").Count, 1, 8);

        // Before 4.2 there is no such request, and the kernel would move the bytes itself, unasked for.
        Assert.Equal((0, "stream"), (said.ExitCode("old"), SmallVm.Used(said.End("old"))));
        Assert.StartsWith("it is mounted by NFS 4.1, which knows no copies by the server", SmallVm.WhyNot(said.End("old"), "copy-range"), StringComparison.Ordinal);
        AssertCopied(said, "asked", "copy-range");
        Assert.InRange(Since(said, "asked", "WRITE").Bytes, Length, long.MaxValue);

        // The server has no more space: the copy ends there, and goes on when it has.
        Assert.Equal(1, said.ExitCode("full"));
        Assert.True(said.Said("full", "ENOSPC"), said.All);
        AssertCopied(said, "resumed", "copy-range");

        foreach (var name in new[] { "plain", "across", "shared", "old", "asked", "resumed" }) Assert.Contains($"same {name}", said.Lines);
        // Nothing of a copy is left beside its target.
        Assert.DoesNotContain(said.Lines, line => line.StartsWith("left ", StringComparison.Ordinal) && line.Contains("sealift-copy", StringComparison.Ordinal));
    }

    private static void AssertCopied(SmallVm said, string name, string way)
    {
        Assert.True(said.ExitCode(name) == 0, said.All);
        var end = said.End(name);
        Assert.Equal(("proven", way), (end.GetProperty("verdict").GetString(), SmallVm.Used(end)));
        Assert.Equal((false, 0L), (end.GetProperty("transfer").TryGetProperty("declined", out JsonElement _), end.GetProperty("transfer").GetProperty("repairedBytes").GetInt64()));
    }

    /// <summary>What went to the server for a run: requests of a kind, and their bytes.</summary>
    private static (long Count, long Bytes) Since(SmallVm said, string name, string operation)
    {
        var (before, after) = (Wire($"before-{name}"), Wire(name));
        return (after.Count - before.Count, after.Bytes - before.Bytes);

        (long Count, long Bytes) Wire(string at)
        {
            var fields = said.Lines.Single(l => l.StartsWith($"wire {at} {operation} ", StringComparison.Ordinal)).Split(' ');
            return (long.Parse(fields[3], CultureInfo.InvariantCulture), long.Parse(fields[4], CultureInfo.InvariantCulture));
        }
    }

    private static async Task ShellAsync(string command) => _ = await ChildProcess.RunAsync(new ChildCommand("sh", "-e", "-c", command), Cancel); // it prints nothing
}
