namespace Sealift.Bench.Copies;

/// <summary>One side of a comparison.</summary>
/// <param name="Line">A line for the shell, as it is printed; run in the scratch directory, where all names in it lie.</param>
internal sealed record Contestant(string Line)
{
    /// <summary>The one exit code that is success. sealift's verdict without read-back is "degraded", which is 3.</summary>
    public int ExitCode { get; init; }

    /// <summary>Puts everything into the same state before each run, out of its time.</summary>
    public Func<CancellationToken, Task> Before { get; init; } = _ => Task.CompletedTask;

    /// <summary>What <see cref="Before"/> does, for people.</summary>
    public string Beforehand { get; init; } = string.Empty;

    /// <summary>What is wrong with the result of a run, or null.</summary>
    public Func<Run, CancellationToken, Task<string?>> WhatIsWrong { get; init; } = (_, _) => Task.FromResult<string?>(null);
}
