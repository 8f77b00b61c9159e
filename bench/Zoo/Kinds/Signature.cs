using System.Text;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>What nothing here can check, as little of it as identifies it.</summary>
/// <param name="name">What it is.</param>
/// <param name="marks">Its marks, and where they stand.</param>
internal sealed class Signature(string name, params IReadOnlyList<(long Offset, byte[] Bytes)> marks) : Kind
{
    public static IReadOnlyList<Signature> All { get; } =
    [
        new("ZFS", [.. Enumerable.Range(0, 8).Select(i => (131072L + (i * 1024), (byte[])[0x0C, 0xB1, 0xBA, 0, 0, 0, 0, 0]))]),
        new("ReFS", (3, "ReFS\0\0\0\0FSRS"u8.ToArray()), (510, [0x55, 0xAA])),
        new("BitLocker", (0, [0xEB, 0x58, 0x90]), (3, "-FVE-FS-"u8.ToArray()), (510, [0x55, 0xAA])),
        new("F2FS", (1024, [0x10, 0x20, 0xF5, 0xF2])),
        new("JFS", (32768, "JFS1"u8.ToArray())),
        new("hibernated swap", (4086, "S1SUSPEND"u8.ToArray())),
        new("unknown content", (0, Encoding.ASCII.GetBytes(new string('x', 65536)))),
    ];

    public override string Name => name;

    public override bool IsNotCovered => true;

    internal override Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], 8 << 20);
        Write(disks[0], 256 << 10, "what is inside"u8);
        foreach (var (offset, bytes) in marks) Write(disks[0], offset, bytes);
        return Task.CompletedTask;
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<Place>>([.. marks.Take(1).Select(m => new Place("mark", m.Offset, Math.Min(m.Bytes.Length, 16)))]);
}
