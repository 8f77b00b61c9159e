using Sealift.Disks;
using Sealift.Providers;

namespace Sealift.Migrations.Steps;

/// <summary>The machine as it will be where it goes: the same when its boot is proven and when it is handed over.</summary>
internal static class NewMachine
{
    /// <summary>The same as its host sees it, where that is another one: with the volumes of its pool.</summary>
    public static TargetMachine There(MigrationContext context)
    {
        var machine = Of(context);
        if (context.Request.Target.Libvirt is not { PoolDirectory: { } pool }) return machine;
        return machine with { DirectoryPath = pool, Disks = [.. machine.Disks.Select(d => d with { FileName = TargetMachine.DiskFileName(machine.Machine, d.Key, context.Request.Format), Format = context.Request.Format, Export = null })] };
    }

    public static TargetMachine Of(MigrationContext context)
    {
        var target = TargetMachine.For(context.Source.Machine, context.Request.TargetDirectory, context.Request.Format, context.Request.Convert);
        target = target with { Disks = [.. target.Disks.Select(d => context.CopiedDisk(d.Key).Export is { } export ? d with { FileName = TargetMachine.ExportFileName(target.Machine, d.Key), Format = ImageFormat.Raw, Export = export } : d with { DevicePath = TargetPlaces.Find(context, d.Key)?.Path })] };
        if (context.Request.Target.Libvirt is not null) target = target with { MigrationId = context.Id };
        if (context.Find(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult) is not { } convert) return target;
        // What the converter installed drivers for counts, not what we had hoped for.
        DiskBus bus = convert.Conversion.BlockBus switch { "virtio-scsi" => DiskBus.VirtioScsi, "sata" => DiskBus.Sata, "ide" => DiskBus.Ide, _ => DiskBus.VirtioBlk };
        var nic = convert.Conversion.NetModel switch { "e1000" or "rtl8139" => NicModel.E1000, "e1000e" => NicModel.E1000e, _ => NicModel.Virtio };
        return target with
        {
            Disks = [.. target.Disks.Select(d => d with { Bus = bus })],
            NetworkInterfaces = [.. target.NetworkInterfaces.Select(n => n with { Model = nic })],
        };
    }
}
