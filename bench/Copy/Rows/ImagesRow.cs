using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>Images that are no raw files, to a raw file, hashed and proven; qemu-img does neither.</summary>
internal sealed class ImagesRow : IRow
{
    // qemu-img's own default for a target, "unsafe", flushes nothing; each of these does, once, at the end.
    private static readonly string[] Flags = ["-t writeback", "-t writeback -m 16 -W", "-t none -m 16 -W"];

    private static readonly Kind[] Kinds =
    [
        new("qcow2", "image.qcow2", "qcow2", "-O qcow2", Half: false),
        new("compressed qcow2", "image.qcow2", "qcow2", "-c -O qcow2", Half: true),
        new("streamOptimized VMDK", "image.vmdk", "vmdk", "-O vmdk -o subformat=streamOptimized", Half: true),
    ];

    public string Name => "images";

    public string About => "qcow2, compressed qcow2 and streamOptimized VMDK to a raw file with hash and read-back, against qemu-img convert";

    public long RoomBytes(Options options, Sizes sizes) => (3 * sizes.Image) + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        foreach (var kind in Kinds)
        {
            bench.Scratch.Clear();
            var disk = TestDisk.Dense(bench.Scratch.In("disk.raw"), bench.Sizes.Image, 41, kind.Half, cancel);
            await bench.Clock.RunAsync($"qemu-img convert -f raw {kind.Making} disk.raw {kind.File}", cancel);
            var share = 100.0 * new FileInfo(bench.Scratch.In(kind.File)).Length / disk.LengthBytes;
            var copies = new FileCopies(bench, kind.File, disk);
            var row = $"{Name}: {kind.Name}";
            var peer = await bench.FastestAsync(row, [.. Flags.Select(f => copies.Peer($"qemu-img convert -f {kind.Format} -O raw {f} {kind.File} target.raw", makeTarget: false))], cancel);
            var runs = await bench.InterleaveAsync(row, [copies.Ours(string.Empty), peer], disk.LengthBytes, cancel);
            bench.Compare(row, $"`sealift copy` of {Text(disk.LengthBytes)}, hashed and proven", $"`{peer.Line}`, neither", new Goal(1.0), runs[0], runs[1], $"the image is {Report.Number(share, "F0")} % of its disk");
        }
    }

    /// <summary>A format to copy from.</summary>
    /// <param name="Name">For people.</param>
    /// <param name="File">The file's name.</param>
    /// <param name="Format">What qemu-img calls it.</param>
    /// <param name="Making">The flags by which qemu-img makes one.</param>
    /// <param name="Half">Whether its data can be compressed to half.</param>
    private sealed record Kind(string Name, string File, string Format, string Making, bool Half);
}
