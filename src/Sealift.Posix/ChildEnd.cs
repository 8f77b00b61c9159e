namespace Sealift.Posix;

/// <summary>How a child ended. A shell, and the runtime, give signal 9 and exit code 137 the same number; here they differ.</summary>
/// <param name="BySignal">Whether a signal killed it; otherwise it ended by itself.</param>
/// <param name="Number">The signal, or the exit code.</param>
/// <param name="DumpedCore">Whether the signal left a core dump.</param>
public readonly record struct ChildEnd(bool BySignal, int Number, bool DumpedCore = false)
{
    /// <summary>The one number that shells make of it: the exit code, or 128 + the signal. Ambiguous, so nothing is judged by it.</summary>
    public int ShellCode => BySignal ? 128 + Number : Number;

    /// <summary>As in a sentence: "it ended with exit code 4", "signal 9 killed it".</summary>
    public override string ToString() => !BySignal ? $"it ended with exit code {Number}" : DumpedCore ? $"signal {Number} killed it (core dumped)" : $"signal {Number} killed it";
}
