using System.Buffers.Binary;
using Sealift.Posix;

namespace Sealift.Disks.Tests.Images;

/// <summary>A fresh directory with real images in it, made by qemu-img from a disk whose content is known.</summary>
public sealed class ImageFiles : IAsyncLifetime
{
    public const int DiskBytes = (9 << 20) + 512; // no whole number of clusters, grains or blocks in any format

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("sealift-images-").FullName;

    public string Source => this["source.raw"];

    public string this[string name] => Path.Combine(Directory, name);

    /// <summary>Every kind of image that qemu-img makes: file name, format, what it is called, options.</summary>
    public static readonly (string Name, ImageFormat Format, string Driver, string Options, string Subformat)[] Kinds =
    [
        ("v2.qcow2", ImageFormat.Qcow2, "qcow2", "compat=0.10", "compat=0.10"),
        ("v3.qcow2", ImageFormat.Qcow2, "qcow2", "compat=1.1", "compat=1.1"),
        ("small-clusters.qcow2", ImageFormat.Qcow2, "qcow2", "cluster_size=512", "compat=1.1"),
        ("large-clusters.qcow2", ImageFormat.Qcow2, "qcow2", "cluster_size=2M", "compat=1.1"),
        ("extended.qcow2", ImageFormat.Qcow2, "qcow2", "extended_l2=on,cluster_size=128k", "compat=1.1"),
        ("deflate.qcow2", ImageFormat.Qcow2, "qcow2", "-c", "compat=1.1"),
        ("zstd.qcow2", ImageFormat.Qcow2, "qcow2", "-c,compression_type=zstd", "compat=1.1"),
        ("preallocated.qcow2", ImageFormat.Qcow2, "qcow2", "preallocation=metadata", "compat=1.1"),
        ("sparse.vmdk", ImageFormat.Vmdk, "vmdk", "subformat=monolithicSparse", "monolithicSparse"),
        ("stream.vmdk", ImageFormat.Vmdk, "vmdk", "subformat=streamOptimized", "streamOptimized"),
        ("flat.vmdk", ImageFormat.Vmdk, "vmdk", "subformat=monolithicFlat", "monolithicFlat"),
        ("split-sparse.vmdk", ImageFormat.Vmdk, "vmdk", "subformat=twoGbMaxExtentSparse", "twoGbMaxExtentSparse"),
        ("split-flat.vmdk", ImageFormat.Vmdk, "vmdk", "subformat=twoGbMaxExtentFlat", "twoGbMaxExtentFlat"),
        ("dynamic.vhd", ImageFormat.Vhd, "vpc", "subformat=dynamic,force_size=on", "dynamic"),
        ("fixed.vhd", ImageFormat.Vhd, "vpc", "subformat=fixed,force_size=on", "fixed"),
        ("dynamic.vhdx", ImageFormat.Vhdx, "vhdx", "subformat=dynamic,block_size=1M", "dynamic"),
        ("fixed.vhdx", ImageFormat.Vhdx, "vhdx", "subformat=fixed", "fixed"),
        ("dynamic.vdi", ImageFormat.Vdi, "vdi", "static=off", "dynamic"),
        ("static.vdi", ImageFormat.Vdi, "vdi", "static=on", "static"),
    ];

    public async ValueTask InitializeAsync()
    {
        var disk = new byte[DiskBytes];
        var random = new Random(20261123);
        // Data at the start, in the middle, in the very last sector, holes between; half of it compressible.
        random.NextBytes(disk.AsSpan(0, 300_000));
        disk.AsSpan(2 << 20, 1 << 20).Fill(0x5A);
        random.NextBytes(disk.AsSpan(5_000_000, 70_000));
        random.NextBytes(disk.AsSpan(DiskBytes - 512));
        BinaryPrimitives.WriteUInt16LittleEndian(disk.AsSpan(510), 0xAA55);
        Write(Source, disk);
        foreach (var kind in Kinds) await MakeAsync(kind.Name, kind.Driver, kind.Options);
    }

    public async Task MakeAsync(string name, string driver, string options)
    {
        List<string> arguments = ["convert", "-f", "raw", "-O", driver];
        var rest = options.Split(',').Where(o => o != "-c").ToArray();
        if (options.StartsWith("-c", StringComparison.Ordinal)) arguments.Add("-c");
        if (rest.Length > 0) arguments.AddRange(["-o", string.Join(',', rest)]);
        await QemuImgAsync([.. arguments, Source, this[name]]);
    }

    public static async Task<string> QemuImgAsync(params string[] arguments) =>
        (await ChildProcess.RunAsync(new ChildCommand("qemu-img", arguments) { Deadline = TimeSpan.FromMinutes(1) }, TestContext.Current.CancellationToken)).Output;

    public static Task<ImageReference> ExamineAsync(string path, ImageFormat? format = null, string? allow = null) =>
        ImageProbe.ExamineAsync(new ImageLocation(path), new ImageProbeOptions { Format = format, AllowBackingDirectory = allow }, TestContext.Current.CancellationToken);

    /// <summary>The disk as qemu reads it from our description.</summary>
    public static async Task<byte[]> ReadAsync(ImageReference image)
    {
        var output = Path.Combine(System.IO.Directory.CreateTempSubdirectory("sealift-read-").FullName, "disk.raw");
        try
        {
            await QemuImgAsync("convert", "-O", "raw", QemuNode.Json(image), output);
            return Read(output);
        }
        finally
        {
            System.IO.Directory.Delete(Path.GetDirectoryName(output)!, recursive: true);
        }
    }

    public static byte[] Read(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        var bytes = new byte[file.Facts().LengthBytes];
        file.ReadExactlyAt(bytes, 0);
        return bytes;
    }

    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        PosixPath.RemoveFile(path);
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.WriteAt(bytes, 0);
    }

    /// <summary>A copy of an image with some of its bytes changed; its other files stay where they are.</summary>
    public string Patched(string name, Action<byte[]> patch)
    {
        var bytes = Read(this[name]);
        patch(bytes);
        var path = this[$"patched-{Guid.NewGuid():n}{Path.GetExtension(name)}"];
        Write(path, bytes);
        return path;
    }

    public ValueTask DisposeAsync()
    {
        System.IO.Directory.Delete(Directory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
