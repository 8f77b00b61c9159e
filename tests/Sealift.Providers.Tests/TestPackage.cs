using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Sealift.Posix;

namespace Sealift.Providers.Tests;

/// <summary>Puts packages together, and opens them.</summary>
public sealed class TestPackage(TestDisk disk) : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public string Folder => folder.Path;

    public string Work { get; } = Directory.CreateTempSubdirectory("sealift-providers-work-").FullName;

    public OvfText Ovf { get; set; } = new();

    public MachineOverrides Overrides { get; set; } = new();

    public long Reserve { get; set; }

    public List<(string Name, byte[] Content)> Extra { get; } = [];

    public List<(string Name, byte[] Content)> Members(bool manifest = true, HashAlgorithmName? algorithm = null)
    {
        List<(string Name, byte[] Content)> members = [("vm.ovf", Ovf.Bytes()), ("disk1.vmdk", disk.Vmdk), .. Extra];
        if (manifest) members.Insert(1, ("vm.mf", Manifest(members, algorithm ?? HashAlgorithmName.SHA256)));
        return members;
    }

    public static byte[] Manifest(IEnumerable<(string Name, byte[] Content)> members, HashAlgorithmName algorithm) =>
        Encoding.UTF8.GetBytes(string.Concat(members.Select(m => $"{algorithm.Name}({m.Name})= {Convert.ToHexStringLower(CryptographicOperations.HashData(algorithm, m.Content))}\n")));

    /// <summary>An archive by the framework's writer, which is not ours.</summary>
    public static byte[] Tar(IEnumerable<(string Name, byte[] Content)> members, TarEntryFormat format = TarEntryFormat.Ustar)
    {
        var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, format, leaveOpen: true))
        {
            foreach (var (name, content) in members)
            {
                TarEntry entry = format switch
                {
                    TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name),
                    _ => new UstarTarEntry(TarEntryType.RegularFile, name),
                };
                entry.DataStream = new MemoryStream(content);
                writer.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }

    public static byte[] Gzip(byte[] content)
    {
        var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest)) gzip.Write(content);
        return stream.ToArray();
    }

    public string Write(string name, byte[] content)
    {
        var path = folder.File(name);
        File.WriteAllBytes(path, content);
        return path;
    }

    public string WriteDirectory(bool manifest = true)
    {
        foreach (var (name, content) in Members(manifest)) Write(name, content);
        return Folder;
    }

    public Task<SourceMachine> OpenAsync(params string[] sources) => MachineSource.OpenAsync(
        sources, new SourceOptions { WorkDirectory = Work, Overrides = Overrides, FreeSpaceReserve = Reserve }, TestContext.Current.CancellationToken);

    public Task<SourceMachine> OpenOvaAsync(byte[]? tar = null) => OpenAsync(Write("vm.ova", tar ?? Tar(Members())));

    /// <summary>Opens what must be refused, and looks that nothing was left behind.</summary>
    public async Task<SealiftException> RefusedAsync(string code, params string[] sources)
    {
        var e = await Assert.ThrowsAnyAsync<SealiftException>(() => OpenAsync(sources));
        Assert.True(code == e.Code, e.Message);
        Assert.Empty(Directory.GetFileSystemEntries(Work));
        return e;
    }

    public Task<SealiftException> RefusedOvaAsync(string code, byte[]? tar = null) => RefusedAsync(code, Write("vm.ova", tar ?? Tar(Members())));

    public void Dispose()
    {
        folder.Dispose();
        Directory.Delete(Work, recursive: true);
    }
}
