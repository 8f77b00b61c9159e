namespace Sealift.Posix;

/// <summary>
/// The root of every error that Sealift reports. It carries what an administrator needs at three in the morning:
/// what was attempted, on what, what the system said, and what to do next.
/// </summary>
/// <remarks>
/// Codes are stable and documented in docs/errors.md. SL1xxx system calls and child processes · SL2xxx hash and block map ·
/// SL3xxx NBD, QMP and vSphere · SL4xxx disks and images · SL5xxx guests · SL6xxx providers · SL7xxx migrations and seals · SL8xxx command line.
/// </remarks>
public class SealiftException : Exception
{
    /// <summary>Creates an error.</summary>
    /// <param name="code">The stable code, such as <c>SL4101</c>.</param>
    /// <param name="attempt">What was attempted, as an infinitive without "to": <c>read 65536 bytes at offset 1048576</c>.</param>
    /// <param name="subject">The file, peer or field that it was attempted on.</param>
    /// <param name="said">What the system, the peer or the check said.</param>
    /// <param name="nextStep">What the reader should do now: one imperative sentence.</param>
    /// <param name="inner">The cause, when there is one.</param>
    public SealiftException(string code, string attempt, string subject, string said, string nextStep, Exception? inner = null)
        : base($"{code}: cannot {attempt}: {subject}: {said}. {nextStep}", inner)
    {
        Code = code;
        Attempt = attempt;
        Subject = subject;
        Said = said;
        NextStep = nextStep;
    }

    /// <summary>The stable code, such as <c>SL4101</c>.</summary>
    public string Code { get; }

    /// <summary>What was attempted.</summary>
    public string Attempt { get; }

    /// <summary>The file, peer or field that it was attempted on.</summary>
    public string Subject { get; }

    /// <summary>What the system, the peer or the check said.</summary>
    public string Said { get; }

    /// <summary>What the reader should do now.</summary>
    public string NextStep { get; }
}
