namespace Sealift.Bench.Mutation;

/// <summary>What became of a mutant.</summary>
internal enum Verdict
{
    /// <summary>A test failed.</summary>
    Killed,

    /// <summary>The tests did not end: noticed as well.</summary>
    TimedOut,

    /// <summary>All tests that reach it passed.</summary>
    Survived,

    /// <summary>No test reaches it.</summary>
    NotCovered,

    /// <summary>No test can notice it; bench/mutation-equivalents.txt says why.</summary>
    Equivalent,
}

/// <summary>A mutant and what became of it.</summary>
/// <param name="Key">Which mutant, in words that outlive edits elsewhere.</param>
/// <param name="File">Its file.</param>
/// <param name="Line">Its line.</param>
/// <param name="LineText">The line.</param>
/// <param name="Change">What it changes.</param>
/// <param name="RemovesCheck">Whether it removes a check.</param>
/// <param name="Verdict">What became of it.</param>
/// <param name="By">The test that noticed, or how it ended.</param>
internal sealed record Result(string Key, string File, int Line, string LineText, string Change, bool RemovesCheck, Verdict Verdict, string By);
