using Sealift.Blkhash;
using Sealift.Disks;

namespace Sealift.Migrations.Seals;

/// <summary>
/// What lies where on a disk, coarse enough to draw: the disk cut into cells of equal length (the last may be shorter), and
/// per layer one digit a cell, from <c>0</c> (nothing of the cell) to <c>9</c> (all of it). Anything at all is at least <c>1</c>.
/// </summary>
/// <param name="CellBytes">Length of a cell in bytes.</param>
/// <param name="Data">Blocks that are not all zeros.</param>
/// <param name="Zero">Blocks that were read and are all zeros. What is neither data nor zero is a hole.</param>
/// <param name="Changed">What the conversion changed.</param>
/// <param name="Mismatched">What a read-back found different.</param>
public sealed record DiskPicture(long CellBytes, string Data, string Zero, string Changed, string Mismatched)
{
    /// <summary>The most cells of a picture: what a strip of a page's width can show, 1 to 2 pixels each.</summary>
    public const int MaxCells = 512;

    // No block is smaller than a sector that matters here; cells below 64 KiB would show nothing that a block can tell apart.
    private const long MinCellBytes = 65536;

    /// <summary>Draws a disk of a length from the ranges of its layers, in any order.</summary>
    /// <param name="lengthBytes">Length of the disk in bytes.</param>
    /// <param name="data">Blocks that are not all zeros.</param>
    /// <param name="zero">Blocks that were read and are all zeros.</param>
    /// <param name="changed">What the conversion changed.</param>
    /// <param name="mismatched">What a read-back found different.</param>
    public static DiskPicture Of(long lengthBytes, IEnumerable<DiskRange> data, IEnumerable<DiskRange> zero, IEnumerable<DiskRange> changed, IEnumerable<DiskRange> mismatched)
    {
        var cellBytes = CellBytesOf(lengthBytes);
        return new DiskPicture(cellBytes, Layer(lengthBytes, cellBytes, data), Layer(lengthBytes, cellBytes, zero), Layer(lengthBytes, cellBytes, changed), Layer(lengthBytes, cellBytes, mismatched));
    }

    /// <summary>Draws a disk from its block map.</summary>
    /// <param name="map">What was read.</param>
    /// <param name="changed">What the conversion changed.</param>
    /// <param name="mismatched">What a read-back found different.</param>
    public static DiskPicture Of(BlockMap map, IEnumerable<DiskRange> changed, IEnumerable<DiskRange> mismatched)
    {
        return Of(map.LengthBytes, In(BlockState.Data), In(BlockState.Zero), changed, mismatched);

        IEnumerable<DiskRange> In(BlockState state) =>
            map.Runs().Where(r => r.State == state).Select(r => new DiskRange(r.First * map.BlockBytes, map.BytesOf(r)));
    }

    private static long CellBytesOf(long lengthBytes)
    {
        var cell = MinCellBytes;
        while (lengthBytes > cell * MaxCells) cell *= 2;
        // The power of two above would leave up to half of the cells unused; whole blocks a cell use them.
        var exact = (lengthBytes + MaxCells - 1) / MaxCells;
        return Math.Min(cell, Math.Max(MinCellBytes, (exact + MinCellBytes - 1) / MinCellBytes * MinCellBytes));
    }

    private static string Layer(long lengthBytes, long cellBytes, IEnumerable<DiskRange> ranges)
    {
        var cells = new long[(lengthBytes + cellBytes - 1) / cellBytes];
        foreach (var range in ranges)
        {
            var end = Math.Min(range.End, lengthBytes);
            for (var at = range.Offset; at < end;)
            {
                var cell = at / cellBytes;
                var next = Math.Min(end, (cell + 1) * cellBytes);
                cells[cell] += next - at;
                at = next;
            }
        }

        return string.Create(cells.Length, (cells, cellBytes, lengthBytes), static (text, state) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                var length = Math.Min(state.cellBytes, state.lengthBytes - (i * state.cellBytes));
                var part = Math.Min(state.cells[i], length);
                text[i] = (char)('0' + (part == 0 ? 0 : part == length ? 9 : (int)Math.Clamp(Math.Ceiling(9.0 * part / length), 1, 8)));
            }
        });
    }
}
