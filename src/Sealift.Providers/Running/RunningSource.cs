using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Qmp;

namespace Sealift.Providers;

/// <summary>The names of machines that run, as sources of a migration, and how they are reached.</summary>
public static class RunningSource
{
    /// <summary>What the name of everything begins with that Sealift makes at a source.</summary>
    public const string Prefix = "sealift-";

    /// <summary>What such a name looks like, for people.</summary>
    public const string Forms = "qmp:SOCKET[?agent=SOCKET] or qemu[+ssh]://[HOST]/system/DOMAIN";

    /// <summary>Whether a source is a machine that runs.</summary>
    public static bool Is(string source) => source is not null && (QmpName.Is(source) || LibvirtName.Is(source));

    /// <summary>The same name with an absolute path where it holds one.</summary>
    public static string Full(string source) => QmpName.Is(source) ? QmpName.Parse(source).Full.ToString() : source;

    /// <summary>Whether it means the same wherever it is read: a path in it is absolute, a URI is whole.</summary>
    /// <exception cref="SealiftException">SL6408, SL6411: it is no usable name.</exception>
    public static bool IsAbsolute(string source) => QmpName.Is(source) ? QmpName.Parse(source).IsAbsolute : LibvirtName.Parse(source) is not null;

    /// <summary>Demands that a name is of something that Sealift made: nothing else is ever removed.</summary>
    /// <exception cref="ArgumentException">It is not.</exception>
    internal static void DemandOurs(params IEnumerable<string> names)
    {
        if (names.FirstOrDefault(n => !n.StartsWith(Prefix, StringComparison.Ordinal)) is { } foreign) throw new ArgumentException($"{foreign} is not ours", nameof(names));
    }

    /// <summary>Connects.</summary>
    /// <exception cref="SealiftException">SL3101, SL641x: it cannot be reached.</exception>
    public static async Task<IRunningMachine> ConnectAsync(string source, CancellationToken cancel) =>
        QmpName.Is(source) ? await QemuMachine.ConnectAsync(QmpName.Parse(source), cancel) : await LibvirtMachine.ConnectAsync(LibvirtName.Parse(source), cancel);

    /// <summary>The same, or null where there is no such machine any more. One that is there and cannot be reached is an error.</summary>
    /// <inheritdoc cref="ConnectAsync"/>
    public static async Task<IRunningMachine?> ConnectIfThereAsync(string source, CancellationToken cancel) =>
        QmpName.Is(source) ? await QemuMachine.ConnectIfThereAsync(QmpName.Parse(source), cancel) : await LibvirtMachine.ConnectIfThereAsync(LibvirtName.Parse(source), cancel);

    /// <summary>Whether an error says that a machine could not be reached, or was lost: it may be there again later. A refusal is none.</summary>
    public static bool IsLost(SealiftException error)
    {
        // What reads a disk may have wrapped what the connection said.
        for (Exception? e = error; e is not null; e = e.InnerException)
            if (e is QmpException { IsRefusal: false } or NbdException { IsTransient: true } or LibvirtException { IsUnreachable: true } or SealiftException { Code: ProviderErrors.NotForwardedCode or ProviderErrors.NotLoggedInCode or ProviderErrors.HostLostCode }) return true;
        return false;
    }
}
