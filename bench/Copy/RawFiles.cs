using Sealift.Posix;

namespace Sealift.Bench.Copies;

/// <summary>What is done to the raw files of a run before and after it, out of its time.</summary>
internal static class RawFiles
{
    private const int ChunkBytes = 4 << 20;

    /// <summary>Compares two files byte by byte; what both say to be holes is not read.</summary>
    /// <returns>Null where they are the same, or what is not.</returns>
    public static string? WhatDiffers(string expected, string actual, CancellationToken cancel)
    {
        if (!File.Exists(actual)) return $"{actual} does not exist";
        using var left = PosixFile.Open(expected, OpenMode.Read);
        using var right = PosixFile.Open(actual, OpenMode.Read);
        var (wanted, length) = (left.Facts().LengthBytes, right.Facts().LengthBytes);
        if (length != wanted) return $"{actual} has {length} bytes in place of {wanted}";
        var wrong = long.MaxValue;
        Parallel.ForEach(Chunks(left, right, length), new ParallelOptions { CancellationToken = cancel, MaxDegreeOfParallelism = Environment.ProcessorCount }, () => (new byte[ChunkBytes], new byte[ChunkBytes]), (chunk, state, buffers) =>
        {
            var a = buffers.Item1.AsSpan(0, chunk.LengthBytes);
            var b = buffers.Item2.AsSpan(0, chunk.LengthBytes);
            left.ReadExactlyAt(a, chunk.Offset);
            right.ReadExactlyAt(b, chunk.Offset);
            if (a.SequenceEqual(b)) return buffers;
            Interlocked.Exchange(ref wrong, chunk.Offset + a.CommonPrefixLength(b));
            state.Stop();
            return buffers;
        }, _ => { });
        return wrong == long.MaxValue ? null : $"{actual} differs from {expected} at offset {wrong}";
    }

    /// <summary>Reads a file, so that it is in the page cache.</summary>
    public static void Warm(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        var buffer = new byte[ChunkBytes];
        for (long at = file.SeekData(0), length = file.Facts().LengthBytes; at >= 0 && at < length; at = at < length ? file.SeekData(at) : -1)
        {
            for (var end = file.SeekHole(at); at < end;)
            {
                var n = file.ReadAt(buffer.AsSpan(0, (int)Math.Min(ChunkBytes, end - at)), at);
                if (n == 0) return;
                at += n;
            }
        }
    }

    /// <summary>Makes a file that is one hole.</summary>
    public static void MakeEmpty(string path, long lengthBytes)
    {
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(lengthBytes);
    }

    /// <summary>The ranges in which one or the other has data.</summary>
    private static IEnumerable<(long Offset, int LengthBytes)> Chunks(PosixFile left, PosixFile right, long length)
    {
        for (var at = 0L; at < length;)
        {
            var next = (left.SeekData(at), right.SeekData(at)) switch { (-1, var r) => r, (var l, -1) => l, var (l, r) => Math.Min(l, r) };
            if (next < 0) yield break;
            var n = (int)Math.Min(ChunkBytes, length - next);
            yield return (next, n);
            at = next + n;
        }
    }
}
