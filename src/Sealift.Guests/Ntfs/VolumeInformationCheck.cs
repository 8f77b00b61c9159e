using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>$Volume: the label, the version of the format, and the flags by which Windows knows what it has left undone.</summary>
internal static class VolumeInformationCheck
{
    private const ushort DirtyFlag = 0x0001, KnownFlags = 0xC1BF;

    /// <summary>Reads it, and marks the volume as dirty where it says so.</summary>
    /// <returns>The label and the version.</returns>
    public static async Task<(string Label, string Version)> RunAsync(NtfsVolume volume, MasterFileTable mft)
    {
        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.Volume) is not { } file) return (string.Empty, string.Empty); // said when all records are checked
        string label = string.Empty, version = string.Empty;
        foreach (var attribute in MftRecord.Trusted(file.Records[0].Bytes))
        {
            if (attribute.IsNonResident) continue;
            if (attribute.Type == AttributeType.VolumeName) label = Encoding.Unicode.GetString(attribute.Value);
            if (attribute.Type == AttributeType.VolumeInformation) version = Information(volume, attribute);
        }

        if (version.Length == 0) volume.Findings.Damage(NtfsClasses.SystemFile, "$Volume has no $VOLUME_INFORMATION that can be read");
        return (label, version);
    }

    private static string Information(NtfsVolume volume, AttributeRecord attribute)
    {
        var value = attribute.Value;
        if (value.Length < 12) return string.Empty;
        byte major = value[8], minor = value[9];
        var flags = value.U16(10);
        if ((major, minor) is (1, 1) or (1, 2) or (3, 0) or (3, 1)) volume.Version = (major * 10) + minor;
        else volume.Findings.Damage(NtfsClasses.SystemFile, $"$Volume says that this is version {major}.{minor} of NTFS");
        if ((flags & ~KnownFlags) != 0) volume.Findings.Damage(NtfsClasses.SystemFile, $"$Volume has the flags 0x{flags:x4}");
        if ((flags & DirtyFlag) != 0)
        {
            volume.IsDirty = true;
            volume.Findings.Note(NtfsClasses.Dirty, "$Volume is marked dirty: the disk was taken while Windows had the volume mounted, Windows crashed, or it wants to check the volume at its next start");
        }

        return $"{major}.{minor}";
    }
}
