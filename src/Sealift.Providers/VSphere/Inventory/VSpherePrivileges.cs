using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers;

/// <summary>The privileges that a migration takes on its machine, by the names that the API has for them; docs/vsphere.md has the same list, and a test compares them.</summary>
public static class VSpherePrivileges
{
    /// <summary>However a machine is migrated: its disks and its other files are read.</summary>
    public static IReadOnlyList<string> Always { get; } = ["VirtualMachine.Provisioning.DiskRandomRead", "VirtualMachine.Provisioning.GetVmFiles"];

    /// <summary>Besides, where it runs meanwhile: changes are tracked, and it is shut down at the end.</summary>
    public static IReadOnlyList<string> Warm { get; } = ["VirtualMachine.Config.ChangeTracking", "VirtualMachine.Interact.PowerOff"];

    /// <summary>Besides, where it runs meanwhile, or its changes are tracked: by snapshots it is known what changed.</summary>
    public static IReadOnlyList<string> Snapshots { get; } = ["VirtualMachine.State.CreateSnapshot", "VirtualMachine.State.RemoveSnapshot"];

    /// <summary>Besides, where vSphere encrypts it: its disks are read decrypted.</summary>
    public static IReadOnlyList<string> Encrypted { get; } = ["Cryptographer.Access"];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Always, .. Warm, .. Snapshots, .. Encrypted];

    /// <summary>Those that a machine's migration takes.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="isWarm">Whether it runs meanwhile.</param>
    public static IEnumerable<string> Of(Machine machine, bool isWarm)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var isEncrypted = machine.IsEncrypted || machine.Devices.Disks.Any(d => d.IsEncrypted);
        return Always.Concat(isWarm ? Warm : []).Concat(isWarm || machine.IsChangeTracking is true ? Snapshots : []).Concat(isEncrypted ? Encrypted : []);
    }
}
