namespace Sealift.Posix.Tests;

/// <summary>What a killed process left in the temporary directory goes, and what is in use or somebody else's stays.</summary>
public sealed class WorkDirectoryTests
{
    private static string Temporary => System.IO.Path.GetTempPath();

    [Fact]
    public void It_is_private_and_gone_with_everything_in_it()
    {
        string path;
        using (var work = new WorkDirectory())
        {
            path = work.Path;
            Assert.Equal(0x1C0, FileFacts.OfPath(path).Permissions);
            Directory.CreateDirectory(System.IO.Path.Combine(path, "a", "b"));
            File.WriteAllText(System.IO.Path.Combine(path, "a", "b", "c"), "c");
        }

        Assert.False(Directory.Exists(path));
    }

    [Fact]
    public void One_that_was_left_is_removed_by_the_next_and_one_in_use_is_not()
    {
        var left = Directory.CreateDirectory(System.IO.Path.Combine(Temporary, $"sealift-work-left{Guid.NewGuid():N}")).FullName;
        File.WriteAllText(System.IO.Path.Combine(left, "nbd"), "a socket");
        using var inUse = new WorkDirectory();
        using var next = new WorkDirectory();
        Assert.False(Directory.Exists(left));
        Assert.True(Directory.Exists(inUse.Path));
    }

    [Fact]
    public void A_link_of_its_name_is_not_followed_and_other_directories_are_left_alone()
    {
        using var mine = new TemporaryDirectory();
        File.WriteAllText(mine.File("thesis.txt"), "mine");
        var link = System.IO.Path.Combine(Temporary, $"sealift-work-link{Guid.NewGuid():N}");
        File.CreateSymbolicLink(link, mine.Path);
        try
        {
            using var next = new WorkDirectory();
            Assert.True(FileFacts.OfPathIfExists(link) is { Kind: FileKind.SymbolicLink });
            Assert.Equal("mine", File.ReadAllText(mine.File("thesis.txt")));
        }
        finally
        {
            File.Delete(link);
        }
    }

    [Fact]
    public void Many_at_once_do_not_take_each_others()
    {
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            using var work = new WorkDirectory();
            File.WriteAllText(System.IO.Path.Combine(work.Path, "a"), "a");
            Assert.Equal("a", File.ReadAllText(System.IO.Path.Combine(work.Path, "a")));
        });
    }
}
