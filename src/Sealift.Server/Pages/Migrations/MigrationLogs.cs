using System.Text;
using Sealift.Migrations;
using Sealift.Posix;

namespace Sealift.Server.Pages;

/// <summary>The logs in a migration's own directory. Only what is listed there is shown, and of a long one its end.</summary>
internal static class MigrationLogs
{
    private const int MostLogs = 200, TailBytes = 256 << 10;

    /// <summary>Their names and lengths in bytes.</summary>
    public static List<(string Name, long Bytes)> Of(MigrationDetails details)
    {
        var found = new List<(string, long)>();
        if (FileFacts.OfPathIfExists(details.StateDirectory) is not { Kind: FileKind.Directory }) return found;
        foreach (var name in PosixPath.List(details.StateDirectory).Where(n => n.EndsWith(".log", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Take(MostLogs))
        {
            if (FileFacts.OfPath(Path.Combine(details.StateDirectory, name), followLinks: false) is { Kind: FileKind.Regular } facts) found.Add((name, facts.LengthBytes));
        }

        return found;
    }

    /// <summary>The end of a log.</summary>
    /// <exception cref="SealiftException">SL9030: there is none of this name.</exception>
    public static byte[] Tail(MigrationDetails details, string name)
    {
        if (Of(details).All(l => l.Name != name)) throw ServerErrors.NotFound("log", name);
        using var file = PosixFile.Open(Path.Combine(details.StateDirectory, name), OpenMode.Read | OpenMode.NoFollow);
        var length = file.Facts().LengthBytes;
        var tail = new byte[Math.Min(length, TailBytes)];
        var read = file.ReadAt(tail, length - tail.Length);
        return length > TailBytes ? [.. Encoding.UTF8.GetBytes($"(the last {TailBytes >> 10} KiB of {length})\n"), .. tail.AsSpan(0, read)] : tail[..read];
    }
}
