using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sealift.Disks;
using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>What a shell script in the appliance did.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Both its streams, in order.</param>
/// <param name="IsCut">Whether it wrote more than was kept; it was stopped then.</param>
internal sealed record ShellResult(int ExitCode, string Output, bool IsCut);

/// <summary>
/// The libguestfs appliance with the disks of one machine in it, driven through one guestfish(1). Every disk has a throwaway layer
/// above it (<see cref="ThrowawayLayer"/>), so that journals can be replayed without a byte being written to the disk itself; only for overlays
/// of a conversion it can be had without.
/// </summary>
internal sealed class Appliance : IAsyncDisposable
{
    private const int ShellOutputLimitBytes = 256 << 10;
    internal const int MaximumDrives = 200; // libguestfs takes 255

    private readonly ChildProcess child;
    private readonly GuestOptions options;
    private readonly ToolLog log;
    private readonly Lock mutex = new();
    private readonly List<string> errors = [];
    private string awaitedMark = string.Empty;
    private TaskCompletionSource markSeen = new();
    private string step = "start";

    private Appliance(ChildCommand command, GuestOptions options, ToolLog log, ScratchDirectory scratch)
    {
        this.options = options;
        this.log = log;
        child = ChildProcess.Start(command with
        {
            OnErrorLine = line =>
            {
                scratch.NoticeStray(line);
                HearError(line);
            },
        });
    }

    /// <summary>The name by which the shell in the appliance finds a drive: /dev/disk/guestfs/LABEL. Kernel names may change from boot to boot.</summary>
    public static string Label(int driveIndex) => string.Create(CultureInfo.InvariantCulture, $"sealift{(char)('a' + (driveIndex / 26))}{(char)('a' + (driveIndex % 26))}");

