using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Ova;

/// <summary>Reads the machine in an OVF package: manifest first, then the descriptor, then the disks.</summary>
internal static class PackageSource
{
    private const int TarBlockBytes = 512;

    /// <summary>Opens an archive: a tar read in place, or one compressed with gzip, which is unpacked to the work directory.</summary>
    public static async Task<(VirtualMachine Machine, List<string> Notes)> ReadArchiveAsync(
        string path, bool gzip, SourceFiles files, Unpacking unpacking, SourceOptions options, CancellationToken cancel)
    {
        files.Add(path);
        var archive = path;
        if (gzip)
        {
            // A look at the first block before anything is unpacked: most compressed files are not packages.
            using (var file = PosixFile.Open(path, OpenMode.Read))
            {
                if (!TarArchive.LooksLike(Unpacking.PeekGzip(file, new ImageLocation(path), TarBlockBytes))) throw ProviderErrors.NotASource(path, "it is compressed with gzip, and what is inside is not a tar archive", "Unpack a compressed disk image first (gunzip); a compressed OVA must be a tar.gz");
            }

            archive = await Task.Run(() => unpacking.Gunzip(new ImageLocation(path), Path.GetFileNameWithoutExtension(path) + ".tar", cancel), cancel);
        }

        IReadOnlyList<TarMember> members;
        using (var file = PosixFile.Open(archive, OpenMode.Read)) members = TarArchive.Read(file, cancel);
        return await ReadAsync(new TarPackage(archive, path, members), files, unpacking, options, cancel);
    }

    /// <summary>Opens a descriptor with its files beside it.</summary>
    public static Task<(VirtualMachine Machine, List<string> Notes)> ReadDirectoryAsync(
        string descriptor, SourceFiles files, Unpacking unpacking, SourceOptions options, CancellationToken cancel) =>
        ReadAsync(new DirectoryPackage(descriptor), files, unpacking, options, cancel);

    private static async Task<(VirtualMachine Machine, List<string> Notes)> ReadAsync(
        Package package, SourceFiles files, Unpacking unpacking, SourceOptions options, CancellationToken cancel)
    {
        var notes = new List<string>();
        var concerns = new List<string>();
        var listed = await Task.Run(() => VerifyManifest(package, files, unpacking, options, notes, cancel), cancel);

        Measure(package.Find(package.DescriptorName), files, unpacking);
        var content = package.ReadSmall(package.DescriptorName, OvfXml.MaxBytes);
        var source = Named(package, package.DescriptorName);
        var described = OvfDescriptor.Read(OvfXml.Load(content, source), source, options.Overrides.Name);
        notes.AddRange(described.Notes);
        if (listed is not null && !listed.Contains(package.DescriptorName)) concerns.Add($"The manifest does not list the descriptor '{package.DescriptorName}': nothing vouches for it");
        if (described.Drives.All(d => d.Disk.File is null)) throw ProviderErrors.OvfField(source, "disks", "the machine", "it has no disk with content", "Nothing is there to migrate; check that the export included the disks");

        var disks = new List<SourceDisk>();
        var usedFiles = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var drive in described.Drives)
        {
            ImageReference image;
            if (drive.Disk.File is { } file)
            {
                var name = Resolve(package, file, source);
                if (usedFiles.TryGetValue(name, out var other)) throw ProviderErrors.OvfField(source, drive.Disk.Line, "Disk fileRef", $"the disks '{other}' and '{drive.Disk.Id}' are both in '{name}'", "Export the machine again: two disks cannot share one image");
                usedFiles.Add(name, drive.Disk.Id);
                if (listed is not null && !listed.Contains(name)) concerns.Add($"The manifest does not list '{name}': nothing vouches for its content before it was copied");
                image = await ExamineAsync(package, name, file, drive.Disk, files, unpacking, options, cancel);
            }
            else
            {
                var path = unpacking.BlankDisk($"{drive.Disk.Id}.raw", drive.Disk.CapacityBytes!.Value);
                image = await ImageProbe.ExamineAsync(new ImageLocation(path), new ImageProbeOptions { Format = ImageFormat.Raw }, cancel);
                notes.Add($"Disk '{drive.Disk.Id}' is blank in the source ({drive.Disk.CapacityBytes} bytes, no file); the new machine gets it full of zeros");
            }

            if (drive.Disk.CapacityBytes is { } capacity && image.VirtualLengthBytes != capacity) throw ProviderErrors.CapacityMismatch(source, drive.Disk, image);
            disks.Add(new SourceDisk($"disk{disks.Count + 1}", drive.Disk.Id, image, drive.Bus, drive.Address));
        }

