using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Sealift.Guests.Files;

/// <summary>A name in a file system, and what its inode says.</summary>
/// <param name="Kind">As find(1) prints it by <c>%y</c>: <c>f</c>, <c>d</c>, <c>l</c> …</param>
/// <param name="Inode">Its number; empty where the file system has none (FAT) and the kernel invents some.</param>
/// <param name="Mode">Permissions, octal.</param>
/// <param name="Owner">User and group, by number.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="Modified">When its content was changed last; anybody may set that.</param>
/// <param name="Changed">When anything about it was changed last: the kernel writes that, and no system call sets it.</param>
/// <param name="Path">From the root of the file system, which is <c>/</c>; any bytes but zero.</param>
/// <param name="Target">Where a symbolic link leads.</param>
internal sealed record FileEntry(char Kind, string Inode, string Mode, string Owner, long SizeBytes, string Modified, string Changed, byte[] Path, byte[] Target)
{
    /// <summary>What it is, in a word.</summary>
    public string Type => Kind switch { 'f' => "file", 'd' => "directory", 'l' => "symlink", 'b' or 'c' => "device", 'p' => "fifo", 's' => "socket", _ => "unknown" };

    // What a directory's own size and times tell is told by the names in it.
    private bool HasContent => Kind != 'd';

    /// <summary>A number for its name. Cut from SHA-256, since who makes the names of a guest must not be able to make two of them meet.</summary>
    public UInt128 Key => Short(SHA256.HashData(Path));

    /// <summary>A number for everything else about it; two entries with the same one do not differ.</summary>
    public UInt128 Print => Short(SHA256.HashData([.. Encoding.UTF8.GetBytes(
        HasContent ? FormattableString.Invariant($"{Kind} {Inode} {Mode} {Owner} {SizeBytes} {Modified} {Changed} ") : FormattableString.Invariant($"{Kind} {Inode} {Mode} {Owner} ")), .. Target]));

    /// <summary>In what it differs from what it was, in words that a seal uses; <c>status</c> only where nothing else shows.</summary>
    public IReadOnlyList<string> Differences(FileEntry was)
    {
        var differences = new List<string>();
        void Add(bool differs, string word)
        {
            if (differs) differences.Add(word);
        }

        Add(Kind != was.Kind, "type");
        Add(Inode != was.Inode, "inode");
        Add(HasContent && was.HasContent && SizeBytes != was.SizeBytes, "size");
        Add(HasContent && was.HasContent && Modified != was.Modified, "modified");
        Add(Mode != was.Mode, "mode");
        Add(Owner != was.Owner, "owner");
        Add(!Target.AsSpan().SequenceEqual(was.Target), "target");
        Add(differences.Count == 0 && Changed != was.Changed, "status");
        return differences;
    }

    private static UInt128 Short(byte[] digest) => BinaryPrimitives.ReadUInt128LittleEndian(digest);
}
