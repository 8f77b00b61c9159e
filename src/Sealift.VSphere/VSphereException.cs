using Sealift.Posix;

namespace Sealift.VSphere;

/// <summary>
/// Something that was asked of a vCenter or an ESXi host was not done. SL330x: the connection, the session and what cannot be understood
/// · SL331x: the server refused, with a fault · SL332x: it did something else than was asked.
/// </summary>
public class VSphereException : SealiftException
{
    internal VSphereException(string code, string attempt, string subject, string said, string nextStep, Exception? inner = null)
        : base(code, attempt, subject, said, nextStep, inner)
    {
    }

    /// <summary>
    /// Whether the server may have done what was asked although it did not say so: its reply was lost, or did not come in time. What must
    /// not happen twice is then looked for before it is asked for again.
    /// </summary>
    public bool IsOutcomeUnknown => Code == "SL3305";

    /// <summary>Whether nobody was there, so that this request was not sent. What was sent before it is another matter: where something was, it is <see cref="IsOutcomeUnknown"/>.</summary>
    public bool IsUnreachable => Code == "SL3302";

    /// <summary>Whether the server's certificate is not trusted, so that this request was not sent.</summary>
    public bool IsNotTrusted => Code == "SL3303";

    /// <summary>Whether the session ended, and with it every view, filter and page that belonged to it. A new one has been opened: start again.</summary>
    public bool IsSessionLost => Code == "SL3306";
}

/// <summary>The server answered with a fault, or a task of its ended with one.</summary>
public sealed class VSphereFaultException : VSphereException
{
    internal VSphereFaultException(string code, string attempt, string subject, string said, string nextStep, VSphereFault fault)
        : base(code, attempt, subject, said, nextStep) =>
        Fault = fault;

    /// <summary>What it said.</summary>
    public VSphereFault Fault { get; }
}
