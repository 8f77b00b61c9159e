using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary>How a killed command was gone on from.</summary>
public enum Recovery
{
    /// <summary>It had not begun: nothing was there, and it was started anew.</summary>
    Anew,

    /// <summary>It was resumed.</summary>
    Resumed,

    /// <summary>It had come to its end; nothing was left to do.</summary>
    Finished,
}

/// <summary>A command that is killed, and what is asked of what it leaves.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Sealift">Path of the command.</param>
public abstract record KilledCommand(string Name, string Sealift)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Whether the library sees every write to the target, so that a power cut can take some back; not where a server writes.</summary>
    public virtual bool WritesItself => true;

    /// <summary>Whether its trials share something, so that there is one at a time.</summary>
    public virtual bool IsAlone => false;

    /// <summary>Ends of the paths of files that it reads and whose length it knows beforehand.</summary>
    public virtual IReadOnlyList<string> Reads => [];

    /// <summary>Ends of the paths of files that it writes.</summary>
    public virtual IReadOnlyList<string> Writes => [];

    /// <summary>The first of the observed calls at which it may be killed, so that a long command is not swept where a shorter one was.</summary>
    /// <param name="calls">Name and path of each call of the undisturbed run.</param>
    public virtual int FirstCall(IReadOnlyList<string> calls) => 1;

    /// <summary>Brings a fresh directory to the point where the command can run; the source is there already.</summary>
    public virtual Task PrepareAsync(Workspace place, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>The command, without the state directory.</summary>
    public abstract IReadOnlyList<string> Arguments(Workspace place);

    /// <summary>What is wrong at the very moment after the death: something that is not whole and proven bears its final name.</summary>
    public abstract string? WhatIsWrongAfterDeath(Workspace place);

    /// <summary>Goes on, undisturbed.</summary>
    /// <returns>How, and what went wrong.</returns>
    public abstract Task<(Recovery How, string? Wrong)> GoOnAsync(Workspace place, CancellationToken cancel);

    /// <summary>What there must be in the end, as in the undisturbed run: names, and what each must be equal by.</summary>
    public abstract IReadOnlyDictionary<string, string> Result(Workspace place);

    /// <summary>What is wrong in the end with the bytes of the target, by a comparison that is not sealift's.</summary>
    public abstract string? WhatIsWrong(Workspace place);

    /// <summary>Whether what it printed when it claimed success is true.</summary>
    public virtual bool IsRight(string output) => true;

    /// <summary>What is wrong with what it left as proof, undisturbed; asked where it claims success.</summary>
    public virtual Task<string?> WhatDoesNotHoldAsync(Workspace place, CancellationToken cancel) => Task.FromResult<string?>(null);

    /// <summary>Runs sealift with the trial's state and temporary directory.</summary>
    /// <exception cref="ChildException">SL1103: it was killed; SL1104: it hangs.</exception>
    public async Task<ChildResult> RunAsync(Workspace place, IReadOnlyList<string> arguments, CancellationToken cancel, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var temporary = place.In("tmp");
        Directory.CreateDirectory(temporary);
        var variables = new Dictionary<string, string?>(environment ?? new Dictionary<string, string?>()) { ["TMPDIR"] = temporary };
        if (Directory.Exists(place.In("bin"))) variables["PATH"] = $"{place.In("bin")}:{Environment.GetEnvironmentVariable("PATH")}";
        return await ChildProcess.RunAsync(
            new ChildCommand(Sealift, [.. arguments, "--state", place.State])
            {
                Deadline = Deadline,
                AcceptedExitCodes = [.. Enumerable.Range(0, 129)],
                WorkingDirectory = place.Path,
                Environment = variables,
            },
            cancel);
    }

    /// <summary>Exit code and all that was said, for a complaint.</summary>
    protected static string Said(string what, ChildResult result) => $"{what}: exit code {result.ExitCode}: {result.Output}{result.ErrorTail}";
}
