using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>The final names of everything that is handed over.</summary>
internal sealed class TargetNames(MigrationRequest request, VirtualMachine machine)
{
    private readonly TargetMachine names = new()
    {
        Machine = machine,
        DirectoryPath = request.TargetDirectory,
        Disks = [],
        NetworkInterfaces = [],
        Converted = request.Convert,
    };

    /// <summary>A disk, or what stands for it.</summary>
    public string Disk(string key) => In(IsFar ? $"{machine.FileName}-{SafeName.Of(key)}.{TargetMachine.VolumeExtension}" : request.Target.Disks.Count > 0 && request.Target.Of(machine.Disks.Single(d => d.Key == key)) is { Export: not null }
        ? TargetMachine.ExportFileName(machine, key)
        : TargetMachine.DiskFileName(machine, key, request.Format));

    /// <summary>What a disk is called as a volume of a storage pool.</summary>
    public string Volume(string key) => TargetMachine.DiskFileName(machine, key, request.Format);

    public string BlockMap(string key) => In($"{machine.FileName}-{SafeName.Of(key)}.blockmap");

    /// <summary>What the conversion did to the guest's files; where the plan converts and checks.</summary>
    public string FileChanges => In($"{machine.FileName}-changes.jsonl");

    public string Domain => In(names.DomainFileName);

    /// <summary>What boots the machine with QEMU alone; null where its disks are on another host.</summary>
    public string? StartScript => IsFar ? null : In(names.StartScriptFileName);

    /// <summary>Made when the machine first starts; one that is left over from another machine must not be taken for its own.</summary>
    public string Nvram => In(names.NvramFileName);

    public string Seal => In($"{machine.FileName}.seal.json");

    public string Page => In($"{machine.FileName}.seal.html");

    public IReadOnlyList<string> All =>
    [
        .. machine.Disks.SelectMany(d => new[] { Disk(d.Key), BlockMap(d.Key) }),
        Domain,
        .. StartScript is { } script ? new[] { script } : [],
        .. request is { Convert: true, Check: true } ? new[] { FileChanges } : [],
        .. machine.Firmware == Firmware.Uefi && !IsFar ? new[] { Nvram } : [],
        Seal,
        Page,
    ];

    private bool IsFar => request.Target.Libvirt is { IsFar: true };

    private string In(string name) => Path.Combine(request.TargetDirectory, name);
}
