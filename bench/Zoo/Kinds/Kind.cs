using Sealift.Posix;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>One kind of content that a disk can have: how it is made, where its structures lie, and who else checks it.</summary>
public abstract class Kind
{
    /// <summary>What the table calls it.</summary>
    public abstract string Name { get; }

    /// <summary>How many disks it lies on.</summary>
    public virtual int Disks => 1;

    /// <summary>Whether it is as a disk that was taken while the machine ran.</summary>
    public virtual bool IsDirty => false;

    /// <summary>Whether its parts find each other by what identifies them, so that no two of them may be in one machine.</summary>
    public virtual bool IsUnique => false;

    /// <summary>Whether Sealift says of it, sound or not, that it was not checked.</summary>
    public virtual bool IsNotCovered => false;

    /// <summary>Whether only the appliance can say what is in it, so that each exhibit of it costs seconds.</summary>
    public virtual bool NeedsAppliance => IsUnique;

    /// <summary>Whether the reference's logic looks at it: ext4, XFS and Btrfs, by the checker's exit code.</summary>
    public virtual bool IsLookedAtByReference => false;

    /// <summary>What else Linux has for it; null where there is nothing.</summary>
    internal virtual PlainCheck? Plain => null;

    /// <summary>Makes it.</summary>
    /// <param name="disks">Files that do not exist yet, as many as <see cref="Disks"/>.</param>
    /// <param name="number">Makes what identifies it; another one for each that must not be confused.</param>
    /// <param name="files">What is put into it.</param>
    /// <param name="cancel">Stops it.</param>
    internal abstract Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel);

    /// <summary>Where its structures lie, by what the disk itself says.</summary>
    internal abstract Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel);

    /// <summary>Damages that are no accident of the medium: values that cannot be, with whatever checksum there is made right.</summary>
    internal virtual IEnumerable<Damage> Edits(IReadOnlyList<string> disks) => [];

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>An identity of its own: <c>5ea11f70-0000-4000-8000-…</c>.</summary>
    private protected static string Uuid(int number) => $"5ea11f70-0000-4000-8000-{number:x12}";

    /// <summary>An empty disk.</summary>
    private protected static void Blank(string path, long lengthBytes)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(lengthBytes);
    }

    /// <summary>Puts bytes on a disk.</summary>
    private protected static void Write(string path, long offset, ReadOnlySpan<byte> bytes)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        file.WriteAt(bytes, offset);
    }
}
