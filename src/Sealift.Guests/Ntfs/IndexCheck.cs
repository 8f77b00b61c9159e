using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>Every index of the volume: the directories' names against the files that they name, and the structure of all others.</summary>
internal sealed class IndexCheck(NtfsVolume volume, RecordTable table, UpCaseTable upCase)
{
    private const string HibernationFile = "hiberfil.sys";

    // No file has more than two.
    private const int MaximumIndexes = 16;

    private readonly IndexWalk walk = new(volume, upCase);

    /// <summary>The memory image of a sleeping Windows, as the root directory names it; null where there is none.</summary>
    public FileReference? Hibernation { get; private set; }

    /// <summary>Directories whose index could not be walked to its end, so that files may seem to be missing from it.</summary>
    public long Broken { get; set; }

    /// <summary>Walks all indexes of one file.</summary>
    public async Task RunAsync(long number, FileRecordSet file)
    {
        var names = Names(file);
        if (names.Count > MaximumIndexes) volume.Findings.NotChecked($"{NtfsVolume.NameOf(number)} has more than {MaximumIndexes} indexes; the others are not checked");
        foreach (var name in names.Take(MaximumIndexes))
        {
            var ofNames = name.AsSpan().SequenceEqual(IndexName.Directory);
            if (!await walk.RunAsync(number, file, name, ofNames ? e => Name(number, e) : _ => { })) Broken++;
        }
    }

    private static List<byte[]> Names(FileRecordSet file)
    {
        var names = new List<byte[]>();
        foreach (var (_, bytes) in file.Records)
        {
            foreach (var attribute in MftRecord.Trusted(bytes))
            {
                if (names.Count > MaximumIndexes) return names;
                if (attribute.Type != AttributeType.IndexRoot) continue;
                var name = attribute.NameBytes.ToArray();
                if (!names.Exists(n => n.AsSpan().SequenceEqual(name))) names.Add(name);
            }
        }

        return names;
    }

    private void Name(long directory, IndexEntry entry)
    {
        if (FileName.Read(entry.Key, out var name) is not null) return; // the walk gives only sound ones
        var file = entry.File;
        if (table.Wrong(file) is { } wrong)
        {
            Wrong(directory, name, $"leads to {wrong}");
            return;
        }

        if ((table.State(file.Number) & RecordState.Unreadable) != 0) return;
        if (name.Parent.Number != directory || name.Parent.Sequence != table.Sequence(directory))
        {
            Wrong(directory, name, $"says that it is in the directory {name.Parent}, and this is {directory}/{table.Sequence(directory)}");
            return;
        }

        if (name.Implausible(volume.Boot) is { } implausible) volume.Findings.Damage(NtfsClasses.Implausible, $"{NtfsVolume.NameOf(directory)}: the entry \"{name.Text}\" {implausible}");
        table.Sum(file.Number) -= name.Agreement;
        table.Entries(file.Number)++;
        var isDirectory = (table.State(file.Number) & RecordState.Directory) != 0;
        if (((name.Flags & FileName.DirectoryFlag) != 0) != isDirectory) Wrong(directory, name, $"has the flags 0x{name.Flags:x8}, and {file} is {(isDirectory ? "a" : "no")} directory");
        if (directory == SystemRecord.Root && Encoding.Unicode.GetString(name.NameBytes).Equals(HibernationFile, StringComparison.OrdinalIgnoreCase)) Hibernation = file;
    }

    private void Wrong(long directory, FileName name, string text) => volume.Findings.Disagreement(NtfsClasses.Index, $"{NtfsVolume.NameOf(directory)}: the entry \"{name.Text}\" {text}");
}
