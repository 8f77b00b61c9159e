using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Qmp;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>The names of machines that run, as sources of a migration, and how they are reached.</summary>
public static class RunningSource
{
    /// <summary>What the name of everything begins with that Sealift makes at a source.</summary>
    public const string Prefix = "sealift-";

    /// <summary>What such a name looks like, for people.</summary>
    public const string Forms = "qmp:SOCKET[?agent=SOCKET], qemu[+ssh]://[HOST]/system/DOMAIN or vsphere://SERVER/MACHINE";

    /// <summary>Whether a source is a machine that runs.</summary>
    public static bool Is(string source) => source is not null && (QmpName.Is(source) || LibvirtName.Is(source) || VSphereName.Is(source));

    /// <summary>Whether it is one of vSphere, which keeps aside itself what its guest overwrites.</summary>
    public static bool IsVSphere(string source) => source is not null && VSphereName.Is(source);

    /// <summary>Whether it runs on this host, so that paths of its disks are paths of this one.</summary>
    public static bool IsOfThisHost(string source) => source is not null && (QmpName.Is(source) || (LibvirtName.Is(source) && LibvirtName.Parse(source).Host is null));

    /// <summary>The same name with an absolute path where it holds one.</summary>
    public static string Full(string source) => QmpName.Is(source) ? QmpName.Parse(source).Full.ToString() : source;

    /// <summary>Whether it means the same wherever it is read: a path in it is absolute, a URI is whole.</summary>
    /// <exception cref="SealiftException">SL6408, SL6411, SL6541: it is no usable name.</exception>
    public static bool IsAbsolute(string source) => QmpName.Is(source) ? QmpName.Parse(source).IsAbsolute : IsVSphere(source) ? VSphereName.Parse(source) is not null : LibvirtName.Parse(source) is not null;

    /// <summary>Demands that a name is of something that Sealift made: nothing else is ever removed.</summary>
    /// <exception cref="ArgumentException">It is not.</exception>
    internal static void DemandOurs(params IEnumerable<string> names)
    {
        if (names.FirstOrDefault(n => !n.StartsWith(Prefix, StringComparison.Ordinal)) is { } foreign) throw new ArgumentException($"{foreign} is not ours", nameof(names));
    }

    /// <summary>Connects.</summary>
    /// <param name="source">Its name.</param>
    /// <param name="servers">The servers of vSphere by what their user calls them; null where there are none.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL3101, SL33xx, SL641x, SL654x: it cannot be reached.</exception>
    public static async Task<IRunningMachine> ConnectAsync(string source, Func<string, VSphereAccess>? servers, CancellationToken cancel) =>
        QmpName.Is(source) ? await QemuMachine.ConnectAsync(QmpName.Parse(source), cancel)
        : VSphereName.Is(source) ? await VSphereMachine.ConnectAsync(VSphereName.Parse(source), AccessOf(source, servers), cancel)
        : await LibvirtMachine.ConnectAsync(LibvirtName.Parse(source), cancel);

    /// <summary>The same, or null where there is no such machine any more. One that is there and cannot be reached is an error.</summary>
    /// <inheritdoc cref="ConnectAsync"/>
    public static async Task<IRunningMachine?> ConnectIfThereAsync(string source, Func<string, VSphereAccess>? servers, CancellationToken cancel) =>
        QmpName.Is(source) ? await QemuMachine.ConnectIfThereAsync(QmpName.Parse(source), cancel)
        : VSphereName.Is(source) ? await VSphereMachine.ConnectAsync(VSphereName.Parse(source), AccessOf(source, servers), cancel)
        : await LibvirtMachine.ConnectIfThereAsync(LibvirtName.Parse(source), cancel);

    /// <summary>Whether an error says that a machine could not be reached, or was lost: it may be there again later. A refusal is none.</summary>
    public static bool IsLost(SealiftException error)
    {
        // What VMware's library refuses it refuses again, whatever its nbdkit did then.
        if (error.Code == "SL6523") return false;
        // What reads a disk may have wrapped what the connection said.
        for (Exception? e = error; e is not null; e = e.InnerException)
            if (e is QmpException { IsRefusal: false } or NbdException { IsTransient: true } or LibvirtException { IsUnreachable: true } or VSphereException { IsUnreachable: true } or VSphereException { IsOutcomeUnknown: true } or VSphereException { IsSessionLost: true } or SealiftException { Code: ProviderErrors.NotForwardedCode or ProviderErrors.NotLoggedInCode or ProviderErrors.HostLostCode }) return true;
        return false;
    }

    /// <summary>Whether an error says that what changed cannot be told: then everything is read and compared.</summary>
    public static bool IsTrackerRefusal(SealiftException error) => error is { Code: ProviderErrors.TrackerRefusedCode };

    private static VSphereAccess AccessOf(string source, Func<string, VSphereAccess>? servers) => servers is null ? throw ProviderErrors.NoServers(source) : servers(VSphereName.Parse(source).Server);
}
