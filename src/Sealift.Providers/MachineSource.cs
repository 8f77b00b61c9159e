using Sealift.Posix;
using Sealift.Providers.Images;
using Sealift.Providers.Ova;

namespace Sealift.Providers;

/// <summary>Finds out what a source is, and reads the machine in it. Nothing is ever written beside the source.</summary>
public static class MachineSource
{
    private const int MaxSources = 64;
    private const int StartBytes = 512;

    /// <summary>Reads the machine that the sources hold. A package's manifest is verified before anything else uses its content.</summary>
    /// <param name="sources">
    /// One OVA (tar, or tar compressed with gzip), one OVF descriptor, one directory that holds a single OVF descriptor, or one
    /// or more disk images of one machine in the order in which it sees them. What a file is follows from its content.
    /// </param>
    /// <param name="options">What the caller knows better, and where compressed content may be unpacked.</param>
    /// <param name="cancel">Cancels; what was unpacked is removed, as it is after an error.</param>
    /// <exception cref="SealiftException">The source is not usable (SL6001 to SL6299), or its image is not (SL4xxx).</exception>
    public static async Task<SourceMachine> OpenAsync(IReadOnlyList<string> sources, SourceOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(options);
        if (sources.FirstOrDefault(RunningSource.Is) is { } name)
        {
            if (sources.Count > 1) throw ProviderErrors.SeveralSources(name, sources.Count);
            await using var running = await RunningSource.ConnectAsync(name, options.Servers, cancel);
            return await running.DescribeAsync(options.Overrides, cancel);
        }

        var files = new SourceFiles();
        var unpacking = new Unpacking(options);
        try
        {
            var (kind, (machine, notes)) = await ReadAsync(sources, files, unpacking, options, cancel);
            machine = machine.With(options.Overrides);
            files.VerifyUnchanged();
            return new SourceMachine(machine, kind, files.All, notes, [.. unpacking.Created]);
        }
        catch
        {
            unpacking.RemoveCreated();
            throw;
        }
    }

    private static async Task<(string Kind, (VirtualMachine Machine, List<string> Notes) Read)> ReadAsync(
        IReadOnlyList<string> sources, SourceFiles files, Unpacking unpacking, SourceOptions options, CancellationToken cancel)
    {
        if (sources.Count is 0 or > MaxSources) throw ProviderErrors.NotASource("the command line", $"it names {sources.Count} sources", $"Name one package, or 1 to {MaxSources} disk images");
        foreach (var path in sources)
            if (FileFacts.OfPathIfExists(path) is null) throw ProviderErrors.NotASource(path, "there is no such file", "Check the path");
        var kinds = sources.Select(s => (Path: s, Kind: options.Format is null ? KindOf(s) : SourceKind.Image)).ToList();
        if (sources.Count > 1 && kinds.FirstOrDefault(k => k.Kind != SourceKind.Image) is { Path: { } package }) throw ProviderErrors.SeveralSources(package, sources.Count);
        return kinds[0] switch
        {
            (_, SourceKind.Image) => ("image", await ImageSource.ReadAsync(sources, files, options, cancel)),
            ({ } path, SourceKind.Tar) => ("ova", await PackageSource.ReadArchiveAsync(path, gzip: false, files, unpacking, options, cancel)),
            ({ } path, SourceKind.Gzip) => ("ova", await PackageSource.ReadArchiveAsync(path, gzip: true, files, unpacking, options, cancel)),
            ({ } path, SourceKind.Directory) => ("ovf", await PackageSource.ReadDirectoryAsync(DescriptorIn(path), files, unpacking, options, cancel)),
            ({ } path, _) => ("ovf", await PackageSource.ReadDirectoryAsync(path, files, unpacking, options, cancel)),
        };
    }

    private enum SourceKind
    {
        Image,
        Tar,
        Gzip,
        Descriptor,
        Directory,
    }

    private static SourceKind KindOf(string path)
    {
        var facts = FileFacts.OfPath(path);
        if (facts.Kind == FileKind.Directory) return SourceKind.Directory;
        if (facts.Kind is not (FileKind.Regular or FileKind.BlockDevice)) throw ProviderErrors.NotASource(path, $"it is neither a file, nor a block device, nor a directory", "Name a disk image, an OVA, an OVF, or a directory that holds an OVF");
        if (facts.Kind == FileKind.BlockDevice) return SourceKind.Image;

        var start = new byte[Math.Min(StartBytes, facts.LengthBytes)];
        using (var file = PosixFile.Open(path, OpenMode.Read)) file.ReadExactlyAt(start, 0);
        var extension = Path.GetExtension(path).ToUpperInvariant();
        if (Unpacking.IsGzip(start)) return SourceKind.Gzip;
        if (TarArchive.LooksLike(start)) return SourceKind.Tar;
        if (LooksLikeXml(start)) return SourceKind.Descriptor;
        return extension switch
        {
            ".OVA" or ".TAR" or ".TGZ" => throw ProviderErrors.NotASource(path, "it has no tar header at its start", "It is damaged or was not completely downloaded, or it is not an OVA: get it again"),
            ".OVF" => throw ProviderErrors.NotASource(path, "it does not start as XML", "It is damaged, or it is not an OVF descriptor: export the machine again"),
            _ => SourceKind.Image,
        };
    }

    private static bool LooksLikeXml(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("\uFEFF"u8)) start = start[3..];
        // UTF-16 with its mark, as Windows tools write it.
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE, (byte)'<', 0]) || start.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF, 0, (byte)'<'])) return true;
        start = start.TrimStart(" \t\r\n"u8);
        return start.Length > 1 && start[0] == '<' && (start[1] is (byte)'?' or (byte)'!' or (byte)'_' || char.IsAsciiLetter((char)start[1]));
    }

    private static string DescriptorIn(string directory)
    {
        List<string> found;
        try
        {
            found = Directory.EnumerateFiles(directory).Where(f => f.EndsWith(".ovf", StringComparison.OrdinalIgnoreCase)).Take(5).Order(StringComparer.Ordinal).ToList();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ProviderErrors.NotASource(directory, e.Message.TrimEnd('.'), "Run as a user who may read that directory, or name the descriptor itself");
        }

        return found.Count switch
        {
            0 => throw ProviderErrors.NoDescriptor(directory, "no file in it ends in .ovf"),
            1 => found[0],
            _ => throw ProviderErrors.SeveralDescriptors(directory, ".ovf", [.. found.Select(f => Path.GetFileName(f))]),
        };
    }
}
