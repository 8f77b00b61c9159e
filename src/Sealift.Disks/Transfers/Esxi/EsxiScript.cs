using System.Globalization;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// What is run on an ESXi host. Its sh is busybox's ash, its ps and kill are few of the options of others: nothing is used here but sh's
/// own commands, cat, rm, sleep and vmkfstools. Names come as arguments, and are never part of a script.
/// </summary>
internal static class EsxiScript
{
    /// <summary>What the last line of <see cref="Clone"/> begins with; behind it the exit code of vmkfstools, or one of the two below.</summary>
    public const string Ended = "sealift-ended ";

    /// <summary>The host does not see the permit where it should be: the directory is another one there.</summary>
    public const int OtherDirectory = 1001;

    /// <summary>The host cannot write there.</summary>
    public const int NotWritable = 1002;

    /// <summary>What <see cref="End"/> says last where nothing is left and nobody works there.</summary>
    public const string Over = "sealift-over";

    /// <summary>What <see cref="End"/> says where something still runs.</summary>
    public const string Runs = "sealift-runs ";

    /// <summary>What <see cref="Look"/> says last.</summary>
    public const string Looked = "sealift-looked";

    public const string NoTool = "sealift-no-vmkfstools", NoSource = "sealift-no-source", NoTarget = "sealift-no-target";

    private const string LookText = $"""
        command -v vmkfstools >/dev/null 2>&1 || echo {NoTool}
        [ -r "$1" ] || echo {NoSource}
        [ -d "$2" ] && [ -w "$2" ] || echo {NoTarget}
        echo {Looked}
        """;

    /// <summary>
    /// It goes on only while it is told to: a line on standard input, again before the lease is over. Where we are gone, or the network is,
    /// it ends vmkfstools, its own child, which therefore cannot be somebody else's process of the same number, and removes what that made.
    /// That it is heard no more must not end it before (a shell tells on standard error how its child ended). Without the permit, which whoever takes it back removes first, it does not begin.
    /// </summary>
    private static readonly string CloneText = $$"""
        source=$1 base=$2 nonce=$3 lease=$4 grace=$5
        [ "$(cat "$base.permit" 2>/dev/null)" = "$nonce" ] || { echo "{{Ended}}{{OtherDirectory}}"; exit 0; }
        echo "$$" >"$base.pid" || { echo "{{Ended}}{{NotWritable}}"; exit 0; }
        exec 3<&0
        vmkfstools -i "$source" -d thin "$base.vmdk" </dev/null 3<&- &
        clone=$!
        trap '' PIPE
        echo "$$ $clone" >"$base.pid"
        (
          while read -t "$lease" beat <&3; do :; done
          kill "$clone"
          sleep "$grace"
          kill -9 "$clone"
        ) >/dev/null 2>&1 &
        watch=$!
        wait "$clone"
        code=$?
        kill "$watch" 2>/dev/null
        [ "$code" -eq 0 ] || rm -f -- "$base.vmdk" "$base-flat.vmdk"
        rm -f -- "$base.pid"
        echo
        echo "{{Ended}}$code"
        """;

    private static readonly string EndText = $$"""
        base=$1 tries=$2
        rm -f -- "$base.permit"
        while [ -e "$base.pid" ]; do
          alive=
          for process in $(cat "$base.pid" 2>/dev/null); do kill -0 "$process" 2>/dev/null && alive=$process; done
          [ -n "$alive" ] || break
          [ "$tries" -gt 0 ] || { echo "{{Runs}}$alive"; exit 0; }
          tries=$((tries - 1))
          sleep 1
        done
        rm -f -- "$base.vmdk" "$base-flat.vmdk" "$base.pid"
        for rest in "$base.vmdk" "$base-flat.vmdk" "$base.pid" "$base.permit"; do [ -e "$rest" ] && exit 1; done
        echo {{Over}}
        """;

    /// <summary>Looks whether a clone could be made. Nothing is changed.</summary>
    public static ChildCommand Look(SshHost host, string source, string directory) => On(host, LookText, source, directory);

    /// <summary>Makes a clone.</summary>
    /// <param name="host">Where.</param>
    /// <param name="source">The descriptor of the disk, as the host names it.</param>
    /// <param name="there">What the names of the clone begin with there.</param>
    /// <param name="nonce">What stands in the permit.</param>
    /// <param name="lease">How long it goes on without being told to.</param>
    /// <param name="grace">How long vmkfstools may take to end when it is asked to.</param>
    public static ChildCommand Clone(SshHost host, string source, string there, string nonce, TimeSpan lease, TimeSpan grace) =>
        On(host, CloneText, source, there, nonce, Seconds(lease), Seconds(grace)) with { Deadline = TimeSpan.FromDays(365) };

    /// <summary>Waits until nothing of a clone runs any more, and removes what is left of it.</summary>
    public static ChildCommand End(SshHost host, string there, TimeSpan patience) =>
        On(host, EndText, there, Seconds(patience)) with { Deadline = patience + TimeSpan.FromMinutes(2) };

    // sshd gives it to the shell of whoever logs in, which need not be sh.
    private static ChildCommand On(SshHost host, string script, params IEnumerable<string> arguments) =>
        host.Command([], [$"exec {ShellWord.Quoted(["sh", "-c", script, "sealift", .. arguments])}"]) with { OutputLimitCharacters = 1 << 16 };

    private static string Seconds(TimeSpan time) => ((long)Math.Ceiling(time.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
