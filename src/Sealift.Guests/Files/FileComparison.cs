using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Guests.Files;

/// <summary>
/// Compares the lists of two looks at the same file systems. Only what differs is kept whole: of everything else 32 bytes a file are
/// in memory, of one file system at a time.
/// </summary>
public static class FileComparison
{
    /// <summary>Says what became of the files, and writes the whole list: one JSON object a line.</summary>
    /// <param name="before">The lists of the first look.</param>
    /// <param name="beforeDirectory">Where they are.</param>
    /// <param name="after">The lists of the second look.</param>
    /// <param name="afterDirectory">Where they are.</param>
    /// <param name="path">The file that receives the list, durably; what is there is replaced.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>What became of them. A list that is gone, damaged or of another content is why something cannot be told, and no error.</returns>
    /// <exception cref="SealiftException">The list cannot be written.</exception>
    public static FileChanges Run(IReadOnlyList<FileList> before, string beforeDirectory, IReadOnlyList<FileList> after, string afterDirectory, string path, CancellationToken cancel)
    {
        var filesystems = new List<FilesystemChanges>();
        var changes = new List<FileChange>();
        foreach (var was in before)
        {
            var now = after.FirstOrDefault(l => l.Filesystem == was.Filesystem);
            filesystems.Add(now is null ? Nothing(was, "it was not seen after the conversion") : Compare(was, beforeDirectory, now, afterDirectory, changes, cancel));
        }

        filesystems.AddRange(after.Where(l => before.All(b => b.Filesystem != l.Filesystem)).Select(l => Nothing(l, "it was not seen before the conversion")));
        PosixPath.WriteFileDurably(path, Lines(changes), replace: true);
        return new FileChanges(filesystems, [.. changes.OrderBy(c => c.Kind).Take(FileChanges.FirstLimit)], changes.Count);
    }

    private static FilesystemChanges Compare(FileList was, string beforeDirectory, FileList now, string afterDirectory, List<FileChange> changes, CancellationToken cancel)
    {
        if (was.NotTold.Length > 0) return Nothing(now, $"before the conversion: {was.NotTold}");
        if (now.NotTold.Length > 0) return Nothing(now, now.NotTold);
        try
        {
            var found = new Found(now, FileChanges.ListLimit - changes.Count);
            found.Compare(Load(was, beforeDirectory), Load(now, afterDirectory), cancel);
            changes.AddRange(found.Changes.OrderBy(c => c.Path, StringComparer.Ordinal));
            return new FilesystemChanges(now.Filesystem, now.Device, now.Mountpoint, now.Count, found.ChangedCount, found.RemovedCount, found.AddedCount, string.Empty);
        }
        catch (Exception e) when (e is SealiftException or InvalidDataException)
        {
            // The list explains; what proves is elsewhere.
            return Nothing(now, $"a list of its files cannot be read: {GuestText.Name(e.Message)}");
        }
    }

    private static FilesystemChanges Nothing(FileList list, string why) => new(list.Filesystem, list.Device, list.Mountpoint, 0, 0, 0, 0, why);

    private static byte[] Load(FileList list, string directory)
    {
        var content = FileListFile.Load(Path.Combine(directory, list.FileName), out var sha256);
        return sha256 == list.Sha256 ? content : throw new InvalidDataException("it is not the one that was made");
    }

    private static byte[] Lines(List<FileChange> changes)
    {
        using var lines = new MemoryStream();
        foreach (var change in changes)
        {
            using (var json = new Utf8JsonWriter(lines))
            {
                json.WriteStartObject();
                json.WriteString("filesystem", change.Filesystem);
                json.WriteString("change", change.Kind.ToString().ToLowerInvariant());
                json.WriteString("type", change.Type);
                json.WriteString("path", change.Path);
                if (change.BytesBefore is { } bytesBefore) json.WriteNumber("bytesBefore", bytesBefore);
                if (change.BytesAfter is { } bytesAfter) json.WriteNumber("bytesAfter", bytesAfter);
                if (change.Differences.Count > 0)
                {
                    json.WriteStartArray("differences");
                    foreach (var difference in change.Differences) json.WriteStringValue(difference);
                    json.WriteEndArray();
                }

                json.WriteEndObject();
            }

            lines.WriteByte((byte)'\n');
        }

        return lines.ToArray();
    }

    /// <summary>The comparison of one file system.</summary>
    private sealed class Found(FileList list, int room)
    {
        public List<FileChange> Changes { get; } = [];

        public long ChangedCount { get; private set; }

        public long RemovedCount { get; private set; }

        public long AddedCount { get; private set; }

        public void Compare(byte[] before, byte[] after, CancellationToken cancel)
        {
            var hasInodes = FileLister.HasInodes(list.Type);
            var known = new Dictionary<UInt128, UInt128>();
            foreach (var was in Entries(before)) known[was.Key] = was.Print;
            var differing = new Dictionary<UInt128, FileEntry>();
            foreach (var now in Entries(after))
            {
                var key = now.Key;
                if (!known.TryGetValue(key, out var print))
                {
                    AddedCount++;
                    Keep(FileChangeKind.Added, now, null, now.SizeBytes, []);
                }
                else if (print == now.Print || differing.Count == FileChanges.ListLimit)
                {
                    // Beyond the limit it is counted, and no more is kept of it.
                    if (print != now.Print) ChangedCount++;
                    known.Remove(key);
                }
                else
                {
                    differing[key] = now;
                }
            }

            foreach (var was in Entries(before))
            {
                var key = was.Key;
                if (!known.Remove(key)) continue;
                if (differing.Remove(key, out var now))
                {
                    ChangedCount++;
                    Keep(FileChangeKind.Changed, now, was.SizeBytes, now.SizeBytes, now.Differences(was));
                }
                else
                {
                    RemovedCount++;
                    Keep(FileChangeKind.Removed, was, was.SizeBytes, null, []);
                }
            }

            IEnumerable<FileEntry> Entries(byte[] content)
            {
                foreach (var entry in FileListFile.Entries(content, hasInodes))
                {
                    cancel.ThrowIfCancellationRequested();
                    yield return entry;
                }
            }
        }

        private void Keep(FileChangeKind kind, FileEntry entry, long? bytesBefore, long? bytesAfter, IReadOnlyList<string> differences)
        {
            if (Changes.Count < room) Changes.Add(new FileChange(list.Filesystem, kind, entry.Type, GuestText.Path(entry.Path), bytesBefore, bytesAfter, differences));
        }
    }
}
