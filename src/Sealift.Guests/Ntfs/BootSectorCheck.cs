namespace Sealift.Guests.Ntfs;

/// <summary>The boot sector, and its copy in the sector behind the volume's last one.</summary>
internal static class BootSectorCheck
{
    // What tools change in one of the two: geometry for BIOSes, the partition's offset, the drive's number. Then comes boot code.
    private const int GeometryStart = 0x18, GeometryEnd = 0x20, DriveStart = 0x24, DriveEnd = 0x28, CodeStart = 0x54, CodeEnd = 0x1FE;

    // Whoever writes other boot code changes more than this many of its bytes.
    private const int FewBytes = 8;

    /// <summary>Reads both.</summary>
    /// <returns>What describes the volume: the boot sector, or its copy where that is all there is; null where there is neither.</returns>
    public static async Task<BootSector?> RunAsync(VolumeBytes bytes, NtfsFindings findings)
    {
        var first = new byte[BootSector.LengthBytes];
        var wrong = new List<string>();
        BootSector? boot = null;
        if (await bytes.TryReadAsync(0, first)) boot = BootSector.Parse(first, wrong);
        else wrong.Add("the device is shorter than that");
        foreach (var text in wrong) findings.Damage(NtfsClasses.BootSector, $"the boot sector: {text}");
        if (boot is not null && boot.VolumeBytes > bytes.LengthBytes)
            findings.Damage(NtfsClasses.BootSector, $"the boot sector: the file system claims {boot.VolumeBytes} bytes; the device has {bytes.LengthBytes}");

        var copy = new byte[BootSector.LengthBytes];
        foreach (var offset in Places(bytes, boot))
        {
            if (!await bytes.TryReadAsync(offset, copy) || BootSector.Parse(copy, []) is not { } second) continue;
            if (boot is null)
            {
                // Another volume's copy may lie there, which this partition's table does not know.
                if (second.VolumeBytes > bytes.LengthBytes) continue;
                return second;
            }

            Compare(findings, first, copy);
            return boot;
        }

        if (boot is not null && boot.VolumeBytes <= bytes.LengthBytes) findings.Damage(NtfsClasses.BootSectorCopy, "behind the last sector of the volume is no copy of its boot sector");
        return boot;
    }

    private static IEnumerable<long> Places(VolumeBytes bytes, BootSector? boot)
    {
        if (boot is not null && boot.VolumeBytes <= bytes.LengthBytes - BootSector.LengthBytes) yield return boot.VolumeBytes;
        yield return bytes.LengthBytes - BootSector.LengthBytes;
        // With sectors of 4 KiB.
        yield return bytes.LengthBytes - 4096;
    }

    private static void Compare(NtfsFindings findings, ReadOnlySpan<byte> first, ReadOnlySpan<byte> copy)
    {
        int code = 0, differs = -1;
        for (var i = 0; i < BootSector.LengthBytes; i++)
        {
            if (first[i] == copy[i] || i is (>= GeometryStart and < GeometryEnd) or (>= DriveStart and < DriveEnd)) continue;
            if (i is < 3 or (>= CodeStart and < CodeEnd)) code++;
            else if (differs < 0) differs = i;
        }

        if (differs >= 0) findings.Damage(NtfsClasses.BootSectorCopy, $"the boot sector and its copy differ at byte {differs}: 0x{first[differs]:x2} and 0x{copy[differs]:x2}");
        if (code is > 0 and <= FewBytes) findings.Damage(NtfsClasses.BootSectorCopy, $"the boot code differs from its copy in {code} bytes");
        else if (code > FewBytes) findings.Note(NtfsClasses.BootSectorCopy, "the boot code is another one than in its copy");
    }
}
