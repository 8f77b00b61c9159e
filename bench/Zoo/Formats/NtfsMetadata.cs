using System.Text;
using Sealift.Guests.Ntfs;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>
/// Where a sound volume keeps what the sweep damages: the used bytes of each structure, without the slack behind them and without the
/// content of files that lies in their records.
/// </summary>
internal sealed class NtfsMetadata
{
    public const int BlockBytes = 4096;

    private readonly NtfsVolume volume;
    private readonly MasterFileTable mft;
    private readonly List<Place> places = [];

    private NtfsMetadata(NtfsVolume volume, MasterFileTable mft)
    {
        this.volume = volume;
        this.mft = mft;
    }

    public IReadOnlyList<Place> Places => places;

    public static async Task<NtfsMetadata> ReadAsync(byte[] bytes, CancellationToken cancel)
    {
        var findings = new NtfsFindings(20);
        var reader = new VolumeBytes(new MemoryVolume(bytes), cancel);
        var boot = await BootSectorCheck.RunAsync(reader, findings);
        var volume = new NtfsVolume(reader, boot!, findings, NtfsLimits.Default);
        var map = new NtfsMetadata(volume, (await MasterFileTable.OpenAsync(volume))!);
        await map.FillAsync();
        return map;
    }

    private async Task FillAsync()
    {
        var boot = volume.Boot;
        Add("boot sector", 0, BootSector.LengthBytes);
        Add("boot sector", boot.VolumeBytes, BootSector.LengthBytes);
        var table = (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.Mft))!;
        var tableRuns = Clusters(table, AttributeType.Data, []);
        Stream("$MFT bitmap", Clusters(table, AttributeType.Bitmap, []), 0, (mft.Records + 7) / 8);
        for (long number = 0; number < mft.Records; number++)
        {
            if (await mft.TryReadAsync(number) is not { } bytes || !MftRecord.Trusted(bytes).IsInUse) continue;
            Record("$MFT", At(tableRuns, number * boot.RecordBytes), bytes);
            if (number < MasterFileTable.MirroredRecords) Record("$MFTMirr", (boot.MirrorCluster * boot.ClusterBytes) + (number * boot.RecordBytes), bytes);
            await IndexesAsync(number, bytes);
        }

        await StreamAsync("$Bitmap", SystemRecord.Bitmap, (boot.Clusters + 7) / 8);
        await StreamAsync("$UpCase", SystemRecord.UpCase, 131072);
        await StreamAsync("$AttrDef", SystemRecord.AttributeDefinitions, 15 * 160);
        await StreamAsync("$LogFile restart", SystemRecord.LogFile, 2 * 4096);
        await DescriptorsAsync();
    }

    private void Record(string structure, long offset, byte[] bytes)
    {
        var start = 0;
        foreach (var attribute in MftRecord.Trusted(bytes))
        {
            if (attribute.Type != AttributeType.Data || attribute.IsNonResident) continue;
            var value = attribute.Offset + attribute.Bytes.U16(20);
            Add(structure, offset + start, value - start);
            start = value + attribute.Value.Length;
        }

        Add(structure, offset + start, MftRecord.Trusted(bytes).UsedBytes - start);
    }

    private async Task IndexesAsync(long number, byte[] bytes)
    {
        var names = new List<byte[]>();
        foreach (var attribute in MftRecord.Trusted(bytes))
        {
            if (attribute.Type == AttributeType.IndexAllocation && attribute.LowestVcn == 0) names.Add(attribute.NameBytes.ToArray());
        }

        foreach (var name in names)
        {
            var file = (await FileRecordSet.LoadAsync(volume, mft, number))!;
            var clusters = Clusters(file, AttributeType.IndexAllocation, name);
            var blocks = file.Content(AttributeType.IndexAllocation, name, out _)!;
            var used = new BitTable((await file.Content(AttributeType.Bitmap, name, out _)!.TryReadAllAsync(1 << 20))!);
            var block = new byte[volume.Boot.IndexBlockBytes];
            for (var i = 0; i < blocks.LengthBytes / block.Length; i++)
            {
                if (!used[i]) continue;
                if (!await blocks.TryReadAsync((long)i * block.Length, block)) throw new InvalidOperationException("An index block of a sound volume cannot be read");
                Stream("index", clusters, (long)i * block.Length, 24 + (int)((ReadOnlySpan<byte>)block).U32(28));
            }
        }
    }

    private async Task DescriptorsAsync()
    {
        var file = (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.Secure))!;
        var name = Encoding.Unicode.GetBytes("$SDS");
        var clusters = Clusters(file, AttributeType.Data, name);
        var stream = (await file.Content(AttributeType.Data, name, out _)!.TryReadAllAsync(16 << 20))!;
        for (var offset = 0; offset + 20 < stream.Length;)
        {
            var length = (int)((ReadOnlySpan<byte>)stream).U32(offset + 16);
            if (length < 20) offset = (offset & ~0x3FFFF) + 0x40000;
            else
            {
                Stream("$Secure", clusters, offset, length);
                offset = (offset + length + 15) & ~15;
            }
        }
    }

    private async Task StreamAsync(string structure, long number, long lengthBytes) =>
        Stream(structure, Clusters((await FileRecordSet.LoadAsync(volume, mft, number))!, AttributeType.Data, []), 0, lengthBytes);

    private void Stream(string structure, Dictionary<long, long> clusters, long from, long lengthBytes)
    {
        var step = Math.Min(volume.Boot.ClusterBytes, BlockBytes);
        for (long offset = from, end = from + lengthBytes; offset < end;)
        {
            var piece = (int)Math.Min(step - (offset % step), end - offset);
            Add(structure, At(clusters, offset), piece);
            offset += piece;
        }
    }

    private void Add(string structure, long offset, int lengthBytes)
    {
        while (lengthBytes > 0)
        {
            var piece = (int)Math.Min(BlockBytes - (offset % BlockBytes), lengthBytes);
            places.Add(new Place(structure, offset, piece));
            offset += piece;
            lengthBytes -= piece;
        }
    }

    private long At(Dictionary<long, long> clusters, long offset) =>
        (clusters[offset / volume.Boot.ClusterBytes] * volume.Boot.ClusterBytes) + (offset % volume.Boot.ClusterBytes);

    private Dictionary<long, long> Clusters(FileRecordSet file, uint type, byte[] name)
    {
        var clusters = new Dictionary<long, long>();
        foreach (var (_, bytes) in file.Records)
        {
            foreach (var attribute in MftRecord.Trusted(bytes))
            {
                if (attribute.Type != type || !attribute.IsNonResident || !attribute.IsNamed(name)) continue;
                var runs = new Runlist(attribute.Runlist, attribute.LowestVcn, volume.Boot.Clusters);
                while (runs.MoveNext())
                {
                    for (long i = 0; i < runs.Current.Clusters && !runs.Current.IsHole; i++) clusters[runs.Current.Vcn + i] = runs.Current.Lcn + i;
                }
            }
        }

        return clusters;
    }
}
