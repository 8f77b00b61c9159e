using System.Buffers.Binary;
using System.Text;
using Sealift.Bench.FileSystems.Formats;
using Sealift.Bench.FileSystems;
using Sealift.Guests.Ntfs;

namespace Sealift.Guests.Tests.Ntfs;

/// <summary>Changes a copy of a sound volume as a file system driver would: records and blocks keep their protection.</summary>
internal sealed class VolumeEditor
{
    private readonly NtfsVolume volume;
    private readonly MasterFileTable mft;

    private VolumeEditor(byte[] bytes, NtfsVolume volume, MasterFileTable mft)
    {
        Bytes = bytes;
        this.volume = volume;
        this.mft = mft;
    }

    public byte[] Bytes { get; }

    public BootSector Boot => volume.Boot;

    public long Records => mft.Records;

    public static async Task<VolumeEditor> CopyAsync(byte[] sound)
    {
        var bytes = (byte[])sound.Clone();
        var findings = new NtfsFindings(20);
        var reader = new VolumeBytes(new MemoryVolume(bytes), CancellationToken.None);
        var boot = await BootSectorCheck.RunAsync(reader, findings);
        var volume = new NtfsVolume(reader, boot!, findings, NtfsLimits.Default);
        return new VolumeEditor(bytes, volume, (await MasterFileTable.OpenAsync(volume))!);
    }

    /// <summary>Where some bytes of a file's content lie on the volume.</summary>
    public async Task<int> PlaceAsync(long number, uint type, string name, long offset)
    {
        var file = (await FileRecordSet.LoadAsync(volume, mft, number))!;
        var wanted = Encoding.Unicode.GetBytes(name);
        foreach (var (_, bytes) in file.Records)
        {
            foreach (var attribute in MftRecord.Trusted(bytes))
            {
                if (attribute.Type != type || !attribute.IsNonResident || !attribute.IsNamed(wanted)) continue;
                var runs = new Runlist(attribute.Runlist, attribute.LowestVcn, Boot.Clusters);
                while (runs.MoveNext())
                {
                    var within = offset - (runs.Current.Vcn * Boot.ClusterBytes);
                    if (!runs.Current.IsHole && within >= 0 && within < runs.Current.Clusters * Boot.ClusterBytes) return (int)((runs.Current.Lcn * Boot.ClusterBytes) + within);
                }
            }
        }

        throw new InvalidOperationException($"Record {number} has no content at {offset} in {name}");
    }

    /// <summary>The record of the file with this name, the first of several.</summary>
    public async Task<long> FindAsync(string name)
    {
        for (long number = 0; number < mft.Records; number++)
        {
            if (await mft.TryReadAsync(number) is { } bytes && MftRecord.Trusted(bytes).IsInUse && Names(bytes).Contains(name)) return number;
        }

        throw new InvalidOperationException($"There is no {name}");
    }

    /// <summary>A record without its protection, as it is.</summary>
    public async Task<byte[]> RecordAsync(long number) => (await mft.TryReadAsync(number))!;

    /// <summary>Changes a record between taking its protection off and putting it on again. The mirror is not changed.</summary>
    public async Task EditRecordAsync(long number, Action<byte[]> edit)
    {
        var place = await PlaceAsync(SystemRecord.Mft, AttributeType.Data, string.Empty, number * Boot.RecordBytes);
        Edit(place, Boot.RecordBytes, edit);
        if (number < MasterFileTable.MirroredRecords) Bytes.AsSpan(place, Boot.RecordBytes).CopyTo(Bytes.AsSpan((int)((Boot.MirrorCluster * Boot.ClusterBytes) + (number * Boot.RecordBytes))));
    }

    /// <summary>Changes a protected structure that starts at a place.</summary>
    public void Edit(int place, int lengthBytes, Action<byte[]> edit)
    {
        var record = Bytes.AsSpan(place, lengthBytes).ToArray();
        Assert.Null(Fixups.Apply(record, 0x1E));
        edit(record);
        Protect(record);
        record.CopyTo(Bytes, place);
    }

    /// <summary>Writes the update sequence number into each stride's end and what was there into the array.</summary>
    public static void Protect(byte[] record)
    {
        int array = BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(4)), strides = record.Length / Fixups.StrideBytes;
        for (var i = 0; i < strides; i++)
        {
            var end = record.AsSpan(((i + 1) * Fixups.StrideBytes) - 2, 2);
            end.CopyTo(record.AsSpan(array + 2 + (2 * i)));
            record.AsSpan(array, 2).CopyTo(end);
        }
    }

    /// <summary>Where an attribute starts in a record.</summary>
    public static int Attribute(byte[] record, uint type, string name = "")
    {
        var wanted = Encoding.Unicode.GetBytes(name);
        foreach (var attribute in MftRecord.Trusted(record))
        {
            if (attribute.Type == type && attribute.IsNamed(wanted)) return attribute.Offset;
        }

        throw new InvalidOperationException($"There is no {AttributeType.Name(type)}");
    }

    /// <summary>Where the value of a resident attribute starts in a record.</summary>
    public static int Value(byte[] record, uint type, string name = "")
    {
        var offset = Attribute(record, type, name);
        return offset + BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(offset + 20));
    }

    private static List<string> Names(byte[] record)
    {
        var names = new List<string>();
        foreach (var attribute in MftRecord.Trusted(record))
        {
            if (attribute.Type == AttributeType.FileName && FileName.Read(attribute.Value, out var name) is null) names.Add(Encoding.Unicode.GetString(name.NameBytes));
        }

        return names;
    }
}
