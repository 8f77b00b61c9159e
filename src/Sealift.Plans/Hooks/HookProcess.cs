using System.Globalization;
using System.Text;
using Sealift.Plans.Documents;
using Sealift.Posix;

namespace Sealift.Plans.Hooks;

/// <summary>Runs one hook: a program, or a container by podman.</summary>
/// <remarks>No shell parses anything. What it prints is kept up to <see cref="OutputLimitCharacters"/>; more is counted, and no error.</remarks>
public static class HookProcess
{
    /// <summary>The most characters of its output that are kept.</summary>
    public const int OutputLimitCharacters = 1 << 20;

    private const string Podman = "podman";

    /// <summary>Runs a hook to its end, and writes what it printed to a file.</summary>
    /// <param name="hook">The hook.</param>
    /// <param name="input">What it is told.</param>
    /// <param name="logPath">The file; what is there is replaced.</param>
    /// <param name="cancel">Kills it.</param>
    /// <returns>One line: how it ended, and, where it is so, why its output is not kept or its container is still there.</returns>
    /// <exception cref="SealiftException">
    /// It did not end with exit code 0: SL1102 another, SL1103 a signal, SL1104 its deadline, SL1101 it could not be started, SL7660 it
    /// cannot be run as it is, SL7662 podman is missing.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled; it is dead by then.</exception>
    public static async Task<string> RunAsync(HookDocument hook, HookInput input, string logPath, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(hook);
        ArgumentNullException.ThrowIfNull(input);
        var spec = hook.Spec;
        var container = spec.Image is null ? null : $"sealift-{input.Migration}-{hook.Metadata.Name}-{input.Step.ToLowerInvariant()}";
        // One of a server that was killed may still be there, under the same name.
        if (container is not null) await RemoveAsync(hook, container, cancel);
        var output = new Output();
        var command = CommandOf(hook, input.Machine, container) with
        {
            Deadline = TimeSpan.FromSeconds(spec.Deadline),
            StartsOthers = true,
            OnErrorLine = output.Add,
        };
        string ended;
        string unkept = string.Empty, unremoved = string.Empty;
        try
        {
            await using var child = ChildProcess.Start(command);
            try
            {
                var told = TellAsync(child, input.ToJson(), cancel);
                while (await child.ReadLineAsync(cancel) is { } line) output.Add(line);
                var code = await child.WaitAsync(cancel);
                await told;
                child.ThrowUnlessAccepted(code);
                ended = string.Create(CultureInfo.InvariantCulture, $"exit code {code}");
            }
            finally
            {
                child.Kill("the hook is over"); // it and all that it started; nothing where it has ended
                if (container is not null) unremoved = await TryRemoveAsync(hook, container);
            }
        }
        finally
        {
            unkept = Keep(output, logPath);
        }

        return ended + unremoved + unkept;
    }

    /// <summary>Writes down what a hook printed.</summary>
    /// <returns>Empty, or that it could not be written: how the hook ended is what counts.</returns>
    private static string Keep(Output output, string logPath)
    {
        try
        {
            PosixPath.EnsureDirectory(Path.GetDirectoryName(logPath)!, 0x1C0 /* 0700 */);
            PosixPath.WriteFileDurably(logPath, output.ToBytes(), replace: true, 0x180 /* 0600 */);
            return string.Empty;
        }
        catch (SealiftException e)
        {
            return $"; its output is not kept: {e.Message}";
        }
    }

    /// <summary>Whether a hook could be run here, as far as can be seen without running it.</summary>
    /// <exception cref="SealiftException">SL7660, SL7662: it could not.</exception>
    public static void Verify(HookDocument hook) => _ = CommandOf(hook, "this host", "sealift-none"); // only whether there is one

    private static ChildCommand CommandOf(HookDocument hook, string machine, string? container)
    {
        ArgumentNullException.ThrowIfNull(hook);
        var (name, spec) = (hook.Metadata.Name, hook.Spec);
        if (spec.Program is null == spec.Image is null) throw PlanErrors.HookFailed(name, machine, "it must have either a program or an image", "its document");
        if (spec.Program is { } program)
        {
            if (!Path.IsPathRooted(program)) throw PlanErrors.HookFailed(name, machine, $"{program} is not an absolute path", "its document");
            if (ChildProcess.Find(program) is null) throw PlanErrors.HookFailed(name, machine, $"{program} does not exist, or may not be executed", "its document");
            return new ChildCommand(program, spec.Arguments);
        }

        if (spec.Image!.StartsWith('-') || spec.Image.Any(char.IsControl)) throw PlanErrors.HookFailed(name, machine, $"{spec.Image} is no name of an image", "its document");
        if (ChildProcess.Find(Podman) is null) throw PlanErrors.NoPodman(name);
        // Its streams are the container's own: led through conmon, what it prints right before its end is lost where it leaves its input unread.
        // And without --rm: where that is faster than podman, the exit code is lost.
        return new ChildCommand(Podman, ["run", "--log-driver=passthrough", "--interactive", "--name", container!, spec.Network ? "--network=host" : "--network=none", "--", spec.Image, .. spec.Arguments]);
    }

    private static async Task RemoveAsync(HookDocument hook, string container, CancellationToken cancel)
    {
        if (ChildProcess.Find(Podman) is null) throw PlanErrors.NoPodman(hook.Metadata.Name);
        _ = await ChildProcess.RunAsync(new ChildCommand(Podman, "rm", "--force", "--ignore", "--time", "10", container) { StartsOthers = true, Deadline = TimeSpan.FromMinutes(2) }, cancel); // what it removed is of no interest
    }

    /// <summary>Removes the container of a hook that is over: how the hook ended is what counts, and the next run of it removes what is still there, or says why it cannot.</summary>
    /// <returns>Empty, or why it is still there.</returns>
    private static async Task<string> TryRemoveAsync(HookDocument hook, string container)
    {
        try
        {
            await RemoveAsync(hook, container, CancellationToken.None);
            return string.Empty;
        }
        catch (SealiftException e)
        {
            return $"; its container {container} is still there: {e.Message}";
        }
    }

    private static async Task TellAsync(ChildProcess child, string text, CancellationToken cancel)
    {
        try
        {
            await child.SendAsync(text, cancel);
        }
        catch (ChildException e) when (e.Code == "SL1106")
        {
            // A hook need not read what it is told: how it ends is what counts.
        }

        child.EndInput();
    }

    private sealed class Output
    {
        private readonly StringBuilder kept = new();
        private long dropped;

        public void Add(string line)
        {
            lock (kept)
            {
                if (kept.Length + line.Length + 1 > OutputLimitCharacters) dropped++;
                else kept.Append(line).Append('\n');
            }
        }

        public byte[] ToBytes()
        {
            lock (kept) return Encoding.UTF8.GetBytes(dropped == 0 ? kept.ToString() : string.Create(CultureInfo.InvariantCulture, $"{kept}… and {dropped} more lines, which were not kept\n"));
        }
    }
}
