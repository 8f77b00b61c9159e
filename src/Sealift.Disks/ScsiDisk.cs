using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Sealift.Scsi;

namespace Sealift.Disks;

/// <summary>
/// A disk that is a SCSI unit, over one session or several. A command blocks its thread until the unit has answered; so many are under way
/// at once as there are sessions. A session that is lost stays lost, and ends the copy, which can be resumed: it then looks first whether
/// the unit is still the same.
/// </summary>
internal sealed class ScsiDisk : IDiskWriter, IUncachedReader
{
    private static readonly ReadOnlyMemory<byte> Zeros = new byte[1 << 20];
    // A unit that has to write the zeros one by one is done with so many in time.
    private const long ZeroesStepBytes = 128L << 20;

    private readonly List<ScsiUnit> units;
    private readonly ConcurrentBag<ScsiUnit> idle;
    private readonly SemaphoreSlim free;
    private readonly SemaphoreSlim partialBlock = new(1);
    private readonly UnitFacts facts;
    private readonly bool fua;
    private readonly Lock asking = new();
    private Task<UnitMap>? map;
    private volatile bool cannotWriteSame;
    private int closed;

    private ScsiDisk(List<ScsiUnit> units, bool fua)
    {
        this.units = units;
        this.fua = fua;
        idle = [.. units];
        free = new(units.Count);
        facts = units[0].Facts;
    }

    public string Name => units[0].Name;

    public long LengthBytes => facts.Capacity.LengthBytes;

    public string? MapDoubt => map is { IsCompletedSuccessfully: true } known ? known.Result.Doubt : null;

    public string CacheBypass => fua
        ? "READ(16) with FUA over new sessions, after SYNCHRONIZE CACHE"
        : "over new sessions, after SYNCHRONIZE CACHE; the unit does not offer FUA, and what it keeps in memory itself is beyond our reach";

    private uint BlockBytes => facts.Capacity.BlockBytes;

    /// <summary>Opens a unit as a source: nothing is sent to it that could change anything.</summary>
    public static async Task<ScsiDisk> OpenReadAsync(UnitEnd end, CancellationToken cancel) => new(await SessionsAsync(end, mayWrite: false, cancel), fua: false);

    /// <summary>Opens a unit for the read-back, past its cache where it can do that.</summary>
    public static async Task<ScsiDisk> OpenUncachedAsync(UnitEnd end, CancellationToken cancel)
    {
        var units = await SessionsAsync(end, mayWrite: false, cancel);
        return new(units, units[0].Facts.Modes.KnowsFua);
    }

    /// <summary>Opens a unit as a target. It must not be reserved by anybody, and able to flush.</summary>
    public static async Task<ScsiDisk> OpenWriteAsync(UnitEnd end, CancellationToken cancel)
    {
        var disk = new ScsiDisk(await SessionsAsync(end, mayWrite: true, cancel), fua: false);
        try
        {
            if (disk.facts.Modes.IsWriteProtected) throw DiskErrors.NotWritable(disk.Name, "the unit is write-protected");
            disk.units[0].DemandUnreserved(cancel);
            await disk.FlushAsync(cancel); // who cannot is told before anything is written
            return disk;
        }
        catch
        {
            await disk.DisposeAsync();
            throw;
        }
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        CheckRange(offset, buffer.Length);
        if (buffer.Length == 0) return;
        using var lent = await TakeAsync(cancel);
        if (offset % BlockBytes == 0 && buffer.Length % BlockBytes == 0)
        {
            ReadBlocks(lent.Unit, offset, buffer, cancel);
            return;
        }

        var whole = new byte[(int)(RoundUp(offset + buffer.Length) - RoundDown(offset))];
        ReadBlocks(lent.Unit, RoundDown(offset), whole, cancel);
        whole.AsMemory((int)(offset - RoundDown(offset)), buffer.Length).CopyTo(buffer);
    }

