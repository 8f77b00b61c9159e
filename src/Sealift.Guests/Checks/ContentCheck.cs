using System.Text.RegularExpressions;

namespace Sealift.Guests.Checks;

/// <summary>One thing that a check saw, before it is tied to a device.</summary>
internal sealed record Observation(string Class, FindingSeverity Severity, string Text);

/// <summary>What a check came to.</summary>
/// <param name="Observations">What it saw.</param>
/// <param name="NeedsKernel">Why only a kernel can go on from here, so that the check is to be made in the appliance; null where it is complete.</param>
internal sealed record CheckResult(IReadOnlyList<Observation> Observations, string? NeedsKernel = null)
{
    /// <summary>A check that came to its end.</summary>
    public static CheckResult Of(params IReadOnlyList<Observation> observations) => new(observations);

    /// <summary>One that did not.</summary>
    public static CheckResult LeftToKernel(string why) => new([], why);
}

/// <summary>A checker for some types of content: which commands it runs, and how their exit codes and words are judged.</summary>
internal abstract class ContentCheck
{
    /// <summary>The checker's name in <see cref="GuestReport.Tools"/>.</summary>
    public abstract string Tool { get; }

    /// <summary>Every program that it runs; what installs one need not have installed the others.</summary>
    public virtual IReadOnlyList<string> Programs => [Tool];

    /// <summary>What makes <see cref="Tool"/> say its version in its first line.</summary>
    public virtual IReadOnlyList<string> VersionArguments => ["-V"];

    /// <summary>Whether it can do without the appliance.</summary>
    public virtual bool IsDirect => true;

    /// <summary>The types, as blkid(8) names them, that it covers.</summary>
    public abstract IReadOnlyList<string> Types { get; }

    /// <summary>Checks one device.</summary>
    public abstract Task<CheckResult> RunAsync(CheckPlace place, BlockDevice device, CancellationToken cancel);

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
        { ExitCode: 127 } => "(it is missing)",
        _ => $"(exit code {result.ExitCode})",
    };
}
