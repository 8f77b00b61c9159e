using System.Numerics;

namespace Sealift.Guests.Ntfs;

/// <summary>
/// $LogFile: two restart pages, of which the newer one says whether the log has to be replayed. Its records are neither replayed nor
/// read. Linux empties the log instead: every byte is 0xFF then.
/// </summary>
internal sealed class LogFileCheck(NtfsVolume volume, MasterFileTable mft)
{
    private const int PageBytes = 4096, RestartHeaderBytes = 0x1E, AreaBytes = 0x30, ClientBytes = 0xA0, NoClient = 0xFFFF, PieceBytes = 1 << 20;

    // A log is 64 MiB and seldom more; an emptied one is read whole up to this length.
    private const long EmptiedLimitBytes = 256L << 20;

    private readonly List<string> wrong = [];

    /// <summary>Checks it, and marks the volume as dirty where it has to be replayed.</summary>
    public async Task RunAsync()
    {
        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.LogFile) is not { } file) return; // said when all records are checked
        var log = file.Content(AttributeType.Data, [], out var unreadable);
        if (log is null || unreadable is not null || log.LengthBytes < 4 * PageBytes)
        {
            volume.Findings.Damage(NtfsClasses.Log, $"$LogFile {unreadable ?? $"has {log?.LengthBytes ?? 0} bytes"}");
            return;
        }

        var pages = new byte[4 * PageBytes];
        if (!await log.TryReadAsync(0, pages))
        {
            volume.Findings.Damage(NtfsClasses.Log, "$LogFile's restart pages cannot be read");
            return;
        }

        var isEmptied = pages.AsSpan(0, PageBytes).IndexOfAnyExcept((byte)0xFF) < 0;
        if (isEmptied)
        {
            await EmptiedAsync(log);
            return;
        }

        Restart? one = Read(pages, 0), other = null;
        // The second page lies behind the first, whatever its size; most are of 4 KiB.
        var second = one?.PageBytes ?? PageBytes;
        if (second <= 2 * PageBytes) other = Read(pages, second);
        else
        {
            var page = new byte[second];
            if (await log.TryReadAsync(second, page)) other = Read(page, 0, second);
            else wrong.Add("the second restart page cannot be read");
        }

        if (one is null && other is null)
        {
            volume.Findings.Damage(NtfsClasses.Log, $"$LogFile has no sound restart page: {string.Join("; ", wrong)}");
            return;
        }

        var newer = other is null || (one is not null && one.Lsn >= other.Lsn) ? one! : other;
        Judge(newer);
        // A page that was being written when the power went is what the other one is for.
        foreach (var text in wrong)
        {
            if (newer.IsClean) volume.Findings.Damage(NtfsClasses.Log, $"$LogFile: {text}");
            else volume.Findings.Note(NtfsClasses.Log, $"$LogFile: {text}");
        }
    }

    private void Judge(Restart newer)
    {
        if (!newer.IsClean)
        {
            volume.IsDirty = true;
            volume.Findings.AwaitsReplay = true;
            volume.Findings.Note(NtfsClasses.Dirty, "$LogFile was not closed: the disk was taken while Windows had the volume mounted, or Windows crashed. It replays the log at its next start; until then structures that are changed together may differ");
        }

        if (newer.Major >= 2)
            volume.Findings.Note(NtfsClasses.FastStartup, $"$LogFile has the version {newer.Major}.{newer.Minor}, which Windows 8 and newer leave behind only when they were not shut down completely: Fast Startup, hibernation, or a crash");
    }

    private async Task EmptiedAsync(AttributeContent log)
    {
        var piece = new byte[PieceBytes];
        for (long offset = 0, end = Math.Min(log.LengthBytes, EmptiedLimitBytes); offset < end; offset += PieceBytes)
        {
            var part = piece.AsMemory(0, (int)Math.Min(PieceBytes, end - offset));
            if (!await log.TryReadAsync(offset, part))
            {
                volume.Findings.Damage(NtfsClasses.Log, $"$LogFile cannot be read from its byte {offset} on");
                return;
            }

            if (part.Span.IndexOfAnyExcept((byte)0xFF) is >= 0 and var other)
            {
                volume.Findings.Damage(NtfsClasses.Log, $"$LogFile was emptied, and is not empty at its byte {offset + other}");
                return;
            }
        }
    }

    private Restart? Read(byte[] pages, int offset, long place = -1)
    {
        if (place < 0) place = offset;
        ReadOnlySpan<byte> page = pages.AsSpan(offset);
        var isChecked = page[..4].SequenceEqual("CHKD"u8);
        if (!isChecked && !page[..4].SequenceEqual("RSTR"u8)) return Fail(place, $"it starts with 0x{page.U32(0):x8} instead of RSTR");
        uint systemPage = page.U32(16), logPage = page.U32(20);
        if (systemPage < Fixups.StrideBytes || systemPage > 64 << 10 || !BitOperations.IsPow2(systemPage) || logPage < Fixups.StrideBytes || !BitOperations.IsPow2(logPage))
            return Fail(place, $"pages of {systemPage} and {logPage} bytes");
        if (systemPage > page.Length) return Fail(place, $"pages of {systemPage} bytes, where it cannot be so long");
        if (place != 0 && place != systemPage) return Fail(place, $"pages of {systemPage} bytes");
        // After a check by Windows a page need not be protected.
        if ((!isChecked || page.U16(6) != 0) && Fixups.Apply(pages.AsSpan(offset, (int)systemPage), RestartHeaderBytes) is { } torn) return Fail(place, torn);
        short minor = (short)page.U16(26), major = (short)page.U16(28);
        if ((major, minor) is not ((1, 1) or (2, 0) or (0, _) or (1, 0))) return Fail(place, $"the version {major}.{minor}");
        int area = page.U16(24);
        if (area % 8 != 0 || area < RestartHeaderBytes || area + AreaBytes > systemPage) return Fail(place, $"a restart area at {area}");
        var restart = page[area..(int)systemPage];
        int clients = restart.U16(8), free = restart.U16(10), used = restart.U16(12), length = restart.U16(20), array = restart.U16(22);
        if (array % 8 != 0 || array < AreaBytes || area + array + (clients * ClientBytes) > systemPage || array + (clients * ClientBytes) > length || area + length > systemPage)
            return Fail(place, $"a restart area of {length} bytes with {clients} clients at {array}");
        if ((free != NoClient && free >= clients) || (used != NoClient && used >= clients)) return Fail(place, $"the clients {free} and {used} of {clients}");
        var size = restart.I64(24);
        if (size <= 0 || restart.U32(16) != 67 - (64 - BitOperations.LeadingZeroCount((ulong)size))) return Fail(place, $"{restart.U32(16)} bits for sequence numbers in a log of {size} bytes");
        if (restart.U16(36) % 8 != 0 || restart.U16(38) % 8 != 0) return Fail(place, $"log records with headers of {restart.U16(36)} bytes, in pages from {restart.U16(38)} on");
        if (!isChecked && page.U64(8) != 0) return Fail(place, "a number that only a check by Windows leaves");
        return new Restart((int)systemPage, isChecked ? page.U64(8) : restart.U64(0), used == NoClient || (restart.U16(14) & 2) != 0, major, minor);
    }

    private Restart? Fail(long place, string text)
    {
        wrong.Add($"the restart page at byte {place}: {text}");
        return null;
    }

    private sealed record Restart(int PageBytes, ulong Lsn, bool IsClean, int Major, int Minor);
}
