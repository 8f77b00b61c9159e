using System.Text;
using CsCheck;
using Sealift.Posix;

namespace Sealift.Blkhash.Tests;

public sealed class BlkhashTests
{
    private const string EmptyRoot = "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc";
    private const string HelloRoot = "337355feb53a5309d5aba92796223c2c84ffab930e706c01fef573a2722545e6";
    private const string GibibyteOfZerosRoot = "c6d6562c3074a2caa0ceea3e1f460f3af678c792ed05e64157eb51e68ae5260d";
    private const string HelloMd5By4Root = "8262896de34125dec173722c920e8bd0";

    public static readonly Gen<BlkhashParameters> Parameters = Gen.Select(
        Gen.Int[1, 4].Select(n => (BlkhashAlgorithm)n), Gen.Int[2, 8], (algorithm, log) => new BlkhashParameters(algorithm, 1 << log));

    /// <summary>Disks with runs of zeros, ending anywhere.</summary>
    public static readonly Gen<byte[]> Disks = Gen.OneOf(Gen.Byte.Array[0, 40], Gen.Int[0, 300].Select(n => new byte[n])).Array[0, 12].Select(parts => parts.SelectMany(p => p).ToArray());

    private static string Hash(byte[] bytes, BlkhashParameters parameters) => Convert.ToHexStringLower(Stream(bytes, parameters).Root);

    private static BlkhashValue Stream(byte[] bytes, BlkhashParameters parameters, Func<int>? chunk = null, LeafSink? onLeaf = null)
    {
        var at = 0;
        return StreamHash.Compute(
            buffer =>
            {
                Assert.False(buffer.IsEmpty); // nothing could be answered but 0, which is the end
                var n = Math.Min(Math.Min(buffer.Length, chunk?.Invoke() ?? int.MaxValue), bytes.Length - at);
                bytes.AsSpan(at, n).CopyTo(buffer);
                at += n;
                return n;
            },
            parameters,
            onLeaf,
            TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Published_vectors_hold()
    {
        Assert.Equal(EmptyRoot, Hash([], BlkhashParameters.Default));
        Assert.Equal(HelloRoot, Hash("hello"u8.ToArray(), BlkhashParameters.Default));
        Assert.Equal(HelloMd5By4Root, Hash("hello"u8.ToArray(), new BlkhashParameters(BlkhashAlgorithm.Md5, 4)));
    }

    [Fact]
    public void A_gibibyte_of_zeros_hashes_to_its_vector_read_or_known()
    {
        using var root = new RootHasher(BlkhashParameters.Default);
        root.AppendZeroBlocks(1 << 14);
        Assert.Equal(GibibyteOfZerosRoot, Convert.ToHexStringLower(root.Finish(1L << 30)));

        var left = 1L << 30;
        var streamed = StreamHash.Compute(
            buffer =>
            {
                var n = (int)Math.Min(left, buffer.Length);
                buffer[..n].Clear();
                left -= n;
                return n;
            },
            BlkhashParameters.Default,
            cancel: TestContext.Current.CancellationToken);
        Assert.Equal(GibibyteOfZerosRoot, Convert.ToHexStringLower(streamed.Root));
        Assert.Equal(1L << 30, streamed.LengthBytes);
    }

    [Fact]
    public void A_stream_in_any_pieces_hashes_as_the_construction_says() =>
        Gen.Select(Parameters, Disks, Gen.Int[1, 700]).Sample((p, disk, chunk) =>
        {
            var leaves = new List<byte[]>();
            var value = Stream(disk, p, () => chunk, (block, state, leaf) =>
            {
                Assert.Equal(leaves.Count, block);
                leaves.Add(leaf.ToArray());
                var bytes = disk.AsSpan((int)block * p.BlockBytes, Math.Min(p.BlockBytes, disk.Length - ((int)block * p.BlockBytes)));
                Assert.Equal(bytes.ContainsAnyExcept((byte)0) ? BlockState.Data : BlockState.Zero, state);
            });
            Assert.Equal(NaiveBlkhash.Root(p, disk), value.Root);
            Assert.Equal(disk.Length, value.LengthBytes);
            Assert.Equal(p.BlockCount(disk.Length), leaves.Count);
        });

    [Fact]
    public void A_stream_of_many_batches_hashes_as_the_construction_says()
    {
        var disk = new byte[(9 << 20) + 12345];
        new Random(1).NextBytes(disk.AsSpan(0, 5 << 20));
        Assert.Equal(NaiveBlkhash.Root(BlkhashParameters.Default, disk), Stream(disk, BlkhashParameters.Default).Root);
        var batches = new byte[8 << 20];
        Assert.Equal(NaiveBlkhash.Root(BlkhashParameters.Default, batches), Stream(batches, BlkhashParameters.Default).Root);
    }

    [Fact]
    public void A_root_from_leaves_and_runs_of_zeros_is_the_construction() =>
        Gen.Select(Parameters, Disks).Sample((p, disk) =>
        {
            using var root = new RootHasher(p);
            var leaves = new LeafHasher(p);
            var leaf = new byte[p.DigestBytes];
            long zeros = 0;
            for (var i = 0; i < disk.Length; i += p.BlockBytes)
            {
                var block = disk.AsSpan(i, Math.Min(p.BlockBytes, disk.Length - i));
                if (block.Length == p.BlockBytes && LeafHasher.IsZero(block))
                {
                    zeros++;
                    continue;
                }

                root.AppendZeroBlocks(zeros);
                zeros = 0;
                leaves.HashOrZero(block, leaf);
                root.Append(leaf);
            }

            root.AppendZeroBlocks(zeros);
            Assert.Equal(NaiveBlkhash.Root(p, disk), root.Finish(disk.Length));
        });

    [Fact]
    public void A_root_refuses_a_length_that_its_leaves_do_not_make()
    {
        using var root = new RootHasher(BlkhashParameters.Default);
        root.AppendZeroBlocks(2);
        Assert.Throws<ArgumentException>(() => root.Finish(65536));
        Assert.Throws<ArgumentException>(() => root.Finish(131073));
    }

    [Fact]
    public void Zero_is_seen_at_every_length_and_any_other_byte_at_every_place()
    {
        var bytes = new byte[700];
        for (var length = 0; length <= bytes.Length; length++) Assert.True(LeafHasher.IsZero(bytes.AsSpan(0, length)));

        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] = 1;
            Assert.False(LeafHasher.IsZero(bytes));
            Assert.True(LeafHasher.IsZero(bytes.AsSpan(0, at)));
            Assert.True(LeafHasher.IsZero(bytes.AsSpan(at + 1)));
            bytes[at] = 0;
        }
    }

