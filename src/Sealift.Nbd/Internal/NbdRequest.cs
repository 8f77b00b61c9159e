using System.Globalization;

namespace Sealift.Nbd;

/// <summary>One request as it goes over the wire, and where its answer goes.</summary>
internal readonly record struct NbdRequest(NbdCommand Command, long Offset, long LengthBytes)
{
    public NbdCommandFlags Flags { get; init; }

    /// <summary>Where a read's payload goes.</summary>
    public Memory<byte> Destination { get; init; }

    /// <summary>A write's payload.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>The context that a block status request wants.</summary>
    public uint ContextId { get; init; }

    public string CommandName => NameOf(Command);

    /// <summary>Payload bytes on the wire, in either direction.</summary>
    public long PayloadBytes => Command is NbdCommand.Read or NbdCommand.Write ? LengthBytes : 0;

    /// <summary>The most chunks that an honest answer has: one for each 512-byte sector, error chunks and a final one.</summary>
    public int MaxChunks => 1024 + (int)(PayloadBytes / 512);

    public static string NameOf(NbdCommand command) => command switch
    {
        NbdCommand.Read => "read",
        NbdCommand.Write => "write",
        NbdCommand.Disconnect => "disconnect",
        NbdCommand.Flush => "flush",
        NbdCommand.Trim => "trim",
        NbdCommand.WriteZeroes => "write zeroes",
        NbdCommand.BlockStatus => "block status",
        _ => command.ToString(),
    };

    public static string Describe(NbdCommand command, long offset, long lengthBytes) => command switch
    {
        NbdCommand.Flush => "flush",
        NbdCommand.WriteZeroes => string.Create(CultureInfo.InvariantCulture, $"write {lengthBytes} zero bytes at offset {offset}"),
        NbdCommand.BlockStatus => string.Create(CultureInfo.InvariantCulture, $"get the block status of {lengthBytes} bytes at offset {offset}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{NameOf(command)} {lengthBytes} bytes at offset {offset}"),
    };

    public override string ToString() => Describe(Command, Offset, LengthBytes);
}
