namespace Sealift.Scsi;

/// <summary>What carries commands to one logical unit: an iSCSI session, or a device of this host. One command at a time.</summary>
public interface IScsiTransport : IDisposable
{
    /// <summary>Carries out one command and waits for its end.</summary>
    /// <param name="command">The command.</param>
    /// <param name="output">What it sends; empty for a command that sends nothing.</param>
    /// <param name="input">Where what it receives is put; empty for a command that receives nothing.</param>
    /// <param name="deadline">How long it may take. One that takes longer ends the transport.</param>
    /// <param name="cancel">Cancels the waiting, and ends the transport: what the unit still does of the command nobody knows.</param>
    /// <returns>What the unit answered, whatever that is: a status is no exception here.</returns>
    /// <exception cref="ScsiException">The unit was not reached (SL3212), or did not answer in time (SL3211).</exception>
    ScsiReply Execute(ScsiCommand command, ReadOnlyMemory<byte> output, Memory<byte> input, TimeSpan deadline, CancellationToken cancel);
}

/// <summary>A transport over which the other units of the same target can be asked who they are.</summary>
public interface INeighbourTransport : IScsiTransport
{
    /// <summary>Asks another unit of the target.</summary>
    /// <param name="lun">Its number.</param>
    /// <param name="command">An INQUIRY: nothing else is any business of ours there.</param>
    /// <param name="input">Where the answer is put.</param>
    /// <param name="deadline">As above.</param>
    /// <param name="cancel">As above.</param>
    ScsiReply Inquire(int lun, ScsiCommand command, Memory<byte> input, TimeSpan deadline, CancellationToken cancel);
}

/// <summary>What a unit answered to a command.</summary>
/// <param name="Status">The SAM status: <see cref="ScsiStatus"/>.</param>
/// <param name="ReceivedBytes">How many bytes really came; what the rest of the buffer holds is of no meaning.</param>
/// <param name="Sense">The sense data that came with the status, unparsed; empty where none did.</param>
public readonly record struct ScsiReply(byte Status, int ReceivedBytes, ReadOnlyMemory<byte> Sense)
{
    /// <summary>A command that was carried out.</summary>
    /// <param name="receivedBytes">What came.</param>
    public static ScsiReply Good(int receivedBytes = 0) => new(ScsiStatus.Good, receivedBytes, default);
}

/// <summary>Status codes; SAM-5, 5.3.1.</summary>
public static class ScsiStatus
{
    /// <summary>GOOD.</summary>
    public const byte Good = 0x00;

    /// <summary>CHECK CONDITION: the sense data say what it is.</summary>
    public const byte CheckCondition = 0x02;

    /// <summary>BUSY: later.</summary>
    public const byte Busy = 0x08;

    /// <summary>RESERVATION CONFLICT: the unit is reserved by somebody else.</summary>
    public const byte ReservationConflict = 0x18;

    /// <summary>TASK SET FULL: later.</summary>
    public const byte TaskSetFull = 0x28;

    /// <summary>ACA ACTIVE.</summary>
    public const byte AcaActive = 0x30;

    /// <summary>TASK ABORTED: somebody else had it aborted.</summary>
    public const byte TaskAborted = 0x40;

    /// <summary>A status by its name.</summary>
    public static string Name(byte status) => status switch
    {
        Good => "GOOD",
        CheckCondition => "CHECK CONDITION",
        Busy => "BUSY",
        ReservationConflict => "RESERVATION CONFLICT",
        TaskSetFull => "TASK SET FULL",
        AcaActive => "ACA ACTIVE",
        TaskAborted => "TASK ABORTED",
        _ => $"status 0x{status:x2}",
    };
}