    public async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        CheckRange(offset, lengthBytes);
        Task<UnitMap> examined;
        // Once, whoever asks first.
        lock (asking) examined = map ??= ExamineAsync(cancel);
        foreach (var extent in (await examined.WaitAsync(cancel)).Extents(offset, offset + lengthBytes))
        {
            cancel.ThrowIfCancellationRequested();
            yield return extent;
        }
    }

    public async ValueTask VerifyUnchangedAsync(CancellationToken cancel)
    {
        using var lent = await TakeAsync(cancel);
        lent.Unit.VerifyUnchanged(cancel);
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancel)
    {
        CheckRange(offset, buffer.Length);
        var (start, end) = (RoundUp(offset), RoundDown(offset + buffer.Length));
        if (start > end)
        {
            await WritePartAsync(offset, buffer, cancel);
            return;
        }

        if (offset < start) await WritePartAsync(offset, buffer[..(int)(start - offset)], cancel);
        if (start < end)
        {
            using var lent = await TakeAsync(cancel);
            for (var at = start; at < end; at += lent.Unit.MostBytes)
                lent.Unit.Write((ulong)(at / BlockBytes), buffer.Slice((int)(at - offset), (int)Math.Min(lent.Unit.MostBytes, end - at)), cancel);
        }

        if (end < offset + buffer.Length) await WritePartAsync(end, buffer[(int)(end - offset)..], cancel);
    }

    public async ValueTask WriteZeroesAsync(long offset, long lengthBytes, CancellationToken cancel)
    {
        CheckRange(offset, lengthBytes);
        var limit = facts.Limits.MaximumWriteSameBlocks is 0 or > uint.MaxValue ? uint.MaxValue : facts.Limits.MaximumWriteSameBlocks;
        var step = Math.Max(1, Math.Min((long)limit, ZeroesStepBytes / BlockBytes)) * BlockBytes;
        for (var end = offset + lengthBytes; offset < end;)
        {
            var bytes = Math.Min(end - offset, step);
            if (!cannotWriteSame && offset % BlockBytes == 0 && bytes >= BlockBytes)
            {
                bytes = RoundDown(bytes);
                using var lent = await TakeAsync(cancel);
                if (lent.Unit.TryWriteZeroes((ulong)(offset / BlockBytes), (uint)(bytes / BlockBytes), cancel))
                {
                    offset += bytes;
                    continue;
                }

                cannotWriteSame = true;
            }

            bytes = Math.Min(bytes, Zeros.Length);
            if (offset % BlockBytes != 0) bytes = Math.Min(bytes, RoundUp(offset) - offset);
            await WriteAsync(offset, Zeros[..(int)bytes], cancel);
            offset += bytes;
        }
    }

    public async ValueTask FlushAsync(CancellationToken cancel)
    {
        using var lent = await TakeAsync(cancel);
        // On another thread: it may take minutes.
        await Task.Run(
            () =>
            {
                try
                {
                    lent.Unit.Flush(cancel);
                }
                catch (ScsiSenseException e) when (e.Sense.Is(ScsiSense.IllegalRequest, 0x20))
                {
                    throw DiskErrors.NotWritable(Name, "the unit cannot flush, so nothing written to it is ever known to be stored");
                }
            },
            CancellationToken.None /* the unit is lent meanwhile; the flush itself looks */);
    }

    public async ValueTask CloseAsync(CancellationToken cancel)
    {
        await FlushAsync(cancel);
        await DisposeAsync();
    }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref closed, 1) == 1) return ValueTask.CompletedTask;
        foreach (var unit in units) unit.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task<List<ScsiUnit>> SessionsAsync(UnitEnd end, bool mayWrite, CancellationToken cancel)
    {
        var units = new List<ScsiUnit> { await ScsiUnit.OpenAsync(end.Place, mayWrite, end.Identity, cancel) };
        try
        {
            while (units.Count < end.Place.Options.Sessions)
            {
                var another = await ScsiUnit.OpenAsync(end.Place, mayWrite, end.Identity, cancel);
                units.Add(another);
                if (another.Facts.Capacity != units[0].Facts.Capacity) throw DiskErrors.Changed(end.Place.Name, "two sessions are told two capacities");
            }
        }
        catch (ScsiException e) when (e.Code == "SL3210")
        {
            // A target need not allow several sessions: those that are there do.
        }
        catch
        {
            foreach (var unit in units) unit.Dispose();
            throw;
        }

        return units;
    }

    private void ReadBlocks(ScsiUnit unit, long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        for (var at = 0; at < buffer.Length; at += unit.MostBytes)
            unit.Read((ulong)((offset + at) / BlockBytes), buffer.Slice(at, Math.Min(unit.MostBytes, buffer.Length - at)), fua, cancel);
    }

    /// <summary>Writes a part of one block, whose rest stays as it is: a disk need not end with a block of the unit.</summary>
    private async ValueTask WritePartAsync(long offset, ReadOnlyMemory<byte> part, CancellationToken cancel)
    {
        if (part.Length == 0) return;
        var block = new byte[RoundUp(offset + part.Length) - RoundDown(offset)];
        await partialBlock.WaitAsync(cancel); // two parts of one block, one after the other
        try
        {
            using var lent = await TakeAsync(cancel);
            ReadBlocks(lent.Unit, RoundDown(offset), block, cancel);
            part.CopyTo(block.AsMemory((int)(offset - RoundDown(offset))));
            lent.Unit.Write((ulong)(RoundDown(offset) / BlockBytes), block, cancel);
        }
        finally
        {
            _ = partialBlock.Release(); // how many wait is of no interest
        }
    }

    /// <summary>Asks for the allocation map; on another thread, for it may read from millions of holes.</summary>
    private async Task<UnitMap> ExamineAsync(CancellationToken cancel)
    {
        using var lent = await TakeAsync(cancel);
        return await Task.Run(() => UnitMap.Examine(lent.Unit, cancel), cancel);
    }

    private async ValueTask<Lent> TakeAsync(CancellationToken cancel)
    {
        await free.WaitAsync(cancel);
        return idle.TryTake(out var unit) ? new Lent(this, unit) : throw new InvalidOperationException("more sessions were lent than there are");
    }

    private long RoundDown(long offset) => offset - (offset % BlockBytes);

    private long RoundUp(long offset) => RoundDown(offset + BlockBytes - 1);

    private void CheckRange(long offset, long lengthBytes)
    {
        if (offset < 0 || lengthBytes < 0 || lengthBytes > LengthBytes - offset) throw DiskErrors.OutOfRange(Name, offset, lengthBytes, LengthBytes);
    }

    private readonly struct Lent(ScsiDisk disk, ScsiUnit unit) : IDisposable
    {
        public ScsiUnit Unit => unit;

        public void Dispose()
        {
            disk.idle.Add(unit);
            _ = disk.free.Release(); // how many wait is of no interest
        }
    }
}
