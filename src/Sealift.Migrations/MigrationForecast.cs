using Sealift.Disks;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>What a migration would do. Making it writes nothing to the target.</summary>
/// <param name="Machine">The machine as the source describes it.</param>
/// <param name="SourceKind"><c>image</c>, <c>ovf</c> or <c>ova</c>.</param>
/// <param name="Disks">Its disks.</param>
/// <param name="TargetPaths">Every file that would be handed over.</param>
/// <param name="SpaceNeededBytes">Space that the target needs at most, in bytes.</param>
/// <param name="SpaceFreeBytes">Space that it has, in bytes.</param>
/// <param name="Steps">The steps that would run, in order.</param>
/// <param name="Notes">What the source's reader had to say, and what differs on the new machine.</param>
/// <param name="Problems">What would stop it, as whole sentences with code and next step. Empty where it could start.</param>
public sealed record MigrationForecast(
    VirtualMachine Machine,
    string SourceKind,
    IReadOnlyList<ForecastDisk> Disks,
    IReadOnlyList<string> TargetPaths,
    long SpaceNeededBytes,
    long SpaceFreeBytes,
    IReadOnlyList<PlannedStep> Steps,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> Problems)
{
    /// <summary>What receives the machine besides the directory.</summary>
    public MachineTarget Target { get; init; } = MachineTarget.Directory;

    /// <summary>The space of the pool of another host that its disks go to; null where there is none.</summary>
    public TargetSpace? FarSpace { get; init; }
}

/// <summary>Space in a place that receives disks.</summary>
/// <param name="Place">The place: for a pool of another host, libvirt's URI and the pool's directory.</param>
/// <param name="NeededBytes">Space that is needed at most, in bytes.</param>
/// <param name="FreeBytes">Space that there is, in bytes.</param>
public sealed record TargetSpace(string Place, long NeededBytes, long FreeBytes);

/// <summary>A disk of a forecast.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Source">The image.</param>
/// <param name="SourceFormat">Its format.</param>
/// <param name="Subformat">What the format calls its kind; may be empty.</param>
/// <param name="LengthBytes">Length of the disk in bytes.</param>
/// <param name="AllocatedBytes">Bytes that hold data, at most.</param>
/// <param name="TargetPath">Where it would go.</param>
/// <param name="TargetFormat">Raw or qcow2.</param>
public sealed record ForecastDisk(
    string Key, string Source, ImageFormat SourceFormat, string Subformat, long LengthBytes, long AllocatedBytes, string TargetPath, ImageFormat TargetFormat);

/// <summary>A step that is to run.</summary>
/// <param name="Step">Its name, as in <see cref="StepName"/>.</param>
/// <param name="Disk">The disk's key; empty where the step is about the machine.</param>
public sealed record PlannedStep(string Step, string Disk);
