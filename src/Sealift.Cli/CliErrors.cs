using Sealift.Posix;

namespace Sealift.Cli;

/// <summary>Errors of the command line itself; SL80xx.</summary>
internal static class CliErrors
{
    public static SealiftException MapOfAStream() => new(
        "SL8003", "write a block map", "standard input", "the length of a stream is not known before its end", "Hash a file, a device or an NBD URI to get a map");

    public static SealiftException TuningOfAStream() => new(
        "SL8005", "tune the reading", "standard input", "a stream is read by one request after the other, as fast as it comes", "Leave out --bandwidth, --connections, --queue-depth and --request-size, or hash a file, a device or an NBD URI");

    public static SealiftException SameDisk(string a, string b) => new(
        "SL8006", $"compare {a}", b, "they are the same file, device or export, so that nothing can come out of it", "Name two disks");

    public static SealiftException NoTerminal(string selector) => new(
        "SL8007", "ask for the key of an encrypted volume", selector, "standard input is no terminal", "Give it in a file: --luks-key UUID=file:PATH");

    public static SealiftException NoPassword(string provider, string said) => new(
        "SL8008", "read the password", $"provider {provider}, from standard input", said, "Write it there as one line, or name where it is: --password-file, --password-env or --password-keyring");

    public static SealiftException NoServer(string path) => new(
        "SL9000", "start the server", path, "it is not there", "Install the whole of Sealift: the directory 'server' belongs beside the command");

    public static SealiftException NoRun(string name) => new(
        "SL8030", "find a run", name, "no plan of this name was run, and no run has this id", "See 'sealift plan status'");

    public static SealiftException BadValue(string option, string value, string expected) => new(
        "SL8004", $"understand {option}", value, $"it should be {expected}", "See the command's --help for examples");

    public static SealiftException UnknownDocument(string kind, string name) => new(
        "SL8020", "find a document", $"{kind} {name}", "there is none of this name", kind == "Plan" ? "See `sealift plan get` for what is stored, or name a file that is there" : "See `sealift plan get` for what is stored");

    public static SealiftException NotOnePlan(string files, IEnumerable<string> plans) => new(
        "SL8021", "find the plan", files, string.Join(", ", plans) is { Length: > 0 } names ? $"there are several: {names}" : "there is none", "Name files with one plan, or one of several with --plan");

    public static SealiftException DocumentTwice(string kind, string name) => new(
        "SL8022", "read documents", $"{kind} {name}", "it comes twice", "Leave out one of the two");

    public static SealiftException BundleToTerminal() => new(
        "SL7564", "write the support bundle", "standard output", "it is a terminal, and a bundle is no text", "Redirect it, or name a file with --output");
}