    /// <summary>Boots it.</summary>
    /// <param name="drives">The disks.</param>
    /// <param name="options">Where to work and how long it may take.</param>
    /// <param name="log">Receives everything that is said.</param>
    /// <param name="scratch">For its own files.</param>
    /// <param name="cancel">Stops it.</param>
    /// <param name="writable">Whether the disks themselves are written to: for overlays only.</param>
    /// <exception cref="SealiftException">SL5001, SL5002.</exception>
    public static async Task<Appliance> StartAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, ToolLog log, ScratchDirectory scratch, CancellationToken cancel, bool writable = false)
    {
        if (drives.Count is 0 or > MaximumDrives) throw GuestsErrors.DriveNotUsable("the machine", $"it has {drives.Count} disks; 1 to {MaximumDrives} can be examined");
        log.BeginTool();
        var layers = drives.Select((_, i) => Path.Combine(scratch.Path, $"{Label(i)}.qcow2")).ToList();
        if (!writable)
            for (var i = 0; i < drives.Count; i++) await ThrowawayLayer.MakeAsync(drives[i], layers[i], cancel);
        var environment = new Dictionary<string, string?>(await Hypervisor.ApplianceEnvironmentAsync(cancel)) { ["TMPDIR"] = scratch.Path };
        using var keys = new VolumeKeys(options.Keys);
        var appliance = new Appliance(
            // -v sends the appliance's console to standard error: its last words when it dies.
            new ChildCommand("guestfish", "--verbose", "--no-progress-bars") { StartsOthers = true, Deadline = options.Deadline, SilenceDeadline = options.SilenceDeadline, Environment = environment, Secrets = keys.Secrets },
            options,
            log,
            scratch);
        try
        {
            var commands = new StringBuilder();
            for (var i = 0; i < drives.Count; i++) commands.Append(writable ? AddDrive(OverlayOf(drives[i]), Label(i)) : $"{AddDrive(layers[i], Label(i))} cachemode:unsafe").Append('\n');
            // LUKS2 asks for up to 1 GiB to make it hard to guess passphrases.
            if (options.Keys.Count > 0) commands.Append("set-memsize 2560\n");
            // In our process group, so that QEMU is killed with everything else.
            commands.Append("set-pgroup false\nset-network false\nrun");
            await appliance.CommandAsync("start", commands.ToString(), cancel);
            return appliance;
        }
        catch (SealiftException e) when (e.Code == "SL5003")
        {
            await appliance.DisposeAsync();
            throw GuestsErrors.ApplianceDidNotStart(e.Said, log.Path, e);
        }
        catch
        {
            await appliance.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs guestfish commands; any error of theirs ends the appliance, except for those that start with "-".</summary>
    /// <param name="name">What an error calls this step.</param>
    /// <param name="commands">Commands, one a line, built from names that are ours or quoted by <see cref="Quote"/>.</param>
    /// <param name="cancel">Stops the appliance.</param>
    /// <returns>What they printed, and the errors that were let pass.</returns>
    public async Task<(IReadOnlyList<string> Lines, IReadOnlyList<string> Errors)> CommandAsync(string name, string commands, CancellationToken cancel)
    {
        // Unguessable, so that nothing in a disk can pretend that a command has ended.
        var mark = "end-" + RandomNumberGenerator.GetHexString(32, lowercase: true);
        step = name;
        lock (mutex)
        {
            awaitedMark = mark;
            markSeen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            errors.Clear();
        }

        log.Add($"--- {name}");
        try
        {
            await child.SendAsync($"{commands}\necho {mark}\n!echo {mark} >&2\n", cancel);
        }
        catch (ChildException)
        {
            // It has gone; the loop below sees its output end and says how.
        }

        var lines = new List<string>();
        while (true)
        {
            var line = await child.ReadLineAsync(cancel);
            if (line is null) throw await DiedAsync(cancel);
            if (line == mark) break;
            log.Add(line);
            lines.Add(line);
        }

        // Its errors come by the other pipe: wait for the mark there too before they are judged.
        var exit = child.WaitAsync(cancel);
        if (await Task.WhenAny(markSeen.Task, exit) == exit && !markSeen.Task.IsCompleted) throw await DiedAsync(cancel);
        lock (mutex) return (lines, [.. errors]);
    }

    /// <summary>Runs a script with the appliance's own shell and tools.</summary>
    /// <param name="name">What an error calls this step.</param>
    /// <param name="script">The script: constant text and kernel device names only.</param>
    /// <param name="cancel">Stops the appliance.</param>
    public async Task<ShellResult> ShellAsync(string name, string script, CancellationToken cancel)
    {
        // As base64, because "debug sh" takes quotes away. head stops a checker that would fill the appliance: it gets SIGPIPE and its
        // exit code is 141 then.
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(script));
        var wrapped = $"echo {encoded} | base64 -d >/tmp/sealift-sh; {{ sh /tmp/sealift-sh </dev/null; echo $? >/tmp/sealift-rc; }} 2>&1 | head -c {ShellOutputLimitBytes}; echo; cat /tmp/sealift-rc";
        var (lines, _) = await CommandAsync(name, $"debug sh {Quote(wrapped)}", cancel);
        var last = lines.Count - 1;
        while (last >= 0 && lines[last].Length == 0) last--;
        if (last < 0 || !int.TryParse(lines[last], CultureInfo.InvariantCulture, out var exitCode)) throw GuestsErrors.ApplianceSpokeNonsense(name, "its shell gave no exit code", log.Path);
        var output = string.Join('\n', lines.Take(last));
        return new ShellResult(exitCode, output.TrimEnd('\n'), Encoding.UTF8.GetByteCount(output) >= ShellOutputLimitBytes);
    }

    /// <summary>Ends it in good order; it had nothing to write, so whatever it says is only logged.</summary>
    public async Task CloseAsync(CancellationToken cancel)
    {
        child.EndInput();
        var ended = child.WaitAsync(cancel);
        if (await Task.WhenAny(ended, Task.Delay(TimeSpan.FromSeconds(30), cancel)) != ended) child.Kill("it did not shut down within 30 seconds");
        await ended;
    }

    public ValueTask DisposeAsync() => child.DisposeAsync();

    /// <summary>A guestfish string literal; guestfish(1), "Quoting".</summary>
    internal static string Quote(string text)
    {
        var quoted = new StringBuilder("\"", text.Length + 16);
        foreach (var c in text)
        {
            if (c == '\n') quoted.Append("\\n");
            else if (c is '"' or '\\') quoted.Append('\\').Append(c);
            else if (c < ' ' || c == 0x7F) quoted.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
            else quoted.Append(c);
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>Only what was made to be written to is: nothing else can be named here.</summary>
    private static string OverlayOf(GuestDrive drive) =>
        drive is { ImagePath: { } image, Format: ImageFormat.Qcow2, NbdSocket: null } ? Path.GetFullPath(image) : throw GuestsErrors.DriveNotUsable(drive.Key, "only overlays are written to");

    // Not "readonly:true": QEMU would guess the format of what is in it, which is the guest's to choose.
    private static string AddDrive(string layer, string label) => $"add-drive {Quote(layer)} readonly:false format:qcow2 label:{label}";

    private void HearError(string line)
    {
        lock (mutex)
        {
            // The console writes into the same pipe, in the middle of a line at times: the mark may have company.
            if (awaitedMark.Length > 0 && line.Contains(awaitedMark, StringComparison.Ordinal))
            {
                markSeen.TrySetResult();
                if (line.Length == awaitedMark.Length) return;
                line = line.Replace(awaitedMark, string.Empty, StringComparison.Ordinal);
            }

            const string Marker = "libguestfs: error: ";
            var at = line.IndexOf(Marker, StringComparison.Ordinal);
            if (at >= 0 && errors.Count < 20) errors.Add(GuestText.Name(line[(at + Marker.Length)..]));
        }

        log.Add(line);
    }

    private async Task<SealiftException> DiedAsync(CancellationToken cancel)
    {
        int exitCode;
        try
        {
            exitCode = await child.WaitAsync(cancel);
            child.ThrowUnlessAccepted(exitCode);
        }
        catch (ChildException e)
        {
            string[] said;
            lock (mutex) said = [.. errors];
            var reason = e.Said.Split("; its last words", 2)[0];
            return GuestsErrors.ApplianceDied(step, $"{reason}; {(said.Length > 0 ? string.Join("; ", said) : $"its last words: {log.LastWords}")}", options.LogPath, e);
        }

        return GuestsErrors.ApplianceDied(step, $"guestfish ended in the middle with exit code {exitCode}; its last words: {log.LastWords}", options.LogPath, null);
    }
}
