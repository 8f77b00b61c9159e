using System.CommandLine;
using Sealift.Cli.Terminal;

namespace Sealift.Cli;

/// <summary><c>--checkpoint</c>: how much of a copy an interruption may cost.</summary>
internal static class Checkpoint
{
    /// <summary>The option.</summary>
    public static Option<string?> Option { get; } = new("--checkpoint")
    {
        Description = "After so much data the target is flushed and the block map made durable, so that a copy that is interrupted loses no more than this; a size such as 1G [default: 4G].",
        HelpName = "SIZE",
    };

    /// <summary>Bytes between two checkpoints; null where the command line does not say.</summary>
    /// <exception cref="Posix.SealiftException">It is no size (SL8004).</exception>
    public static long? Of(ParseResult parsed) =>
        parsed.GetValue(Option) is not { } text ? null
        : Quantities.ParseSize(text) is { } bytes and > 0 ? bytes
        : throw CliErrors.BadValue(Option.Name, text, "a size such as 1G");
}
