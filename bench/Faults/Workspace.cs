using Sealift.Posix;

namespace Sealift.Bench.Faults;

/// <summary>The directory of one trial: its source, its target, and whatever the tool leaves.</summary>
public sealed class Workspace : IDisposable
{
    /// <summary>Data, a hole, data, zeros that are written, and an end that is no multiple of a block: nearly 4 MiB.</summary>
    private const int SourceBytes = (4 << 20) - 1536;

    private static readonly Lazy<byte[]> Content = new(Bytes);

    /// <summary>Makes it.</summary>
    /// <param name="path">Must not exist.</param>
    public Workspace(string path)
    {
        PosixPath.CreateDirectory(path);
        Path = path;
        using var file = PosixFile.Open(Source, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(SourceBytes);
        foreach (var (offset, length) in Written) file.WriteAt(Content.Value.AsSpan(offset, length), offset);
        file.Sync();
        ModifiedNanoseconds = FileFacts.OfPath(Source).ModifiedNanoseconds;
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>A raw disk.</summary>
    public string Source => In("source.raw");

    /// <summary>Where it is to be copied to.</summary>
    public string Target => In("target.raw");

    /// <summary>A state directory for sealift.</summary>
    public string State => In("state");

    private static (int Offset, int Length)[] Written => [(0, 1_300_000), (2_500_000, 400_000), (3_200_000, 300_000), (SourceBytes - 1024, 1024)];

    private long ModifiedNanoseconds { get; }

    /// <summary>A path in it.</summary>
    public string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Compares a raw file with the source's content as it was made.</summary>
    /// <returns>Null where it is the same, or the first difference.</returns>
    public static string? WhatDiffersFromSource(string path)
    {
        if (!File.Exists(path)) return $"{path} does not exist";
        var actual = File.ReadAllBytes(path);
        if (actual.Length != SourceBytes) return $"{path} has {actual.Length} bytes in place of {SourceBytes}";
        var at = actual.AsSpan().CommonPrefixLength(Content.Value);
        return at == SourceBytes ? null : $"{path} differs from the source at offset {at}";
    }

    /// <inheritdoc cref="WhatDiffersFromSource"/>
#pragma warning disable CA1822 // reads better from a workspace
    public string? WhatDiffers(string path) => WhatDiffersFromSource(path);
#pragma warning restore CA1822

    /// <summary>What has happened to the source, if anything: nobody may write to it.</summary>
    public string? WhatHappenedToTheSource() =>
        WhatDiffersFromSource(Source) ?? (FileFacts.OfPath(Source).ModifiedNanoseconds == ModifiedNanoseconds ? null : "the source was written to");

    /// <inheritdoc/>
    public void Dispose() => PosixTree.Remove(Path);

    private static byte[] Bytes()
    {
        var bytes = new byte[SourceBytes];
        var random = new Random(20260301);
        foreach (var (offset, length) in Written) random.NextBytes(bytes.AsSpan(offset, length));
        // An MBR with one partition, so that it is recognisably a disk; and zeros that are data, not a hole.
        bytes.AsSpan(446, 66).Clear();
        bytes[450] = 0x83;
        BitConverter.TryWriteBytes(bytes.AsSpan(454), 1);
        BitConverter.TryWriteBytes(bytes.AsSpan(458), (SourceBytes / 512) - 1);
        (bytes[510], bytes[511]) = (0x55, 0xAA);
        bytes.AsSpan(2_500_000, 200_000).Clear();
        return bytes;
    }
}
