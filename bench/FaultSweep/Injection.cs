using System.Globalization;

namespace Sealift.Bench.Faults;

/// <summary>One fault: the N-th call of a kind in a thread does not happen and reports an error instead; strace(1), "Tampering".</summary>
/// <param name="Call">The system call.</param>
/// <param name="Error">The errno by name.</param>
/// <param name="Occurrence">Which call of this kind, from 1, counted in each thread.</param>
/// <param name="File">What the call was about in the undisturbed run, without the directory of the trial.</param>
public sealed record Injection(string Call, string Error, int Occurrence, string File)
{
    /// <summary>Such an error once means "again", and is no failure.</summary>
    public bool IsTransient => Error is "EINTR" or "EAGAIN";

    /// <summary>As an argument of strace.</summary>
    public string Argument => string.Create(CultureInfo.InvariantCulture, $"inject={Call}:error={Error}:when={Occurrence}");

    /// <inheritdoc/>
    public override string ToString() => $"{Call} #{Occurrence} of {File} fails with {Error}";
}
