namespace Sealift.Bench.Faults;

/// <summary>A program that copies or judges disks, as a careful person would call it.</summary>
/// <param name="Name">What the table calls it, flags included.</param>
public abstract record Tool(string Name)
{
    /// <summary>Exit codes by which it claims success.</summary>
    public virtual IReadOnlyList<int> SuccessCodes => [0];

    /// <summary>Whether it claims that what it wrote is on storage, and not only that it was written.</summary>
    public bool Flushes { get; init; } = true;

    /// <summary>Brings a fresh directory to the point where the command can run; the source is there already.</summary>
    public virtual Task PrepareAsync(Workspace place, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>The command.</summary>
    public abstract IReadOnlyList<string> Command(Workspace place);

    /// <summary>Whether what it claims is true, by a comparison of bytes that is not its own.</summary>
    /// <returns>Null where it is, or what is wrong.</returns>
    public virtual string? WhatIsWrong(Workspace place, string output) => place.WhatDiffers(place.Target);

    /// <summary>Whether the tool itself, after it has closed a file, finds out by reading it from storage whether anything was lost.</summary>
    public virtual bool IsProvenAfterwards(string file) => false;

    /// <summary>Whether a run that claims success says all the same what went wrong.</summary>
    public virtual bool Tells(FinishedRun run) => false;

    /// <summary>Looks at what a failure left behind: what it said, and whether it can be gone on from.</summary>
    /// <returns>Null, or a complaint.</returns>
    public virtual Task<string?> ComplaintAsync(Workspace place, Injection injection, FinishedRun run, CancellationToken cancel) => Task.FromResult<string?>(null);
}
