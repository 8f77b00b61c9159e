using CsCheck;
using Sealift.Posix;

namespace Sealift.Providers.Tests;

/// <summary>Whatever is done to a package, it ends in a machine or in an error that says what is wrong; never in anything else.</summary>
public sealed class MutationTests(TestDisk disk) : IClassFixture<TestDisk>
{
    private static readonly string[] Words = ["<", ">", "\"", "&", "ovf:", "-1", "0", "99999999999999999999", "../", "]]>", "<!--", "<Item>", "</Item>", "byte * 2^", "\u0000", "ovf:/disk/", " ", "xmlns=\"\""];

    [Fact]
    public async Task Mutated_descriptors() => await Gen.Select(Gen.Int[0, 100_000], Gen.Int[0, 40], Gen.Int[0, Words.Length - 1].Select(i => Words[i]), Gen.Bool).Array[1, 4].SampleAsync(
        async mutations =>
        {
            using var package = new TestPackage(disk);
            var text = package.Ovf.ToString();
            foreach (var (at, cut, word, insert) in mutations)
            {
                var start = at % text.Length;
                text = text[..start] + (insert ? word : string.Empty) + text[Math.Min(start + cut, text.Length)..];
                if (text.Length == 0) return;
            }

            package.Write("disk1.vmdk", disk.Vmdk);
            await EndsWell(package, package.Write("vm.ovf", System.Text.Encoding.UTF8.GetBytes(text)));
        },
        iter: 300, threads: 1);

    [Fact]
    public async Task Mutated_archives() => await Gen.Select(Gen.Int[0, 511], Gen.Int[0, 3], Gen.Byte, Gen.Bool).Array[1, 3].SampleAsync(
        async mutations =>
        {
            using var package = new TestPackage(disk);
            // Without a manifest, so that damage behind the headers reaches the parsers; the descriptor is its second member.
            var members = package.Members(manifest: false);
            members.Reverse();
            var tar = TestPackage.Tar(members);
            var second = 512 + ((disk.Vmdk.Length + 511) / 512 * 512);
            foreach (var (at, where, value, mend) in mutations)
            {
                var header = where < 2 ? 0 : where == 2 ? second : tar.Length - 1024;
                tar[header + at] = value;
                if (mend) HostilePackageTests.FixChecksum(tar, header);
            }

            await EndsWell(package, package.Write("vm.ova", tar));
        },
        iter: 300, threads: 1);

    [Fact]
    public async Task Mutated_compressed_archives() => await Gen.Select(Gen.Int[0, 1_000_000], Gen.Byte, Gen.Bool).Array[1, 3].SampleAsync(
        async mutations =>
        {
            using var package = new TestPackage(disk);
            var gz = TestPackage.Gzip(TestPackage.Tar(package.Members()));
            foreach (var (at, value, cut) in mutations)
            {
                if (gz.Length == 0) break;
                gz[at % gz.Length] = value;
                if (cut) gz = gz[..(at % gz.Length)];
            }

            await EndsWell(package, package.Write("vm.tar.gz", gz));
        },
        iter: 100, threads: 1);

    private static async Task EndsWell(TestPackage package, string source)
    {
        try
        {
            var machine = await package.OpenAsync(source);
            Assert.NotEmpty(machine.Machine.Disks);
        }
        catch (SealiftException e)
        {
            // The expected end of most: it must be an error that helps, and leave nothing behind.
            Assert.NotEmpty(e.NextStep);
            Assert.Empty(Directory.GetFileSystemEntries(package.Work));
        }
    }
}
