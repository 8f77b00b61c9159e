using CsCheck;
using Sealift.Posix;

namespace Sealift.Disks.Tests.Images;

/// <summary>Properties of every format: a shorter image is refused or still holds the same disk, and a changed one ends in an answer.</summary>
public sealed class DamagedImageTests(ImageFiles files) : IClassFixture<ImageFiles>
{
    public static TheoryData<string> Names => [.. ImageFiles.Kinds.Select(k => k.Name), "vmware.vmdk", "flat-flat.vmdk", "split-sparse-s001.vmdk"];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_truncated_image_is_refused_or_holds_the_same_disk(string name)
    {
        var (path, whole) = Prepare(name);
        var bytes = ImageFiles.Read(whole);
        var random = new Random(1);
        List<int> lengths = [0, 1, 511, 512, 513, 1024, 65536, bytes.Length - 1, bytes.Length - 2, bytes.Length - 511, bytes.Length - 512, bytes.Length - 513, bytes.Length - 1024, bytes.Length - 1536, bytes.Length - 4096, bytes.Length - 65536];
        for (var i = 0; i < 16; i++) lengths.Add(random.Next(bytes.Length));
        for (var i = 0; i < 8; i++) lengths.Add(random.Next(bytes.Length / 512) * 512);
        var accepted = 0;
        foreach (var length in lengths.Where(l => l >= 0 && l < bytes.Length).Distinct())
        {
            ImageFiles.Write(whole, bytes.AsSpan(0, length));
            if (!IsAccepted(path)) continue;
            accepted++;
            var image = await AcceptedAsync(path);
            if (image is null) continue;
            var read = await ImageFiles.ReadAsync(image);
            Assert.True(ImageFiles.Read(files.Source).AsSpan().SequenceEqual(read), $"{name} cut to {length} of {bytes.Length} bytes was accepted with another content");
        }

        ImageFiles.Write(whole, bytes);
        DemandAccepted(path);
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {accepted} cuts harmless");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Changed_bytes_end_in_an_image_or_an_error_of_ours(string name)
    {
        var (path, whole) = Prepare(name);
        var bytes = ImageFiles.Read(whole);
        // Headers and tables: the first 4 KiB, whatever follows 64 KiB steps (VHDX, qcow2), and the last KiB.
        int[] places = [0, 0, 0, 512, 1024, 65536, 131072, 196608, 262144, 1 << 20, 2 << 20, 3 << 20, bytes.Length - 1024, bytes.Length - 512];
        var usable = places.Where(p => p >= 0 && p < bytes.Length).ToArray();
        var change = Gen.Select(Gen.Int[0, usable.Length - 1], Gen.Int[0, 511], Gen.OneOf(Gen.Byte, Gen.Const((byte)0), Gen.Const((byte)0x7f), Gen.Const((byte)0xff)), Gen.Int[1, 8]);
        change.Array[1, 4].Sample(changes =>
        {
            var mutated = new List<int>();
            using (var file = PosixFile.Open(whole, OpenMode.ReadWrite))
            {
                foreach (var (place, offset, value, count) in changes)
                {
                    var at = Math.Min(usable[place] + offset, bytes.Length - count);
                    for (var i = 0; i < count; i++) file.WriteAt([value], at + i);
                    mutated.Add(at);
                }
            }

            var start = GC.GetAllocatedBytesForCurrentThread();
            IsAccepted(path);
            var allocated = GC.GetAllocatedBytesForCurrentThread() - start;
            using (var file = PosixFile.Open(whole, OpenMode.ReadWrite))
                foreach (var at in mutated) file.WriteAt(bytes.AsSpan(at, Math.Min(8, bytes.Length - at)), at);
            Assert.True(allocated < 64 << 20, $"{allocated} bytes were allocated");
        }, iter: 150, threads: 1);
        DemandAccepted(path); // every change was taken back
    }

    private static void DemandAccepted(string path) => ImageProbe.Parse(new ImageLocation(path), new ImageProbeOptions(), TestContext.Current.CancellationToken);

    // Our own look, without qemu: fast enough for hundreds of cases. Any exception that is not ours fails the test.
    private static bool IsAccepted(string path)
    {
        try
        {
            ImageProbe.Parse(new ImageLocation(path), new ImageProbeOptions(), TestContext.Current.CancellationToken);
            return true;
        }
        catch (SealiftException)
        {
            return false; // refusing is one of the two right answers here
        }
    }

    private static async Task<ImageReference?> AcceptedAsync(string path)
    {
        try
        {
            return await ImageFiles.ExamineAsync(path);
        }
        catch (SealiftException)
        {
            return null; // qemu's second opinion refused it
        }
    }

    private (string Path, string Whole) Prepare(string name)
    {
        if (name == "vmware.vmdk") ImageFiles.Write(files[name], StreamOptimizedWriter.Write(ImageFiles.Read(files.Source)));
        // An extent is cut, and its descriptor is examined.
        return name switch { "flat-flat.vmdk" => (files["flat.vmdk"], files[name]), "split-sparse-s001.vmdk" => (files["split-sparse.vmdk"], files[name]), _ => (files[name], files[name]) };
    }
}