        if (described.Firmware == Firmware.Uefi) concerns.Add("The source's UEFI variables are not carried over: the new machine starts the boot loader of the fallback path, which the conversion adds where it is missing");
        var machine = new VirtualMachine
        {
            Name = described.Name,
            Cpus = described.Cpus,
            MemoryBytes = described.MemoryBytes,
            Firmware = described.Firmware,
            SecureBoot = described.SecureBoot,
            Disks = disks,
            NetworkInterfaces = described.NetworkInterfaces,
            GuestHint = described.GuestHint,
            Concerns = [.. described.Concerns, .. concerns],
        };
        return (machine, notes);
    }

    /// <summary>Verifies everything that the manifest lists, before anybody uses any of it.</summary>
    /// <returns>The names it vouches for; null where there is no manifest.</returns>
    private static HashSet<string>? VerifyManifest(Package package, SourceFiles files, Unpacking unpacking, SourceOptions options, List<string> notes, CancellationToken cancel)
    {
        if (package.HasCertificate) notes.Add("The package is signed (.cert); its signature is not verified, only the digests of its manifest are");
        if (package.ManifestName is not { } manifestName)
        {
            notes.Add("The package has no manifest: damage from before this migration cannot be noticed");
            return null;
        }

        Measure(package.Find(manifestName), files, unpacking);
        var manifest = Named(package, manifestName);
        var lines = PackageManifest.Parse(package.ReadSmall(manifestName, PackageManifest.MaxBytes), manifest);
        if (lines.Count == 0) throw ProviderErrors.BadManifest(manifest, 1, "it lists nothing");
        foreach (var line in lines)
        {
            var where = package.Find(line.Name) ?? throw ProviderErrors.MissingFile(package.Name, line.Name, $"its manifest {manifestName}");
            Measure(where, files, unpacking);
            PackageManifest.Verify(line, where, manifest, options.Progress, cancel);
        }

        notes.Add($"The manifest's digests of {lines.Count} files were verified");
        return [.. lines.Select(l => l.Name)];
    }

    private static async Task<ImageReference> ExamineAsync(
        Package package, string name, OvfFile file, OvfDisk disk, SourceFiles files, Unpacking unpacking, SourceOptions options, CancellationToken cancel)
    {
        var where = package.Find(name)!;
        Measure(where, files, unpacking);
        bool gzip;
        using (var open = PosixFile.Open(where.Path, OpenMode.Read))
        {
            var sizeBytes = Unpacking.LengthOf(open, where);
            if (file.SizeBytes is { } said && said != sizeBytes) throw ProviderErrors.SizeMismatch(Named(package, package.DescriptorName), file, sizeBytes);
            var start = new byte[(int)Math.Min(3, sizeBytes)];
            open.ReadExactlyAt(start, where.Offset);
            gzip = Unpacking.IsGzip(start);
        }

        if (file.Gzip && !gzip) throw ProviderErrors.BadGzip(Named(package, name), "the descriptor says that it is compressed with gzip, and it is not");
        // Some writers compress without declaring it; no image format starts like gzip.
        if (gzip && (file.Gzip || name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)))
            where = new ImageLocation(await Task.Run(() => unpacking.Gunzip(where, Path.GetFileName(name), cancel), cancel));

        try
        {
            // What the descriptor declares, the content must be: a VMDK whose first bytes are damaged is not a raw disk.
            var image = await ImageProbe.ExamineAsync(where, new ImageProbeOptions { AllowBackingDirectory = options.AllowBackingDirectory, Format = Declared(disk.Format, name) }, cancel);
            foreach (var path in image.Files) Measure(new ImageLocation(path), files, unpacking);
            return image;
        }
        catch (SealiftException e)
        {
            // The same error, with the name that the user knows it by.
            throw new SealiftException(e.Code, e.Attempt, $"{Named(package, name)}, {e.Subject}", e.Said, e.NextStep, e);
        }
    }

    private static ImageFormat? Declared(string format, string name)
    {
        if (format.Contains("vmdk", StringComparison.OrdinalIgnoreCase)) return ImageFormat.Vmdk;
        if (format.Contains("qcow", StringComparison.OrdinalIgnoreCase)) return ImageFormat.Qcow2;
        if (format.Contains("vhdx", StringComparison.OrdinalIgnoreCase)) return ImageFormat.Vhdx;
        return name.EndsWith(".vmdk", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".vmdk.gz", StringComparison.OrdinalIgnoreCase) ? ImageFormat.Vmdk : null;
    }

    /// <summary>An href is a URI reference, so it may be escaped; many writers do not care. The name as it stands comes first.</summary>
    private static string Resolve(Package package, OvfFile file, string source)
    {
        var folder = package.DescriptorName.LastIndexOf('/') is var slash and >= 0 ? package.DescriptorName[..(slash + 1)] : string.Empty;
        foreach (var href in (string[])[file.Href, Uri.UnescapeDataString(file.Href)])
        {
            var name = PackageName.Normalize(folder + PackageName.Normalize(href, source), source);
            if (package.Find(name) is not null) return name;
        }

        throw ProviderErrors.MissingFile(package.Name, file.Href, $"its descriptor {package.DescriptorName} ({file.Line})");
    }

    private static void Measure(ImageLocation? where, SourceFiles files, Unpacking unpacking)
    {
        if (where is not null && !unpacking.Created.Contains(where.Path)) files.Add(where.Path);
    }

    private static string Named(Package package, string name) => package is TarPackage ? $"{package.Name}, member {name}" : Path.Combine(Path.GetDirectoryName(package.Name) ?? string.Empty, name);
}
