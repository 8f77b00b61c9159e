using Sealift.Posix;

namespace Sealift.Scsi;

/// <summary>
/// A SCSI disk of this host, by commands that the kernel carries (SG_IO). A command that is under way cannot be taken back: it ends at its
/// deadline at the latest, when the kernel aborts it.
/// </summary>
internal sealed class SgDevice : IScsiTransport
{
    // scsi/sg.h and the kernel's scsi_status.h.
    private const int TimedOut = 3; // DID_TIME_OUT
    private const int DriverMask = 0x0F;
    private const int DriverSense = 8;
    private const int SenseBytes = 252; // the longest there are; SPC-4, 4.5

    private readonly PosixFile file;
    private readonly Lock alone = new();

    private SgDevice(PosixFile file) => this.file = file;

    /// <summary>Opens it, as the device that it was when it was looked at.</summary>
    /// <exception cref="ScsiException">Another device has its path now (SL3214).</exception>
    /// <exception cref="PosixException">It cannot be opened.</exception>
    public static SgDevice Open(HostDevice device)
    {
        // For reading: nobody is to believe that something was written by this descriptor, least of all to a source.
        var file = PosixFile.Open(device.Path, OpenMode.Read);
        try
        {
            var (now, whyNot) = HostDevice.Of(device.Path);
            if (now is null) throw ScsiErrors.NotPassed(device.Path, "open it", $"it {whyNot}");
            if (now != device || file.Facts().NodeDevice != device.Node) throw ScsiErrors.NotPassed(device.Path, "open it", $"it was the disk at {device.Address}, and another one is there now");
            return new SgDevice(file);
        }
        catch
        {
            file.Close();
            throw;
        }
    }

    /// <inheritdoc/>
    public ScsiReply Execute(ScsiCommand command, ReadOnlyMemory<byte> output, Memory<byte> input, TimeSpan deadline, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(command);
        cancel.ThrowIfCancellationRequested();
        lock (alone)
        {
            var sense = new byte[SenseBytes];
            var passage = file.PassScsi(command.Cdb.Span, output.Span, input.Span, sense, deadline, out var declined);
            if (declined is { } errno) throw ScsiErrors.NotPassed(file.Path, command.Name, $"the kernel does not carry it ({errno})");
            return Reply(file.Path, command, passage, input.Length, sense, deadline);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => file.Close();

    /// <summary>What a passage means.</summary>
    internal static ScsiReply Reply(string path, ScsiCommand command, ScsiPassage passage, int inputBytes, ReadOnlyMemory<byte> sense, TimeSpan deadline)
    {
        if (passage.HostStatus == TimedOut) throw ScsiErrors.Silent(path, command.Name, deadline);
        if (passage.HostStatus != 0) throw ScsiErrors.Lost(path, command.Name, $"the host adapter reports 0x{passage.HostStatus:x2}");
        // Sense data come with a status that says so; anything else of the driver's is trouble of its own.
        if ((passage.DriverStatus & DriverMask) is not (0 or DriverSense)) throw ScsiErrors.Lost(path, command.Name, $"the kernel's driver reports 0x{passage.DriverStatus:x2}");
        if (passage.LeftBytes < 0 || (inputBytes > 0 && passage.LeftBytes > inputBytes)) throw ScsiErrors.NotUnderstood(path, command.Name, $"{passage.LeftBytes} of {inputBytes} bytes are said not to have come");
        if (passage.SenseBytes > sense.Length) throw ScsiErrors.NotUnderstood(path, command.Name, $"{passage.SenseBytes} bytes of sense data are said to have come");
        if (passage.Status == ScsiStatus.Good && (passage.DriverStatus & DriverMask) == 0) return ScsiReply.Good(inputBytes > 0 ? inputBytes - passage.LeftBytes : 0);
        return new ScsiReply(passage.Status == ScsiStatus.Good ? ScsiStatus.CheckCondition : passage.Status, 0, sense[..passage.SenseBytes]);
    }
}
