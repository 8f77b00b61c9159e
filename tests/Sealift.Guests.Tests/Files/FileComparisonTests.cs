using System.Globalization;
using System.Text;
using System.Text.Json;
using CsCheck;
using Sealift.Guests.Files;

namespace Sealift.Guests.Tests.Files;

public sealed class FileComparisonTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private string ListPath => directory.File("changes.jsonl");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void What_is_new_gone_and_other_is_told_and_nothing_else()
    {
        var changes = Compare(
            [ListBuilder.Record("", "d 2 755 0:0 4096 1.0 1.0"), ListBuilder.Record("/kept"), ListBuilder.Record("/gone", "f 11 644 0:0 7 1.0 1.0"), ListBuilder.Record("/link", "l 12 777 0:0 3 1.0 1.0", "old")],
            [ListBuilder.Record("", "d 2 755 0:0 8192 9.0 9.0"), ListBuilder.Record("/new", "f 13 644 0:0 9 1.0 1.0"), ListBuilder.Record("/kept"), ListBuilder.Record("/link", "l 12 777 0:0 3 1.0 1.0", "new")]);
        Assert.Equal(
            [new FileChangeText("changed symlink /link 3 3 target"), new FileChangeText("removed file /gone 7 - "), new FileChangeText("added file /new - 9 ")],
            changes.First.Select(FileChangeText.Of));
        Assert.Equal(new FilesystemChanges("fs", "disk1 partition 1, ext4", "/", 4, 1, 1, 1, string.Empty), Assert.Single(changes.Filesystems));
        Assert.Equal(3, changes.Listed);
    }

    [Theory]
    [InlineData("f 10 644 0:0 101 1700000000.5 1700000001.5", "size")]
    [InlineData("f 10 644 0:0 100 1700000000.6 1700000001.6", "modified")]
    [InlineData("f 10 600 0:0 100 1700000000.5 1700000001.6", "mode")]
    [InlineData("f 10 644 0:7 100 1700000000.5 1700000001.6", "owner")]
    [InlineData("f 99 644 0:0 100 1700000000.5 1700000001.6", "inode")]
    [InlineData("p 10 644 0:0 100 1700000000.5 1700000001.6", "type")]
    [InlineData("f 10 644 0:0 100 1700000000.5 1700000001.6", "status")] // its content, with the time of its change set back by whoever wrote it
    [InlineData("f 99 600 0:7 101 1700000000.6 1700000001.6", "inode,size,modified,mode,owner")]
    public void In_what_a_file_differs_is_told(string attributes, string differences) =>
        Assert.Equal(differences, string.Join(',', Assert.Single(Compare([ListBuilder.Record("/f")], [ListBuilder.Record("/f", attributes)]).First).Differences));

    [Theory]
    [InlineData("d 2 755 0:0 8192 9.0 9.0", false)] // a name came or went: that name is told
    [InlineData("d 2 700 0:0 4096 1.0 9.0", true)]
    [InlineData("d 2 755 1:0 4096 1.0 9.0", true)]
    [InlineData("d 3 755 0:0 4096 1.0 9.0", true)]
    public void A_directory_is_other_by_its_own_properties_only(string attributes, bool isChanged) =>
        Assert.Equal(isChanged, Compare([ListBuilder.Record("/d", "d 2 755 0:0 4096 1.0 1.0")], [ListBuilder.Record("/d", attributes)]).First.Count == 1);

    [Fact]
    public void Numbers_that_a_kernel_invents_for_FAT_tell_nothing()
    {
        byte[][] before = [ListBuilder.Record("/f", "f 10 755 0:0 1 1.0 1.0")], after = [ListBuilder.Record("/f", "f 77 755 0:0 1 1.0 1.0")];
        Assert.Empty(Compare(before, after, "vfat").First);
        Assert.Single(Compare(before, after, "ext4").First);
    }

    [Fact]
    public void Names_of_any_bytes_are_told_on_one_line_each()
    {
        byte[] hostile = [.. "/a\n\u001b[31m<b>\\"u8, 0xFF, 0xFE, .. "\u202Etxt.exe"u8];
        var change = Assert.Single(Compare([], [ListBuilder.Record(hostile)]).First);
        Assert.Equal(@"/a\x0a\x1b[31m<b>\\\xff\xfe\xe2\x80\xaetxt.exe", change.Path);
        var line = Assert.Single(File.ReadAllLines(ListPath));
        Assert.Equal(change.Path, JsonDocument.Parse(line).RootElement.GetProperty("path").GetString());
    }

    [Fact]
    public void A_name_without_end_is_cut_and_two_that_differ_after_the_cut_are_two()
    {
        var deep = new string('x', 5000);
        var changes = Compare([ListBuilder.Record("/" + deep + "1")], [ListBuilder.Record("/" + deep + "2")]);
        Assert.Equal([FileChangeKind.Removed, FileChangeKind.Added], changes.First.Select(c => c.Kind));
        Assert.All(changes.First, c => Assert.EndsWith("(cut)", c.Path, StringComparison.Ordinal));
    }

    [Fact]
    public void Of_more_changes_than_a_list_may_have_all_are_counted()
    {
        static IEnumerable<byte[]> Many(int count, string attributes) => Enumerable.Range(0, count).Select(i => ListBuilder.Record($"/{i}", attributes));
        const int Many_ = FileChanges.ListLimit + 5000;
        var changes = Compare([.. Many(Many_ + 3, "f 1 644 0:0 1 1.0 1.0")], [.. Many(Many_, "f 1 644 0:0 1 2.0 2.0"), ListBuilder.Record("/new1"), ListBuilder.Record("/new2")]);
        var filesystem = Assert.Single(changes.Filesystems);
        Assert.Equal((Many_, 3, 2), (filesystem.Changed, filesystem.Removed, filesystem.Added));
        Assert.Equal((FileChanges.ListLimit, FileChanges.FirstLimit), (changes.Listed, changes.First.Count));
        Assert.Equal(FileChanges.ListLimit, File.ReadLines(ListPath).Count());
    }

    [Fact]
    public void More_files_than_are_compared_are_not_told()
    {
        // One record more than the limit, as a list that somebody made by other means could have it.
        var records = Enumerable.Repeat(ListBuilder.Record("/f"), FileList.CountLimit + 1);
        var filesystem = Assert.Single(Compare([], records).Filesystems);
        Assert.Contains("more than 1,000,000 files", filesystem.NotTold, StringComparison.Ordinal);
        Assert.Equal((0, 0, 0, 0), (filesystem.Files, filesystem.Changed, filesystem.Removed, filesystem.Added));
    }

    [Theory]
    [InlineData("cut", "cut off")]
    [InlineData("replaced", "not the one that was made")]
    [InlineData("gone", "no such file")]
    [InlineData("nonsense", "makes no sense")]
    [InlineData("no gzip", "cannot be read")]
    public void A_list_that_is_not_whole_is_why_nothing_is_told(string how, string why)
    {
        var after = ListBuilder.Write(directory.Path, "after.gz", [ListBuilder.Record("/f")]);
        var before = ListBuilder.Write(directory.Path, "before.gz", how == "nonsense" ? [ListBuilder.Record("/f", "f ten 644 0:0 1")] : [ListBuilder.Record("/f"), ListBuilder.Record("/g")], isWhole: how != "cut");
        if (how == "replaced") File.WriteAllBytes(directory.File("before.gz"), ListBuilder.Pack([ListBuilder.Record("/f")]));
        if (how == "gone") File.Delete(directory.File("before.gz"));
        if (how == "no gzip")
        {
            File.WriteAllText(directory.File("before.gz"), "hello");
            before = before with { Sha256 = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("hello"u8)) };
        }

        var changes = FileComparison.Run([before], directory.Path, [after], directory.Path, ListPath, CancellationToken.None);
        Assert.Contains(why, Assert.Single(changes.Filesystems).NotTold, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(changes.First);
        Assert.Empty(File.ReadAllText(ListPath));
    }

    [Fact]
    public void What_could_not_be_listed_before_or_after_is_said_with_its_cause()
    {
        var told = ListBuilder.Write(directory.Path, "told.gz", [ListBuilder.Record("/f")]);
        var notTold = told with { FileName = string.Empty, NotTold = "it has too many" };
        string Why(FileList[] before, FileList[] after) => Assert.Single(FileComparison.Run(before, directory.Path, after, directory.Path, ListPath, CancellationToken.None).Filesystems).NotTold;
        Assert.Equal("before the conversion: it has too many", Why([notTold], [told]));
        Assert.Equal("it has too many", Why([told], [notTold]));
        Assert.Contains("not seen after", Why([told], []), StringComparison.Ordinal);
        Assert.Contains("not seen before", Why([], [told]), StringComparison.Ordinal);
        Assert.Equal(string.Empty, Why([told], [told]));
    }

    /// <summary>Whatever is in two file systems, the lists say what a comparison of sets says.</summary>
    [Fact]
    public void It_agrees_with_a_comparison_of_sets()
    {
        var files = Gen.Dictionary(Gen.String[Gen.Char["ab\u00e9\n"], 1, 3], Gen.Int[0, 2])[0, 12];
        Gen.Select(files, files).Sample(
            (before, after) =>
            {
                static IEnumerable<byte[]> Records(Dictionary<string, int> of) => of.Select(f => ListBuilder.Record("/" + f.Key, string.Create(CultureInfo.InvariantCulture, $"f 1 644 0:0 {f.Value} 1.0 1.0")));
                var found = Compare(Records(before), Records(after)).First.Select(c => (c.Kind, c.BytesBefore, c.BytesAfter)).Order().ToList();
                var expected = before.Where(b => !after.ContainsKey(b.Key)).Select(b => (FileChangeKind.Removed, (long?)b.Value, (long?)null))
                    .Concat(after.Where(a => !before.ContainsKey(a.Key)).Select(a => (FileChangeKind.Added, (long?)null, (long?)a.Value)))
                    .Concat(after.Where(a => before.TryGetValue(a.Key, out var was) && was != a.Value).Select(a => (FileChangeKind.Changed, (long?)before[a.Key], (long?)a.Value)));
                Assert.Equal(expected.Order(), found);
            },
            iter: 200,
            threads: 1);
    }

    private FileChanges Compare(IEnumerable<byte[]> before, IEnumerable<byte[]> after, string type = "ext4") => FileComparison.Run(
        [ListBuilder.Write(directory.Path, "before.gz", before, type)], directory.Path, [ListBuilder.Write(directory.Path, "after.gz", after, type)], directory.Path, ListPath, CancellationToken.None);

    private sealed record FileChangeText(string Text)
    {
        public static FileChangeText Of(FileChange c) => new(string.Create(CultureInfo.InvariantCulture, $"{c.Kind.ToString().ToLowerInvariant()} {c.Type} {c.Path} {c.BytesBefore?.ToString(CultureInfo.InvariantCulture) ?? "-"} {c.BytesAfter?.ToString(CultureInfo.InvariantCulture) ?? "-"} {string.Join(',', c.Differences)}"));
    }
}
