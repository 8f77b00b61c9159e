using System.Globalization;
using System.Text;
using Sealift.Guests.Checks;
using Sealift.Posix;

namespace Sealift.Guests.Direct;

/// <summary>
/// This host as a place for checkers: each runs as a child process on a file that shows just its partition, as a user who owns nothing,
/// with no capability, and with limits on processor time, memory, what it writes and what it says.
/// </summary>
internal sealed class DirectPlace(StorageDaemon daemon, GuestOptions options, ToolLog log, ScratchDirectory scratch, DirectVolume volume) : CheckPlace
{
    private const int OutputLimitCharacters = 256 << 10;

    // xfs_repair wants to lift the limit, and gives up where it may not. It writes nothing with -n, and may write nothing here.
    private const string WithoutFileLimit = "xfs_repair";

    // Of systemd's range for users that exist only for a while: two that run at once are strangers to each other, and to "nobody".
    private static readonly int User = 61184 + (Environment.ProcessId % 4096);

    private string? path;
    private bool isWritable;

    public override bool HasKernel => false;

    public override string Name => "this host";

    /// <summary>Shows the volume; what throws here is no fault of the volume.</summary>
    public async Task OpenAsync(CancellationToken cancel)
    {
        path = await daemon.ShowAsync(volume.Node, volume.Offset, volume.Reader.LengthBytes, cancel);
        // From here on every word and exit code is the checker's.
        var readable = await RunAsync($"look whether a checker can read {volume.Device.Description}", "test", ["-r", path], cancel);
        if (readable.ExitCode != 0) throw GuestsErrors.NoView("let a checker read", $"a checker's user cannot read below {Path.GetDirectoryName(path)} (exit code {readable.ExitCode}) {GuestText.Finding(readable.Output)}".TrimEnd(), null);
    }

    public override string PathOf(BlockDevice device) => path ?? throw new InvalidOperationException("It is shown by OpenAsync");

    public override async Task MakeWritableAsync(BlockDevice device, CancellationToken cancel)
    {
        if (isWritable) return;
        path = await daemon.ShowWritableAsync(volume.Node, volume.Offset, volume.Reader.LengthBytes, Path.Combine(scratch.Path, Path.GetFileName(PathOf(device)) + ".layer"), cancel);
        isWritable = true;
    }

    public override Task<ShellResult> ReplayByMountAsync(BlockDevice device, string type, string mountOptions, CancellationToken cancel) =>
        throw new InvalidOperationException("The host's kernel mounts no guest's file system");

    public override async Task<ShellResult> RunAsync(string step, string program, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        log.Add($"--- {step}: {program} {string.Join(' ', arguments)}");
        var spoken = new Speech(OutputLimitCharacters);
        var command = new ChildCommand("nsenter", [.. Enter(), .. Confine(program), ChildProcess.Find(program) ?? program, .. arguments])
        {
            // A guard of its own: that the kernel kills it with us is forgotten when it becomes another user.
            StartsOthers = true,
            Deadline = options.Deadline,
            AcceptedExitCodes = [.. Enumerable.Range(0, 256)],
            OutputLimitCharacters = OutputLimitCharacters,
            OnOutputLine = spoken.HearOutput,
            OnErrorLine = spoken.HearError,
        };
        ShellResult result;
        try
        {
            result = new ShellResult((await ChildProcess.RunAsync(command, cancel)).ExitCode, string.Empty, IsCut: false);
        }
        catch (Flood)
        {
            result = new ShellResult(141, string.Empty, IsCut: true);
        }
        catch (ChildException e) when (e.Code == "SL1105")
        {
            result = new ShellResult(141, string.Empty, IsCut: true);
        }
        catch (ChildException e) when (e is { Code: "SL1103", End.Number: var signal })
        {
            result = new ShellResult(128 + signal, string.Empty, IsCut: false);
        }
        catch (ChildException e) when (e.Code == "SL1104")
        {
            spoken.HearError($"{program} did not come to an end: {e.Said.Split("; its last words", 2)[0]}");
            result = new ShellResult(137, string.Empty, IsCut: false);
        }

        daemon.ThrowIfEnded();
        // The name of the view says nothing to anybody.
        var output = spoken.Text.Replace(PathOfView, "/dev/" + volume.Device.Place.Replace(' ', '_'), StringComparison.Ordinal);
        foreach (var line in output.Split('\n')) log.Add(line);
        log.Add(string.Create(CultureInfo.InvariantCulture, $"--- {program} ended with {result.ExitCode}"));
        return result with { Output = output };
    }

    private string PathOfView => path ?? throw new InvalidOperationException("It is shown by OpenAsync");

    private IEnumerable<string> Enter()
    {
        var target = daemon.ProcessId.ToString(CultureInfo.InvariantCulture);
        return daemon.IsRoot ? ["--target", target, "--mount"] : ["--target", target, "--user", "--preserve-credentials", "--mount"];
    }

    private List<string> Confine(string program)
    {
        var user = User.ToString(CultureInfo.InvariantCulture);
        List<string> words = ["--", "setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--pdeathsig", "KILL"];
        if (daemon.IsRoot) words.AddRange([$"--reuid={user}", $"--regid={user}", "--clear-groups"]);
        words.AddRange(["--", "prlimit", "--core=0", $"--cpu={(long)options.Deadline.TotalSeconds + 1}", $"--as={MemoryBytes}"]);
        // What is written into a view counts as a file of that length.
        if (program != WithoutFileLimit) words.Add($"--fsize={(isWritable ? volume.Reader.LengthBytes : 0)}");
        return words;
    }

    /// <summary>All that this host has: a large file system needs gigabytes, and more than there is would make the host swap.</summary>
    private static long MemoryBytes => Math.Max(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, 1L << 30);

    /// <summary>It says more than anybody reads.</summary>
    private sealed class Flood : Exception;

    /// <summary>What a program says, each of its streams up to a limit: errors first, for most of them say everything there.</summary>
    private sealed class Speech(int limit)
    {
        private readonly Lock mutex = new();
        private readonly StringBuilder errors = new();
        private readonly StringBuilder output = new();

        public string Text
        {
            get
            {
                lock (mutex) return $"{errors}{output}".TrimEnd('\n');
            }
        }

        public void HearOutput(string line) => Hear(output, line);

        public void HearError(string line) => Hear(errors, line);

        private void Hear(StringBuilder into, string line)
        {
            lock (mutex)
            {
                if (into.Length + line.Length > limit) throw new Flood();
                into.Append(line).Append('\n');
            }
        }
    }
}
