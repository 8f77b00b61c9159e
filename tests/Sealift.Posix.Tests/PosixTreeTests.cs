namespace Sealift.Posix.Tests;

/// <summary>Trees are removed to the last entry, and nothing outside of them is touched.</summary>
public sealed class PosixTreeTests : IDisposable
{
    private readonly TemporaryDirectory place = new();

    public void Dispose() => place.Dispose();

    [Fact]
    public void A_tree_is_removed_with_everything_in_it()
    {
        var tree = Make("tree/a/b");
        File.WriteAllText(Path.Combine(tree, "a", "b", "file"), "content");
        File.WriteAllText(Path.Combine(tree, ".hidden"), "content");
        PosixTree.Remove(tree);
        Assert.False(Directory.Exists(tree));
    }

    [Fact]
    public void The_content_is_removed_and_the_directory_stays()
    {
        var tree = Make("tree/a/b");
        PosixTree.RemoveContent(tree);
        Assert.Empty(Directory.GetFileSystemEntries(tree));
    }

    [Fact]
    public void Links_are_removed_and_never_followed()
    {
        var outside = Make("outside");
        File.WriteAllText(Path.Combine(outside, "precious"), "content");
        var tree = Make("tree");
        Directory.CreateSymbolicLink(Path.Combine(tree, "link"), outside);
        Directory.CreateSymbolicLink(Path.Combine(tree, "dangling"), place.File("nowhere"));
        PosixTree.Remove(tree);
        Assert.False(Directory.Exists(tree));
        Assert.True(File.Exists(Path.Combine(outside, "precious")));
    }

    [Fact]
    public void A_link_to_a_directory_is_no_directory_to_remove()
    {
        var outside = Make("outside");
        File.WriteAllText(Path.Combine(outside, "precious"), "content");
        Directory.CreateSymbolicLink(place.File("link"), outside);
        Assert.Equal(Errno.ENOTDIR, Assert.Throws<PosixException>(() => PosixTree.Remove(place.File("link"))).Errno);
        Assert.True(File.Exists(Path.Combine(outside, "precious")));
    }

    [Fact]
    public void A_file_is_no_directory()
    {
        File.WriteAllText(place.File("file"), "content");
        Assert.Equal(Errno.ENOTDIR, Assert.Throws<PosixException>(() => PosixTree.Remove(place.File("file"))).Errno);
        Assert.True(File.Exists(place.File("file")));
    }

    [Fact]
    public void What_is_gone_already_is_as_good_as_removed() => PosixTree.Remove(place.File("nothing"));

    [Fact]
    public void What_cannot_be_listed_is_not_taken_for_gone()
    {
        var tree = Make("tree/a");
        using (FaultyLibc.Arm("opendir", Errno.EACCES, 1))
            Assert.Equal(Errno.EACCES, Assert.Throws<PosixException>(() => PosixTree.RemoveContent(tree)).Errno);
        Assert.Single(Directory.GetFileSystemEntries(tree));
    }

    private string Make(string name)
    {
        Directory.CreateDirectory(place.File(name));
        return place.File(name.Split('/')[0]);
    }
}
