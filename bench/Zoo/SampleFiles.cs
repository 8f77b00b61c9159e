using System.Globalization;
using System.Text;
using Sealift.Posix;

namespace Sealift.Bench.FileSystems;

/// <summary>The files that are put into every file system that files can be put into: found again on the disk by what they say.</summary>
internal sealed class SampleFiles
{
    private const int Count = 40;

    // Enough pieces that ext4 and XFS need a tree for them, on blocks of a KiB as on those of four.
    private const int Pieces = 40;
    private const int PieceBytes = 4096;

    private SampleFiles(string directory) => Directory = directory;

    /// <summary>The directory to be copied: <c>d/file-NN</c>, and <c>pieces</c>, which has as many holes as data.</summary>
    public string Directory { get; }

    /// <summary>The files in <c>d</c>, by their paths on this host.</summary>
    public IEnumerable<string> Paths => Enumerable.Range(0, Count).Select(i => Path.Combine(Directory, "d", NameOf(i)));

    /// <summary>How the file that <see cref="Find"/> looks for is called.</summary>
    public static string Wanted => NameOf(27);

    /// <summary>Makes them.</summary>
    /// <param name="directory">Must not exist.</param>
    /// <param name="seed">Makes their bytes.</param>
    public static SampleFiles Make(string directory, int seed)
    {
        PosixPath.CreateDirectory(directory);
        PosixPath.CreateDirectory(Path.Combine(directory, "d"));
        var random = new Random(seed);
        for (var i = 0; i < Count; i++)
        {
            var text = new StringBuilder();
            for (var line = 0; text.Length < 5000 + (i * 400); line++) text.Append(CultureInfo.InvariantCulture, $"{NameOf(i)} line {line:d4} {random.NextInt64():x16}\n");
            Write(Path.Combine(directory, "d", NameOf(i)), Encoding.ASCII.GetBytes(text.ToString()), 0);
        }

        using var pieces = PosixFile.Open(Path.Combine(directory, "pieces"), OpenMode.ReadWrite | OpenMode.CreateNew);
        var piece = new byte[PieceBytes];
        for (var i = 0; i < Pieces; i++)
        {
            random.NextBytes(piece);
            pieces.WriteAt(piece, i * 2L * PieceBytes);
        }

        return new SampleFiles(directory);
    }

    /// <summary>Where the middle of a file's content lies on a disk.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public static Place Find(string disk, int number = 0)
    {
        var mark = Encoding.ASCII.GetBytes($"{Wanted} line 0000 ");
        using var file = PosixFile.Open(disk, OpenMode.Read);
        var length = file.Facts().LengthBytes;
        var buffer = new byte[(1 << 20) + mark.Length];
        for (long at = 0; at < length; at += 1 << 20)
        {
            var count = (int)Math.Min(buffer.Length, length - at);
            file.ReadExactlyAt(buffer.AsSpan(0, count), at);
            // Behind its first lines, and still in the first block of it, whatever the size of a block.
            if (buffer.AsSpan(0, count).IndexOf(mark) is var found and >= 0) return new Place(Damage.FileData, number, at + found + 128, 512);
        }

        throw new InvalidOperationException($"{Wanted} is not on {disk}");
    }

    private static string NameOf(int i) => string.Create(CultureInfo.InvariantCulture, $"file-{i:d2}");

    private static void Write(string path, byte[] content, long at)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.WriteAt(content, at);
    }
}
