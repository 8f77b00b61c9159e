using Sealift.Providers;

namespace Sealift.Migrations.Seals;

/// <summary>The libvirt that the machine was handed over to.</summary>
/// <param name="Uri">Its daemon: <c>qemu:///system</c> of the host that the seal was made on, or that of another one.</param>
/// <param name="Domain">The name of the domain.</param>
/// <param name="Uuid">Its UUID.</param>
/// <param name="Pool">The storage pool.</param>
/// <param name="PoolUuid">The pool's UUID; empty where it was not known.</param>
/// <param name="Volumes">The disks as volumes of the pool, in their order.</param>
public sealed record SealedTarget(string Uri, string Domain, string Uuid, string Pool, string PoolUuid, IReadOnlyList<string> Volumes)
{
    /// <summary>What a seal says of it; null where a directory received the machine, and nothing else.</summary>
    internal static SealedTarget? Of(MigrationContext context)
    {
        if (context.Request.Target.Libvirt is not { } libvirt) return null;
        var machine = context.Source.Machine;
        var names = new TargetNames(context.Request, machine);
        return new SealedTarget(LibvirtHost.WithoutParameters(libvirt.Uri), machine.FileName, DefinedDomain.UuidOf(context).ToString("D"), libvirt.Pool, libvirt.PoolUuid ?? string.Empty, [.. machine.Disks.Select(d => libvirt.IsFar ? names.Volume(d.Key) : Path.GetFileName(names.Disk(d.Key)))]);
    }
}
