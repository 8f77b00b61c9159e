namespace Sealift.Posix.Tests;

public sealed class PosixPathTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Rename_without_replace_keeps_what_is_there()
    {
        File.WriteAllText(directory.File("new"), "new");
        File.WriteAllText(directory.File("old"), "old");
        var error = Assert.Throws<PosixException>(() => PosixPath.Rename(directory.File("new"), directory.File("old"), replace: false));
        Assert.Equal(Errno.EEXIST, error.Errno);
        Assert.Equal("old", File.ReadAllText(directory.File("old")));

        PosixPath.Rename(directory.File("new"), directory.File("old"), replace: true);
        Assert.Equal("new", File.ReadAllText(directory.File("old")));
    }

    [Fact]
    public void Removal_says_whether_there_was_something()
    {
        File.WriteAllText(directory.File("x"), string.Empty);
        Assert.True(PosixPath.RemoveFile(directory.File("x")));
        Assert.False(PosixPath.RemoveFile(directory.File("x")));
        PosixPath.CreateDirectory(directory.File("d"));
        Assert.True(PosixPath.RemoveDirectory(directory.File("d")));
        Assert.False(PosixPath.RemoveDirectory(directory.File("d")));
    }

    [Fact]
    public void A_directory_that_is_not_empty_is_never_removed()
    {
        PosixPath.CreateDirectory(directory.File("d"));
        File.WriteAllText(directory.File("d/precious"), string.Empty);
        Assert.Equal(Errno.ENOTEMPTY, Assert.Throws<PosixException>(() => PosixPath.RemoveDirectory(directory.File("d"))).Errno);
    }

    [Fact]
    public void Missing_parents_are_made_and_a_file_in_the_way_is_an_error()
    {
        PosixPath.EnsureDirectory(directory.File("a/b/c"));
        PosixPath.EnsureDirectory(directory.File("a/b/c"));
        Assert.Equal(FileKind.Directory, FileFacts.OfPath(directory.File("a/b/c")).Kind);
        File.WriteAllText(directory.File("a/file"), string.Empty);
        Assert.Equal(Errno.ENOTDIR, Assert.Throws<PosixException>(() => PosixPath.EnsureDirectory(directory.File("a/file"))).Errno);
    }

    [Fact]
    public void A_durable_write_has_its_permissions_and_leaves_nothing_beside_it()
    {
        PosixPath.WriteFileDurably(directory.File("key"), "secret"u8, replace: false, permissions: 0x180 /* 0600 */);
        Assert.Equal(0x180, FileFacts.OfPath(directory.File("key")).Permissions);
        Assert.Single(Directory.GetFileSystemEntries(directory.Path));
        Assert.Throws<PosixException>(() => PosixPath.WriteFileDurably(directory.File("key"), "other"u8, replace: false));
        Assert.Equal("secret", File.ReadAllText(directory.File("key")));
    }

    [Fact]
    public void Facts_tell_a_changed_file_from_the_same_one()
    {
        File.WriteAllText(directory.File("f"), "one");
        var before = FileFacts.OfPath(directory.File("f"));
        Assert.Equal(before, FileFacts.OfPath(directory.File("f")));
        Assert.Equal(3, before.LengthBytes);
        Assert.Equal(FileKind.Regular, before.Kind);
        File.Delete(directory.File("f"));
        Assert.Null(FileFacts.OfPathIfExists(directory.File("f")));
        File.WriteAllText(directory.File("f"), "longer");
        Assert.NotEqual(before, FileFacts.OfPath(directory.File("f")));
        // An inode number is soon given to another file, and a time of change can be set; a time of birth cannot.
        Assert.True(before.BornNanoseconds > 0);
        while (FileFacts.OfPath(directory.File("f")).BornNanoseconds == before.BornNanoseconds) // within one tick of the kernel's clock
        {
            File.Delete(directory.File("f"));
            File.WriteAllText(directory.File("f"), "longer");
        }

        Assert.True(FileFacts.OfPath(directory.File("f")).BornNanoseconds > before.BornNanoseconds);
    }

    [Fact]
    public void Free_space_is_what_df_says_within_a_mebibyte_or_so()
    {
        var ours = PosixPath.FreeBytes(directory.Path);
        var theirs = new DriveInfo(directory.Path).AvailableFreeSpace;
        Assert.InRange(ours, theirs - (1L << 30), theirs + (1L << 30));
    }
}