    [Fact]
    public void A_leaf_costs_no_allocation()
    {
        var leaves = new LeafHasher(BlkhashParameters.Default);
        var block = new byte[65536];
        var leaf = new byte[32];
        void Once(byte first)
        {
            block[0] = first;
            leaves.HashOrZero(block, leaf);
            leaves.HashOrZero(block.AsSpan(0, 512), leaf);
        }

        Once(0);
        Once(1);
        // The runtime itself may allocate once, when it compiles this better; a leaf that costs something does so in each round.
        Assert.Contains(0, Enumerable.Range(0, 5).Select(_ =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 200; i++) Once((byte)(i & 1));
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }));
    }

    [Fact]
    public void A_run_of_zeros_costs_no_allocation_after_the_first()
    {
        using var root = new RootHasher(BlkhashParameters.Default);
        var before = GC.GetAllocatedBytesForCurrentThread();
        root.AppendZeroBlocks(0);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        root.AppendZeroBlocks(5000);
        before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) root.AppendZeroBlocks(i);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(-65536)]
    [InlineData(65535)]
    [InlineData(1 << 25)]
    public void An_impossible_block_size_is_refused(int blockBytes) =>
        Assert.Equal("SL2001", Assert.Throws<SealiftException>(() => new BlkhashParameters(BlkhashAlgorithm.Sha256, blockBytes)).Code);

    [Fact]
    public void Names_say_digest_and_block_size()
    {
        Assert.Equal("blkhash-sha256-64k", BlkhashParameters.Default.Name);
        Assert.Equal("blkhash-md5-4", new BlkhashParameters(BlkhashAlgorithm.Md5, 4).Name);
        Assert.Equal(BlkhashAlgorithm.Sha512, BlkhashParameters.ParseAlgorithm("SHA512"));
        Assert.Equal("SL2002", Assert.Throws<SealiftException>(() => BlkhashParameters.ParseAlgorithm("blake3")).Code);
        Assert.Equal("SL2002", Assert.Throws<SealiftException>(() => new BlkhashParameters((BlkhashAlgorithm)9)).Code);
    }

    [Fact]
    public void The_line_is_that_of_blksum()
    {
        var root = Convert.FromHexString(EmptyRoot);
        Assert.Equal(EmptyRoot + "  -", BlkhashLine.Format(root, "-"));
        var (parsed, name) = BlkhashLine.Parse(EmptyRoot + "  a  b.raw");
        Assert.Equal(root, parsed);
        Assert.Equal("a  b.raw", name);
        foreach (var (bad, said) in new[]
        {
            ("", "no two spaces"), (EmptyRoot, "no two spaces"), (EmptyRoot + " x", "no two spaces"), ("xyz  name", "hexadecimal"), ("abc  name", "hexadecimal"), ("gg  name", "hexadecimal"),
            (EmptyRoot + "  ", "no name"), ("  name", "hexadecimal"), (new string('a', 130) + "  name", "hexadecimal"),
        })
        {
            var error = Assert.Throws<SealiftException>(() => BlkhashLine.Parse(bad));
            Assert.Equal("SL2003", error.Code);
            Assert.Contains(said, error.Said, StringComparison.Ordinal);
        }

        Assert.Equal(64, BlkhashLine.Parse(new string('a', 128) + "  sha512").Root.Length);
    }

    [Fact]
    public void A_reader_that_fails_or_lies_ends_the_hash()
    {
        var calls = 0;
        Assert.Throws<IOException>(() => StreamHash.Compute(b => calls++ < 3 ? b.Length : throw new IOException("gone"), BlkhashParameters.Default, cancel: TestContext.Current.CancellationToken));
        Assert.Throws<InvalidOperationException>(() => StreamHash.Compute(b => b.Length + 1, BlkhashParameters.Default, cancel: TestContext.Current.CancellationToken));
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => StreamHash.Compute(
            b =>
            {
                cancel.Cancel();
                return b.Length;
            },
            BlkhashParameters.Default,
            cancel: cancel.Token));
    }

    [Fact]
    public void A_reader_of_few_bytes_is_asked_no_more_once_it_is_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var calls = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => StreamHash.Compute(
            b =>
            {
                if (++calls == 3) cancel.Cancel();
                b[0] = 1;
                return 1;
            },
            BlkhashParameters.Default,
            cancel: cancel.Token));
        Assert.Equal(3, calls);
    }

    /// <summary>What was read is not hashed any more then, and must not end in a root made of anything else.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5 << 20)] // after a whole batch
    public void A_cancelled_hash_has_no_root_even_if_all_was_read(int lengthBytes)
    {
        using var cancel = new CancellationTokenSource();
        var left = lengthBytes;
        Assert.ThrowsAny<OperationCanceledException>(() => StreamHash.Compute(
            b =>
            {
                var n = Math.Min(left, b.Length);
                b[..n].Fill(1);
                left -= n;
                if (n == 0) cancel.Cancel();
                return n;
            },
            BlkhashParameters.Default,
            cancel: cancel.Token));
    }

    [Fact]
    public void A_reader_that_answers_more_than_is_left_of_the_buffer_ends_the_hash()
    {
        var calls = 0;
        Assert.Throws<InvalidOperationException>(() => StreamHash.Compute(b => calls++ == 0 ? 1000 : b.Length + 1, BlkhashParameters.Default, cancel: TestContext.Current.CancellationToken));
        Assert.Equal(2, calls);
    }

    [Fact]
    public void Standard_input_like_files_are_read_to_the_end()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory.File("hello"), "hello", new UTF8Encoding(false));
        using var file = PosixFile.Open(directory.File("hello"), OpenMode.Read);
        Assert.Equal(HelloRoot, Convert.ToHexStringLower(StreamHash.Compute(file.ReadNext, BlkhashParameters.Default, cancel: TestContext.Current.CancellationToken).Root));
    }
}
