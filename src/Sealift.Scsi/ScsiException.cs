using Sealift.Posix;

namespace Sealift.Scsi;

/// <summary>Something about a SCSI unit failed. SL320x: how it was asked for · SL321x: it is not reached · SL322x: what it answered.</summary>
public class ScsiException : SealiftException
{
    internal ScsiException(string code, string attempt, string subject, string said, string nextStep, Exception? inner = null)
        : base(code, attempt, subject, said, nextStep, inner)
    {
    }
}

/// <summary>The unit refused a command, or failed at it, and said why (SL3220). It goes on.</summary>
public sealed class ScsiSenseException : ScsiException
{
    internal ScsiSenseException(string attempt, string subject, ScsiSense sense, string nextStep)
        : base("SL3220", attempt, subject, sense.ToString(), nextStep) => Sense = sense;

    /// <summary>What it said.</summary>
    public ScsiSense Sense { get; }
}
