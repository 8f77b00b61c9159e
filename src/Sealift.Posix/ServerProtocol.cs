using System.Globalization;

namespace Sealift.Posix;

/// <summary>By what a mounted file server is spoken to; proc_pid_mountinfo(5), and the options of nfs(5) and mount.cifs(8).</summary>
/// <param name="Name"><c>NFS</c> or <c>SMB</c>.</param>
/// <param name="Version">Its version, as <c>4.2</c>.</param>
public sealed record ServerProtocol(string Name, string Version)
{
    /// <summary>The one by which the file system of a path is spoken to; null where it is of no such server, or nothing is said of its version.</summary>
    /// <exception cref="PosixException">The path cannot be looked at.</exception>
    public static ServerProtocol? Of(string path)
    {
        try
        {
            return Find(File.ReadLines("/proc/self/mountinfo"), FileFacts.OfPath(path).Device);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // without /proc nothing is said of it
        }
    }

    /// <summary>
    /// Whether it knows how to ask for a copy: NFS from 4.2 on (RFC 7862, 4), SMB from 2 on (FSCTL_SRV_COPYCHUNK). Otherwise
    /// copy_file_range(2) succeeds as well: the kernel then reads and writes.
    /// </summary>
    public bool KnowsCopies => Version.Split('.') is [var major, .. var rest]
        && int.TryParse(major, NumberStyles.None, CultureInfo.InvariantCulture, out var first)
        && (Name == "SMB" ? first >= 2 : first > 4 || (first == 4 && rest is [var minor, ..] && int.TryParse(minor, NumberStyles.None, CultureInfo.InvariantCulture, out var second) && second >= 2));

    /// <summary>As <c>NFS 4.2</c>.</summary>
    public override string ToString() => $"{Name} {Version}";

    /// <summary>The same of other lines, by the number of the device.</summary>
    internal static ServerProtocol? Find(IEnumerable<string> mountInfo, ulong device)
    {
        var number = FileFacts.NumberOf(device);
        foreach (var line in mountInfo)
        {
            // The number is the third field; behind a hyphen come kind, source and the options of the file system.
            var fields = line.Split(' ');
            var hyphen = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
            if (fields.Length < 3 || fields[2] != number || hyphen < 0 || hyphen + 3 >= fields.Length) continue;
            var name = fields[hyphen + 1] switch { "nfs" or "nfs4" => "NFS", "cifs" or "smb3" => "SMB", _ => null };
            return name is not null && fields[hyphen + 3].Split(',').FirstOrDefault(o => o.StartsWith("vers=", StringComparison.Ordinal)) is { } version ? new(name, version[5..]) : null;
        }

        return null;
    }
}
