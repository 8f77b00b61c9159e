using CsCheck;
using Sealift.Guests.Lint;

namespace Sealift.Guests.Tests.Lint;

/// <summary>/etc/fstab and /etc/crypttab as people, installers and enemies write them.</summary>
public sealed class FileSystemTableTests
{
    [Theory]
    [InlineData("UUID=1-2 / ext4 errors=remount-ro 0 1", "UUID=1-2", "/", "ext4", "errors=remount-ro")]
    [InlineData("  /dev/sda1\t/boot   ext2\tdefaults,noauto\t0\t2 # old", "/dev/sda1", "/boot", "ext2", "defaults,noauto")]
    [InlineData("UUID=\"1-2\" /a\\040b\\011c vfat", "UUID=1-2", "/a b\tc", "vfat", "")]
    [InlineData("LABEL='x' none swap sw\r", "LABEL=x", "none", "swap", "sw")]
    [InlineData("server:/x /y nfs", "server:/x", "/y", "nfs", "")]
    [InlineData("LABEL=\" /z", "LABEL=\"", "/z", "", "")]
    [InlineData("a\\04 \\999", "a\\04", "\\999", "", "")]
    public void A_line_is_read_as_mount_reads_it(string line, string spec, string path, string type, string options)
    {
        var entry = Assert.Single(FileSystemTable.Parse("# x\n\n" + line + "\n"));
        Assert.Equal((3, spec, path, type, options), (entry.Line, entry.Spec, entry.Path, entry.Type, string.Join(',', entry.Options)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("#UUID=1 / ext4")]
    [InlineData("alone")]
    [InlineData(" \t\r\n \0 ")]
    public void What_is_no_entry_is_none(string text) => Assert.Empty(FileSystemTable.Parse(text));

    [Fact]
    public void Of_crypttab_the_second_field_is_the_device()
    {
        var entry = Assert.Single(FileSystemTable.ParseCrypttab("secret /dev/sdb3 none luks,nofail"));
        Assert.Equal(("/dev/sdb3", "secret", true), (entry.Spec, entry.Path, entry.IsOptional));
    }

    [Fact]
    public void Entries_come_back_as_they_were_written()
    {
        var field = Gen.String[Gen.Char["abcXYZ019=-/._:+ \t\n\\#\""], 1, 20].Where(f => f[0] is not ('#' or '"'));
        Gen.Select(field.Where(f => !f.Contains('"', StringComparison.Ordinal)), field, Gen.String[Gen.Char['a', 'z'], 1, 8]).List[0, 40].Sample(rows =>
        {
            var text = string.Join('\n', rows.Select(r => $"{Encode(r.Item1)} {Encode(r.Item2)} {r.Item3} nofail"));
            Assert.Equal(rows.Select((r, i) => (i + 1, r.Item1, r.Item2, r.Item3)), FileSystemTable.Parse(text).Select(e => (e.Line, e.Spec, e.Path, e.Type)));
        });
    }

    [Fact]
    public void Any_text_is_read_without_an_error_and_within_its_limit() =>
        Gen.OneOf(Gen.String, Gen.String[Gen.Char["\\01289#=\"' \n\t\0/U"], 0, 400]).Sample(text =>
        {
            foreach (var entry in FileSystemTable.Parse(text).Concat(FileSystemTable.ParseCrypttab(text)))
            {
                Assert.DoesNotContain(entry.Description, char.IsControl);
                _ = DeviceNames.KindOf(entry.Spec, 3); // whatever it is, it is one of them
            }
        });

    [Fact]
    public void A_table_without_end_is_cut() => Assert.Equal(FileSystemTable.EntryLimit, FileSystemTable.Parse(string.Concat(Enumerable.Repeat("a b\n", 100_000))).Count);

    private static string Encode(string field) => field.Replace("\\", "\\134", StringComparison.Ordinal).Replace(" ", "\\040", StringComparison.Ordinal).Replace("\t", "\\011", StringComparison.Ordinal).Replace("\n", "\\012", StringComparison.Ordinal);
}
