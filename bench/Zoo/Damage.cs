using Sealift.Posix;

namespace Sealift.Bench.FileSystems;

/// <summary>Bytes that replace others on a disk.</summary>
/// <param name="Structure">What is hit.</param>
/// <param name="Kind">How: <c>zeros</c>, <c>noise</c>, <c>bit</c>, or what an edit says.</param>
/// <param name="Disk">Which disk of the exhibit, from 0.</param>
/// <param name="Offset">The first byte.</param>
/// <param name="Bytes">What is there afterwards.</param>
public sealed record Damage(string Structure, string Kind, int Disk, long Offset, byte[] Bytes)
{
    /// <summary>What a damage to the content of a file is called: no structure of a file system knows of it.</summary>
    public const string FileData = "file data";

    /// <summary>The kinds that any place can suffer.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["zeros", "noise", "bit"];

    /// <summary>Whether it is to the content of a file.</summary>
    public bool IsToData => Structure == FileData;

    /// <summary>Makes one.</summary>
    /// <param name="place">Where.</param>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="random">Where the noise, and the bit, come from.</param>
    /// <param name="disk">The disk's file, to see what is there.</param>
    /// <returns>Null where it would change nothing.</returns>
    public static Damage? At(Place place, string kind, Random random, string disk)
    {
        var before = Read(disk, place.Offset, place.LengthBytes);
        var after = (byte[])before.Clone();
        switch (kind)
        {
            case "zeros":
                after.AsSpan().Clear();
                break;
            case "noise":
                random.NextBytes(after);
                break;
            default:
                after[random.Next(after.Length)] ^= (byte)(1 << random.Next(8));
                break;
        }

        return after.AsSpan().SequenceEqual(before) ? null : new Damage(place.Structure, kind, place.Disk, place.Offset, after);
    }

    /// <summary>Does it.</summary>
    /// <param name="disks">The exhibit's disks.</param>
    /// <returns>What makes it undone.</returns>
    public Damage Inflict(IReadOnlyList<string> disks)
    {
        var before = this with { Bytes = Read(disks[Disk], Offset, Bytes.Length) };
        using var file = PosixFile.Open(disks[Disk], OpenMode.ReadWrite);
        file.WriteAt(Bytes, Offset);
        return before;
    }

    /// <summary>For people: what is hit, how and where.</summary>
    public override string ToString() => FormattableString.Invariant($"{Kind} in {Structure} at byte {Offset}{(Disk > 0 ? $" of disk {Disk + 1}" : string.Empty)}");

    internal static byte[] Read(string path, long offset, int count)
    {
        var bytes = new byte[count];
        using var file = PosixFile.Open(path, OpenMode.Read);
        file.ReadExactlyAt(bytes, offset);
        return bytes;
    }
}
