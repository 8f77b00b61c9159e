using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Qmp;

namespace Sealift.Providers;

/// <summary>The names of machines that run, as sources of a migration, and how they are reached.</summary>
public static class RunningSource
{
    /// <summary>What the name of everything begins with that Sealift makes at a source.</summary>
    public const string Prefix = "sealift-";

    /// <summary>What the name of a running QEMU begins with; the path of its QMP socket follows.</summary>
    public const string QmpPrefix = "qmp:";

    /// <summary>What such a name looks like, for people.</summary>
    public const string Forms = "qmp:SOCKET or qemu[+ssh]://[HOST]/system/DOMAIN";

    /// <summary>Whether a source is a machine that runs.</summary>
    public static bool Is(string source) => source is not null && (IsQmp(source) || LibvirtName.Is(source));

    /// <summary>The same name with an absolute path where it holds one.</summary>
    public static string Full(string source) => IsQmp(source) ? QmpPrefix + Path.GetFullPath(source[QmpPrefix.Length..]) : source;

    /// <summary>Whether it means the same wherever it is read: a path in it is absolute, a URI is whole.</summary>
    /// <exception cref="SealiftException">SL6411: it is no usable URI of libvirt's.</exception>
    public static bool IsAbsolute(string source) => IsQmp(source) ? Path.IsPathRooted(source[QmpPrefix.Length..]) : LibvirtName.Parse(source) is not null;

    /// <summary>Connects.</summary>
    /// <exception cref="SealiftException">SL3101, SL641x: it cannot be reached.</exception>
    public static async Task<IRunningMachine> ConnectAsync(string source, CancellationToken cancel) =>
        IsQmp(source) ? await QemuMachine.ConnectAsync(source[QmpPrefix.Length..], cancel) : await LibvirtMachine.ConnectAsync(LibvirtName.Parse(source), cancel);

    /// <summary>The same, or null where there is no such machine any more. One that is there and cannot be reached is an error.</summary>
    /// <inheritdoc cref="ConnectAsync"/>
    public static async Task<IRunningMachine?> ConnectIfThereAsync(string source, CancellationToken cancel) =>
        IsQmp(source) ? await QemuMachine.ConnectIfThereAsync(source[QmpPrefix.Length..], cancel) : await LibvirtMachine.ConnectIfThereAsync(LibvirtName.Parse(source), cancel);

    /// <summary>Whether an error says that a machine could not be reached, or was lost: it may be there again later. A refusal is none.</summary>
    public static bool IsLost(SealiftException error)
    {
        // What reads a disk may have wrapped what the connection said.
        for (Exception? e = error; e is not null; e = e.InnerException)
            if (e is QmpException { IsRefusal: false } or NbdException { IsTransient: true } or LibvirtException { IsUnreachable: true } or SealiftException { Code: ProviderErrors.NotForwardedCode or ProviderErrors.NotLoggedInCode }) return true;
        return false;
    }

    private static bool IsQmp(string source) => source.StartsWith(QmpPrefix, StringComparison.Ordinal);
}
