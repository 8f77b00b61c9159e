using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary><c>sealift copy</c> between files of an SMB server that copies by itself: a small VM with Samba and the kernel's client, and the real command inside.</summary>
public sealed class SmbServerCopyTests(Rig rig)
{
    private const int Length = 12 << 20;

    /// <summary>
    /// Before and after each run it prints, as <c>wire NAME READ WRITTEN IOCTLS FLUSHES</c>, what has gone to a share since it was mounted: bytes
    /// of both directions, and requests. Server copies (FSCTL_SRV_COPYCHUNK) are IOCTL requests.
    /// </summary>
    private const string Job = """
        wire() { # a name, a share
          awk -v name=$1 -v share=$2 '
            /^[0-9]+\)/ { parts = split($2, part, "\\\\"); here = part[parts] == share }
            here && /^Reads:.*Bytes:/ { read = $4 }
            here && /^Writes:.*Bytes:/ { written = $4 }
            here && /^Bytes read:/ { read = $3; written = $6 }
            here && /^IOCTLs:/ { asked = $2 }
            here && /^Flushes:/ { flushed = $2 }
            END { print "wire", name, read + 0, written + 0, asked + 0, flushed + 0 }' /proc/fs/cifs/Stats
        }
        run() { # a name, a share, and the arguments of sealift copy
          name=$1 share=$2; shift 2
          wire before-$name $share
          sealift copy --json --source-format raw --state /tmp/state "$@" > /tmp/out 2> /tmp/err
          echo "exit $name $?"
          sed "s/^/out $name /" /tmp/out | grep -v '"event":"progress"'
          sed "s/^/err $name /" /tmp/err
          wire $name $share
        }
        same() { cmp "$2" "$3" && echo "same $1"; }

        run plain one /one/source /one/plain
        same plain /srv/one/source /srv/one/plain
        run across two --transfer copy-range /one/source /two/across
        same across /srv/one/source /srv/two/across
        run uncached apart /apart/source /apart/uncached
        same uncached /srv/one/source /srv/one/uncached
        run apart apart --transfer copy-range /one/source /apart/apart
        same apart /srv/one/source /srv/one/apart
        run shared one --transfer reflink /one/source /one/shared
        same shared /srv/one/source /srv/one/shared
        run old old /old/source /old/old
        same old /srv/one/source /srv/one/old
        ls -A /srv/one /srv/two | sed 's/^/left /'

        # 4 MiB are left, of the server's.
        dd if=/dev/zero of=/srv/one/filler bs=1M 2> /dev/null
        truncate -s $(($(stat -c %s /srv/one/filler) - 4194304)) /srv/one/filler; sync
        run full one --transfer copy-range /one/source /one/full
        rm /srv/one/filler; sync
        run resumed one --resume --transfer copy-range /one/source /one/full
        same resumed /srv/one/source /srv/one/full
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_copies_and_both_sides_are_read()
    {
        var directory = rig.NewDirectory();
        var (one, two) = (Path.Combine(directory, "one"), Path.Combine(directory, "two"));
        await ShellAsync($"truncate -s 160M {one}; mkdir {directory}/in; head -c {Length} /dev/urandom > {directory}/in/source; mkfs.ext4 -q -F -d {directory}/in {one}; truncate -s 300M {two}; mkfs.xfs -q -m reflink=1 {two}");
        var said = await SmallVm.RunAsync(rig, "smb-server-vm.sh", Job, string.Empty, [one, two], "SMB-SERVER-END", Cancel);

        // By itself: within a share, and without the client's cache. Of the target nothing is written from here but what lies beside it, it
        // is flushed at the server, and read from there.
        foreach (var name in new[] { "plain", "uncached" })
        {
            AssertCopied(said, name);
            AssertServerCopied(said, name);
            Assert.InRange(Since(said, name).Read, 2L * Length, 4L * Length); // the source, and the target once or twice more
            Assert.StartsWith("O_DIRECT", said.End(name).GetProperty("cacheBypass").GetString(), StringComparison.Ordinal);
            Assert.StartsWith("whether a server of SMB shares blocks", SmallVm.WhyNot(said.End(name), "reflink"), StringComparison.Ordinal);
        }

        // From one share of a session to another.
        AssertCopied(said, "across");
        AssertServerCopied(said, "across");

        // Two sessions are two servers, as far as the kernel sees: it moves the bytes itself, and says nothing of it.
        AssertCopied(said, "apart");
        Assert.InRange(Since(said, "apart").Written, Length, long.MaxValue);

        // This server does not share blocks, which is known once it is asked.
        Assert.True(said.ExitCode("shared") == 0, said.All);
        Assert.Equal(("proven", "reflink", 0L), (said.End("shared").GetProperty("verdict").GetString(), SmallVm.Used(said.End("shared")), said.End("shared").GetProperty("transfer").GetProperty("declinedAt").GetInt64()));

        Assert.True(said.ExitCode("old") == 0, said.All);
        Assert.Equal(("proven", "stream"), (said.End("old").GetProperty("verdict").GetString(), SmallVm.Used(said.End("old"))));
        Assert.StartsWith("it is mounted by SMB 1.0, which knows no copies by the server", SmallVm.WhyNot(said.End("old"), "copy-range"), StringComparison.Ordinal);

        // The server has no more space: the copy ends there, and goes on when it has.
        Assert.Equal(1, said.ExitCode("full"));
        Assert.True(said.Said("full", "ENOSPC"), said.All);
        AssertCopied(said, "resumed");

        foreach (var name in new[] { "plain", "across", "uncached", "apart", "shared", "old", "resumed" }) Assert.Contains($"same {name}", said.Lines);
        // Nothing of a copy is left beside its target.
        Assert.DoesNotContain(said.Lines, line => line.StartsWith("left ", StringComparison.Ordinal) && line.Contains("sealift-copy", StringComparison.Ordinal));
    }

    private static void AssertCopied(SmallVm said, string name)
    {
        Assert.True(said.ExitCode(name) == 0, said.All);
        var end = said.End(name);
        Assert.Equal(("proven", "copy-range"), (end.GetProperty("verdict").GetString(), SmallVm.Used(end)));
        Assert.Equal((false, 0L), (end.GetProperty("transfer").TryGetProperty("declined", out JsonElement _), end.GetProperty("transfer").GetProperty("repairedBytes").GetInt64()));
    }

    private static void AssertServerCopied(SmallVm said, string name)
    {
        var since = Since(said, name);
        Assert.InRange(since.Asked, Length >> 20, 2 * (Length >> 20)); // a chunk is 1 MiB at most
        Assert.InRange(since.Written, 0, 1 << 20);
        Assert.InRange(since.Flushed, 1, 100);
    }

    /// <summary>What went to the server for a run.</summary>
    private static (long Read, long Written, long Asked, long Flushed) Since(SmallVm said, string name)
    {
        var (before, after) = (Wire($"before-{name}"), Wire(name));
        return (after[0] - before[0], after[1] - before[1], after[2] - before[2], after[3] - before[3]);

        long[] Wire(string at) => [.. said.Lines.Single(l => l.StartsWith($"wire {at} ", StringComparison.Ordinal)).Split(' ')[2..].Select(f => long.Parse(f, CultureInfo.InvariantCulture))];
    }

    private static async Task ShellAsync(string command) => _ = await ChildProcess.RunAsync(new ChildCommand("sh", "-e", "-c", command), Cancel); // it prints nothing
}
