using System.CommandLine;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Nbd;

namespace Sealift.Cli;

/// <summary><c>--bandwidth</c>, <c>--connections</c>, <c>--queue-depth</c> and <c>--request-size</c>: how disks are read and written, where the defaults are not right.</summary>
/// <param name="BandwidthBytesPerSecond">How fast a source may be read; null: as fast as it can be.</param>
/// <param name="Connections">The most connections to an NBD server.</param>
/// <param name="QueueDepth">Chunks worked on at once.</param>
/// <param name="RequestBytes">Bytes in a request, and in a chunk.</param>
internal sealed record Tuning(long? BandwidthBytesPerSecond, int Connections, int QueueDepth, int RequestBytes)
{
    // As many clients as a qemu-nbd of ours serves; more sockets to one host bring nothing.
    private const int MaximumConnections = 16;

    private static readonly Option<string?> Bandwidth = new("--bandwidth")
    {
        Description = "Read at most so many bytes per second from the source, such as 200M (compare: from each of the two disks); at least 64K [default: as fast as it can be].",
        HelpName = "RATE",
    };

    private static readonly Option<int?> ConnectionLimit = new("--connections")
    {
        Description = $"The most connections to an NBD server, 1 to {MaximumConnections}; one where the server does not allow several [default: {new NbdOptions().Connections}].",
        HelpName = "N",
    };

    private static readonly Option<int?> Queue = new("--queue-depth")
    {
        Description = $"Chunks worked on at once, 1 to {CopyOptions.MaximumWorkers}; so many times the request size is the memory that it takes (compare: twice that) [default: four for each processor, at least 8].",
        HelpName = "N",
    };

    private static readonly Option<string?> RequestSize = new("--request-size")
    {
        Description = "Bytes in one request, a power of two from the block size to 32M [default: 1M].",
        HelpName = "SIZE",
    };

    /// <summary>How the bytes are read and written.</summary>
    public CopyOptions Options { get; } = CopyOptions.Default with
    {
        Bandwidth = BandwidthBytesPerSecond is { } rate ? new BandwidthLimit(rate, TimeProvider.System) : null,
        Workers = QueueDepth,
        RequestBytes = RequestBytes,
    };

    /// <summary>Gives a command the options.</summary>
    /// <param name="command">The command.</param>
    /// <param name="nbd">Whether it connects to NBD servers of others.</param>
    public static void AddTo(Command command, bool nbd = true)
    {
        command.Options.Add(Bandwidth);
        if (nbd) command.Options.Add(ConnectionLimit);
        command.Options.Add(Queue);
        command.Options.Add(RequestSize);
    }

    /// <summary>Whether a command line asks for anything but the defaults.</summary>
    public static bool IsAskedFor(ParseResult parsed) =>
        parsed.GetResult(Bandwidth) is not null || parsed.GetResult(ConnectionLimit) is not null || parsed.GetResult(Queue) is not null || parsed.GetResult(RequestSize) is not null;

    /// <summary>What a command line asks for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="blockBytes">The block size, which a request is never below.</param>
    /// <exception cref="Posix.SealiftException">A value is out of its range (SL8004).</exception>
    public static Tuning Of(ParseResult parsed, int blockBytes)
    {
        long? rate = parsed.GetValue(Bandwidth) is not { } text ? null
            : Quantities.ParseSize(text) is { } bytes and >= BandwidthLimit.MinimumBytesPerSecond ? bytes
            : throw CliErrors.BadValue(Bandwidth.Name, text, "bytes per second, such as 200M, at least 64K");
        var tuning = new Tuning(
            rate,
            InRange(ConnectionLimit, parsed.GetValue(ConnectionLimit), MaximumConnections, new NbdOptions().Connections),
            InRange(Queue, parsed.GetValue(Queue), CopyOptions.MaximumWorkers, CopyOptions.Default.Workers),
            RequestOf(parsed.GetValue(RequestSize), blockBytes));
        WorkerThreads.Provide(tuning.QueueDepth);
        return tuning;
    }

    /// <summary>The same for a plan that keeps what was asked for, and nothing of what was not.</summary>
    /// <exception cref="Posix.SealiftException">A value is out of its range (SL8004).</exception>
    public static (long? BandwidthBytesPerSecond, int? QueueDepth, int? RequestBytes) AskedFor(ParseResult parsed, int blockBytes)
    {
        var tuning = Of(parsed, blockBytes);
        return (tuning.BandwidthBytesPerSecond, parsed.GetResult(Queue) is null ? null : tuning.QueueDepth, parsed.GetResult(RequestSize) is null ? null : tuning.RequestBytes);
    }

    /// <summary>The same for the connections to an NBD server.</summary>
    public NbdOptions Over(NbdOptions connection) => connection with { Connections = Connections, MaxInFlight = Math.Max(connection.MaxInFlight, QueueDepth) };

    /// <summary>Says which values are used: the member <c>settings</c>.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("settings");
        if (BandwidthBytesPerSecond is { } rate) writer.WriteNumber("bandwidthBytesPerSecond", rate);
        else writer.WriteNull("bandwidthBytesPerSecond");
        writer.WriteNumber("connections", Connections);
        writer.WriteNumber("queueDepth", QueueDepth);
        writer.WriteNumber("requestBytes", RequestBytes);
        writer.WriteEndObject();
    }

    private static int InRange(Option<int?> option, int? value, int maximum, int otherwise) =>
        value is not { } given ? otherwise
        : given >= 1 && given <= maximum ? given
        : throw CliErrors.BadValue(option.Name, given.ToString(CultureInfo.InvariantCulture), $"a number from 1 to {maximum}");

    private static int RequestOf(string? text, int blockBytes)
    {
        if (text is null) return Math.Max(CopyOptions.Default.RequestBytes, blockBytes);
        return Quantities.ParseSize(text) is { } bytes && bytes >= blockBytes && bytes <= CopyOptions.MaximumRequestBytes && BitOperations.IsPow2(bytes)
            ? (int)bytes
            : throw CliErrors.BadValue(RequestSize.Name, text, $"a power of two from the block size ({blockBytes} bytes) to 32M");
    }
}
