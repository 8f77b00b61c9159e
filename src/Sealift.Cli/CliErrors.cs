using Sealift.Posix;

namespace Sealift.Cli;

/// <summary>Errors of the command line itself; SL80xx.</summary>
internal static class CliErrors
{
    public static SealiftException MapOfAStream() => new(
        "SL8003", "write a block map", "standard input", "the length of a stream is not known before its end", "Hash a file, a device or an NBD URI to get a map");

    public static SealiftException BadValue(string option, string value, string expected) => new(
        "SL8004", $"understand {option}", value, $"it should be {expected}", "See the command's --help for examples");
}
