using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>One thing that a check saw, before it is tied to a device.</summary>
internal sealed record Observation(string Class, FindingSeverity Severity, string Text);

/// <summary>A checker for some types of content. It works on a throwaway layer and so may replay a journal.</summary>
internal abstract class ContentCheck
{
    /// <summary>The checker's name in <see cref="GuestReport.Tools"/>.</summary>
    public abstract string Tool { get; }

    /// <summary>The types, as blkid(8) names them, that it covers.</summary>
    public abstract IReadOnlyList<string> Types { get; }

    /// <summary>Checks one device.</summary>
    public abstract Task<IReadOnlyList<Observation>> RunAsync(Appliance appliance, BlockDevice device, CancellationToken cancel);

    /// <summary>
    /// The lines that are not known to be harmless. Checkers exit 0 over things that matter, so their words count as much as their
    /// exit code: what is not listed is a finding.
    /// </summary>
    protected static string Remarks(string output, Regex harmless) => string.Join('\n', output.Split('\n').Where(l => l.Trim().Length > 0 && !harmless.IsMatch(l)));

    /// <summary>What to say of an exit code that a checker's manual does not know.</summary>
    protected static string Ended(ShellResult result) => result switch
    {
        { IsCut: true } => "(it said so much that it was stopped)",
        // The shell's 128 + n, for the signals that end a checker; some checkers use such codes themselves.
        { ExitCode: 134 or 135 or 137 or 139 or 141 or 143 } => $"(signal {result.ExitCode - 128} ended it)",
        { ExitCode: 127 } => "(it is missing in the appliance)",
        _ => $"(exit code {result.ExitCode})",
    };

    /// <summary>Mounts and unmounts the device, which replays its journal; says what the kernel said where that fails.</summary>
    protected static Task<ShellResult> ReplayByMountAsync(Appliance appliance, BlockDevice device, string type, string mountOptions, CancellationToken cancel) =>
        appliance.ShellAsync(
            $"replay the journal of {device.Description}",
            $"mkdir -p /tmp/sealift-mnt && mount -t {type} -o {mountOptions} {device.Path} /tmp/sealift-mnt && umount /tmp/sealift-mnt || {{ rc=$?; dmesg | tail -n 5; exit $rc; }}",
            cancel);
}
