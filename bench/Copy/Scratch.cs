namespace Sealift.Bench.Copies;

/// <summary>The directory that everything lies in while this runs, and that is gone afterwards. The commands run in it.</summary>
internal sealed class Scratch : IDisposable
{
    private Scratch(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes it.</summary>
    /// <exception cref="BenchException">There is not enough room.</exception>
    public static Scratch Make(string parent, long neededBytes)
    {
        var free = new DriveInfo(System.IO.Path.GetFullPath(parent)).AvailableFreeSpace;
        if (free < neededBytes) throw new BenchException($"{parent} has {Sizes.Text(free)} of room, and {Sizes.Text(neededBytes)} are needed; see --directory, --quick, or run single rows");
        var path = System.IO.Path.Combine(System.IO.Path.GetFullPath(parent), $"sealift-bench-{Guid.NewGuid():N}");
        Directory.CreateDirectory(path);
        return new Scratch(path);
    }

    public string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Removes a file or a directory that may be there.</summary>
    public void Remove(string name)
    {
        if (Directory.Exists(In(name))) Directory.Delete(In(name), recursive: true);
        else File.Delete(In(name));
    }

    /// <summary>Removes everything in it.</summary>
    public void Clear()
    {
        foreach (var entry in Directory.EnumerateFileSystemEntries(Path).Select(e => System.IO.Path.GetFileName(e)).ToList()) Remove(entry);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
