using System.Numerics;
using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>
/// $Secure: the stream $SDS holds each security descriptor twice, 256 KiB apart; the index $SII finds them by their number, $SDH by
/// their hash. What no index names may lie in the stream: Windows removes unused descriptors from the indexes only.
/// </summary>
internal sealed class SecurityCheck(NtfsVolume volume, MasterFileTable mft, UpCaseTable upCase)
{
    private const int HeaderBytes = 20, CopyDistanceBytes = 256 << 10, MaximumDescriptorBytes = CopyDistanceBytes;
    private static readonly byte[] StreamName = Encoding.Unicode.GetBytes("$SDS");

    private readonly Dictionary<uint, (uint Hash, long Offset, uint Length)> byId = [];

    /// <summary>Checks it and collects the ids. A volume of version 1.2 has none.</summary>
    public async Task<SecurityIds> RunAsync()
    {
        var ids = new SecurityIds();
        if (volume.Version is > 0 and < 30) return ids;
        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.Secure) is not { } file) return ids; // said when all records are checked
        var walk = new IndexWalk(volume, upCase);
        var stream = file.Content(AttributeType.Data, StreamName, out var wrong);
        if (stream is null || wrong is not null)
        {
            volume.Findings.Damage(NtfsClasses.Security, $"$Secure's stream $SDS {wrong ?? "is missing"}");
            return ids;
        }

        var whole = await walk.RunAsync(SystemRecord.Secure, file, IndexName.SecurityId.ToArray(), e => Id(e, ids));
        long hashes = 0;
        whole &= await walk.RunAsync(SystemRecord.Secure, file, IndexName.SecurityHash.ToArray(), e =>
        {
            hashes++;
            Hash(e);
        });
        if (whole && hashes != byId.Count) volume.Findings.Disagreement(NtfsClasses.Security, $"$Secure has {byId.Count} security descriptors by number and {hashes} by hash");
        await DescriptorsAsync(stream);
        ids.IsComplete = whole && byId.Count < SecurityIds.MaximumIds;
        return ids;
    }

    private void Id(IndexEntry entry, SecurityIds ids)
    {
        if (byId.Count >= SecurityIds.MaximumIds) return;
        if (entry.Key.Length != 4 || entry.Data.Length < HeaderBytes || entry.Data.U32(4) != entry.Key.U32(0))
        {
            volume.Findings.Damage(NtfsClasses.Security, $"$Secure, $SII: an entry with a key of {entry.Key.Length} and data of {entry.Data.Length} bytes that do not name the same security id");
            return;
        }

        ids.Add(entry.Key.U32(0));
        byId[entry.Key.U32(0)] = (entry.Data.U32(0), entry.Data.I64(8), entry.Data.U32(16));
    }

    private void Hash(IndexEntry entry)
    {
        if (entry.Key.Length != 8 || entry.Data.Length < HeaderBytes || entry.Data.U32(0) != entry.Key.U32(0) || entry.Data.U32(4) != entry.Key.U32(4))
        {
            volume.Findings.Damage(NtfsClasses.Security, $"$Secure, $SDH: an entry with a key of {entry.Key.Length} and data of {entry.Data.Length} bytes that do not name the same descriptor");
            return;
        }

        if (byId.Count >= SecurityIds.MaximumIds) return;
        var id = entry.Key.U32(4);
        if (!byId.TryGetValue(id, out var known)) volume.Findings.Disagreement(NtfsClasses.Security, $"$Secure, $SDH: security id {id}, which $SII does not have");
        else if (known != (entry.Key.U32(0), entry.Data.I64(8), entry.Data.U32(16))) volume.Findings.Disagreement(NtfsClasses.Security, $"$Secure: security id {id} has another hash or place in $SDH than in $SII");
    }

    private async Task DescriptorsAsync(AttributeContent stream)
    {
        ContentWindow first = new(stream, CopyDistanceBytes), second = new(stream, CopyDistanceBytes);
        byte[] entry = new byte[MaximumDescriptorBytes], copy = new byte[MaximumDescriptorBytes];
        foreach (var (id, (hash, offset, length)) in byId.OrderBy(d => d.Value.Offset))
        {
            volume.Cancel.ThrowIfCancellationRequested();
            if (length is < HeaderBytes or > MaximumDescriptorBytes || offset < 0 || offset % 16 != 0)
            {
                volume.Findings.Damage(NtfsClasses.Security, $"$Secure: security id {id} lies at byte {offset} of $SDS with {length} bytes");
                continue;
            }

            var bytes = entry.AsMemory(0, (int)length);
            if (!await first.TryReadAsync(offset, bytes))
            {
                volume.Findings.Damage(NtfsClasses.Security, $"$Secure: security id {id} at byte {offset} of $SDS cannot be read");
                continue;
            }

            if (Wrong(bytes.Span, id, hash, offset) is { } wrong) volume.Findings.Disagreement(NtfsClasses.Security, $"$Secure: security id {id} at byte {offset} of $SDS: {wrong}");
            var other = copy.AsMemory(0, (int)length);
            if (!await second.TryReadAsync(offset + CopyDistanceBytes, other)) volume.Findings.Damage(NtfsClasses.Security, $"$Secure: the copy of security id {id} cannot be read");
            else if (!bytes.Span.SequenceEqual(other.Span)) volume.Findings.Disagreement(NtfsClasses.Security, $"$Secure: security id {id} at byte {offset} of $SDS differs from its copy at byte {bytes.Span.CommonPrefixLength(other.Span)}");
        }
    }

    private static string? Wrong(ReadOnlySpan<byte> entry, uint id, uint hash, long offset)
    {
        if (entry.U32(0) != hash || entry.U32(4) != id || entry.I64(8) != offset || entry.U32(16) != entry.Length)
            return $"its header says security id {entry.U32(4)}, byte {entry.I64(8)}, {entry.U32(16)} bytes, hash 0x{entry.U32(0):x8} instead of 0x{hash:x8}";
        var descriptor = entry[HeaderBytes..];
        var sum = 0u;
        for (var i = 0; i + 4 <= descriptor.Length; i += 4) sum = BitOperations.RotateLeft(sum, 3) + descriptor.U32(i);
        return sum == hash ? null : $"its content has the hash 0x{sum:x8} instead of 0x{hash:x8}";
    }
}
