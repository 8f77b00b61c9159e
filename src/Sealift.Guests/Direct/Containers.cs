using System.Buffers.Binary;
using System.Globalization;
using Sealift.Guests.Checks;

namespace Sealift.Guests.Direct;

/// <summary>What holds volumes over several devices: LVM, software RAID and Btrfs. Whether all of their parts are among the machine's disks can only be said of all together.</summary>
internal sealed class Containers
{
    private readonly Dictionary<DirectVolume, LvmLabel> labels = [];
    private readonly Dictionary<DirectVolume, MdSuperblock?> members = [];
    private readonly Dictionary<DirectVolume, (string Id, ulong Devices)> btrfs = [];

    private Containers()
    {
    }

    /// <summary>Reads what they say of themselves.</summary>
    public static async Task<Containers> ReadAsync(IReadOnlyList<DirectVolume> volumes, CancellationToken cancel)
    {
        var containers = new Containers();
        foreach (var volume in volumes)
        {
            if (volume.Device.Type == "LVM2_member") containers.labels[volume] = await LvmLabel.ReadAsync(volume.Reader, cancel);
            else if (volume.Device.Type == "linux_raid_member") containers.members[volume] = await MemberAsync(volume, cancel);
            else if (volume.Device.Type == "btrfs" && await volume.Reader.TryReadAsync(65536, 4096, cancel) is { } super) containers.btrfs[volume] = (volume.Device.Uuid, BinaryPrimitives.ReadUInt64LittleEndian(super.AsSpan(0x88)));
        }

        return containers;
    }

    /// <summary>What is wrong with a physical volume and its group.</summary>
    public IReadOnlyList<string> LvmProblems(DirectVolume volume)
    {
        var label = labels[volume];
        var problems = label.Problems.ToList();
        if (GroupOf(label) is not { } group) return problems;
        var here = labels.Values.Select(l => l.Id).ToHashSet();
        var missing = group.PhysicalVolumes.Count(id => !here.Contains(id));
        if (missing > 0) problems.Add(string.Create(CultureInfo.InvariantCulture, $"Its volume group {GuestText.Name(group.Name)} lacks {missing} of {group.PhysicalVolumes.Count} physical volumes, which are on no disk of this machine"));
        return problems;
    }

    /// <summary>What is to be said of a member of an array.</summary>
    public IReadOnlyList<Observation> MdObservations(DirectVolume volume)
    {
        if (members[volume] is not { } member) return [new Observation("md.errors", FindingSeverity.Damage, "Its superblock is gone")];
        if (!member.IsSound) return [new Observation("md.errors", FindingSeverity.Damage, "Its superblock does not match its checksum")];
        var here = members.Values.Count(m => m?.Array == member.Array);
        if (here < member.ActiveDisks) return [new Observation("md.errors", FindingSeverity.Damage, string.Create(CultureInfo.InvariantCulture, $"Its array ({member}) has {member.ActiveDisks} members in use, and {here} of them are on the disks of this machine"))];
        return member.ActiveDisks < member.Disks ? [new Observation("md.degraded", FindingSeverity.Note, string.Create(CultureInfo.InvariantCulture, $"Its array ({member}) runs with {member.ActiveDisks} members"))] : [];
    }

    /// <summary>What is wrong with a Btrfs over several devices; null where nothing is.</summary>
    public string? BtrfsProblem(DirectVolume volume)
    {
        if (!btrfs.TryGetValue(volume, out var own)) return null;
        var here = btrfs.Values.Count(b => b.Id == own.Id);
        return own.Devices <= (ulong)here ? null : string.Create(CultureInfo.InvariantCulture, $"It lies on {own.Devices} devices, and {here} of them are on the disks of this machine");
    }

    /// <summary>Why what is inside cannot be looked at here; null where nothing is known to be inside.</summary>
    public string? WhyInside(DirectVolume volume)
    {
        if (!labels.TryGetValue(volume, out var label)) return "the array needs a kernel to be put together";
        var isEmpty = GroupOf(label) is { } group ? group.LogicalVolumes.Count == 0 : label.Problems.Count == 0;
        return isEmpty ? null : "volumes of LVM need a kernel's device mapper";
    }

    /// <summary>A physical volume may keep no metadata itself: then another one of the group has them.</summary>
    private LvmGroup? GroupOf(LvmLabel label) =>
        label.Group ?? labels.Values.Select(l => l.Group).FirstOrDefault(g => g is not null && g.PhysicalVolumes.Contains(label.Id));

    private static async Task<MdSuperblock?> MemberAsync(DirectVolume volume, CancellationToken cancel)
    {
        foreach (var at in MdSuperblock.Places(volume.Reader.LengthBytes))
            if (await volume.Reader.TryReadAsync(at, 4096, cancel) is { } block && MdSuperblock.Parse(block, at) is { } member) return member;
        return null;
    }
}
