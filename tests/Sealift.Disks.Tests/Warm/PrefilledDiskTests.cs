using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A copy to a target into which somebody has copied something: whatever that is, the copy is the source's.</summary>
public sealed class PrefilledDiskTests : IDisposable
{
    private const int Block = 64 << 10;
    private readonly string folder = Directory.CreateTempSubdirectory("prefilled-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>For any content of the source, and any of the target, in data, in zeros and in holes.</summary>
    [Fact]
    public async Task Whatever_is_there_the_source_arrives_and_what_is_right_is_not_written()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var (source, target) = (Path.Combine(folder, $"s{seed}"), Path.Combine(folder, $"t{seed}"));
            var length = (random.Next(1, 40) * Block) + (random.Next(2) * random.Next(1, 128) * 512);
            using (var file = PosixFile.Open(source, OpenMode.ReadWrite | OpenMode.CreateNew))
            {
                file.SetLength(length);
                for (var at = 0; at < length; at += Block)
                    if (random.Next(3) is > 0 and var kind) file.WriteAt(Bytes(random, Math.Min(Block, length - at), isZero: kind == 2), at);
            }

            var content = await File.ReadAllBytesAsync(source, Cancel);
            var (there, different) = ((byte[])content.Clone(), new HashSet<int>());
            for (var i = random.Next(10); i > 0; i--)
            {
                var at = random.Next(length);
                there[at] ^= (byte)random.Next(1, 256);
                different.Add(at / Block);
            }

            await File.WriteAllBytesAsync(target, there, Cancel);
            using var map = BlockMap.Create(Path.Combine(folder, $"m{seed}"), length, BlkhashParameters.Default);
            await using var prefilled = PrefilledDisk.Open(target, Block, CopyOptions.Default);
            CopyResult copied;
            await using (var reader = RawDisk.OpenRead(DiskImage.Plain(source, ImageFormat.Raw, length)))
            await using (var writer = RawDisk.OpenWrite(target))
                copied = await DiskCopy.RunAsync(reader, writer, map, CopyOptions.Default with { Workers = 3, Prefilled = prefilled }, null, Cancel);
            var arrived = await File.ReadAllBytesAsync(target, Cancel);
            Assert.True(content.AsSpan().SequenceEqual(arrived), $"seed {seed}");
            Assert.Equal(Scratch.NaiveRoot(content), copied.Root);
            // Holes are made, not compared.
            Assert.Equal(copied.DataBytes + copied.ZeroBytes, prefilled.SameBytes + prefilled.DifferingBytes);
            Assert.InRange(prefilled.DifferingBytes, 0, different.Sum(block => Math.Min(Block, length - (block * Block))));
        }
    }

    /// <summary>What is right already is left alone: its file is not written to at all.</summary>
    [Fact]
    public async Task A_target_that_is_right_is_not_written_to()
    {
        var (source, target) = (Path.Combine(folder, "s"), Path.Combine(folder, "t"));
        var content = Bytes(new Random(1), (3 * Block) + 512, isZero: false);
        await File.WriteAllBytesAsync(source, content, Cancel);
        await File.WriteAllBytesAsync(target, content, Cancel);
        var before = FileFacts.OfPath(target).ModifiedNanoseconds;
        using var map = BlockMap.Create(Path.Combine(folder, "m"), content.Length, BlkhashParameters.Default);
        await using var prefilled = PrefilledDisk.Open(target, Block, CopyOptions.Default);
        await using (var reader = RawDisk.OpenRead(DiskImage.Plain(source, ImageFormat.Raw, content.Length)))
        await using (var writer = RawDisk.OpenWrite(target))
            Assert.Equal(Scratch.NaiveRoot(content), (await DiskCopy.RunAsync(reader, writer, map, CopyOptions.Default with { Prefilled = prefilled }, null, Cancel)).Root);
        Assert.Equal((before, (long)content.Length, 0L), (FileFacts.OfPath(target).ModifiedNanoseconds, prefilled.SameBytes, prefilled.DifferingBytes));
    }

    private static byte[] Bytes(Random random, int length, bool isZero)
    {
        var bytes = new byte[length];
        if (!isZero) random.NextBytes(bytes);
        return bytes;
    }
}
