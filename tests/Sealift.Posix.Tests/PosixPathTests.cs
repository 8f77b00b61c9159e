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
    public void A_directory_that_somebody_makes_at_the_same_moment_is_fine_and_a_file_is_not()
    {
        // The look says that nothing is there, and then something is.
        PosixPath.CreateDirectory(directory.File("d"));
        File.WriteAllText(directory.File("f"), string.Empty);
        using (FaultyLibc.Arm("statx", Errno.ENOENT, 1)) PosixPath.EnsureDirectory(directory.File("d"));
        using (FaultyLibc.Arm("statx", Errno.ENOENT, 1))
            Assert.Equal(Errno.EEXIST, Assert.Throws<PosixException>(() => PosixPath.EnsureDirectory(directory.File("f"))).Errno);
        using (FaultyLibc.Arm("mkdir", Errno.ENOSPC, 1))
            Assert.Equal(Errno.ENOSPC, Assert.Throws<PosixException>(() => PosixPath.EnsureDirectory(directory.File("e"))).Errno);
        // Any other error is one, even where a directory is there afterwards.
        using (FaultyLibc.Arm("mkdir", Errno.EIO, 1, most: 1))
            Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(() => PosixPath.EnsureDirectory(directory.File("g"))).Errno);
        Assert.True(Directory.Exists(directory.File("g")));
    }

    [Fact]
    public void A_link_to_a_directory_is_a_directory_for_whoever_wants_one()
    {
        PosixPath.CreateDirectory(directory.File("d"));
        File.CreateSymbolicLink(directory.File("link"), directory.File("d"));
        PosixPath.EnsureDirectory(directory.File("link"));
    }

    [Fact]
    public void Permissions_are_those_that_were_asked_for()
    {
        PosixPath.CreateDirectory(directory.File("d"), 0x1C0 /* 0700 */);
        Assert.Equal(0x1C0, FileFacts.OfPath(directory.File("d")).Permissions);
        PosixPath.EnsureDirectory(directory.File("a/b"), 0x1C0);
        Assert.Equal(0x1C0, FileFacts.OfPath(directory.File("a")).Permissions);
        PosixPath.SetPermissions(directory.File("d"), 0x140 /* 0500 */);
        Assert.Equal(0x140, FileFacts.OfPath(directory.File("d")).Permissions);
    }

    [Fact]
    public void What_a_killed_process_left_of_a_durable_write_is_in_nobodys_way()
    {
        File.WriteAllText($"{directory.File("f")}.{Environment.ProcessId}.new", "half");
        PosixPath.WriteFileDurably(directory.File("f"), "whole"u8, replace: false);
        Assert.Equal("whole", File.ReadAllText(directory.File("f")));
        Assert.Single(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_durable_write_replaces_what_is_there_where_it_may()
    {
        PosixPath.WriteFileDurably(directory.File("f"), "old and longer"u8, replace: false);
        PosixPath.WriteFileDurably(directory.File("f"), "new"u8, replace: true);
        Assert.Equal("new", File.ReadAllText(directory.File("f")));
        Assert.Single(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void What_is_synced_as_a_directory_must_be_one()
    {
        File.WriteAllText(directory.File("f"), string.Empty);
        Assert.Equal(Errno.ENOTDIR, Assert.Throws<PosixException>(() => PosixPath.SyncDirectory(directory.File("f"))).Errno);
    }

    [Fact]
    public void A_list_that_fails_leaves_no_directory_open()
    {
        for (var i = 0; i < 5; i++)
            using (FaultyLibc.Arm("readdir64", Errno.EIO, 1, after: 1)) Assert.Throws<PosixException>(() => PosixPath.List(directory.Path));
        Assert.DoesNotContain(directory.Path, OpenTests.DescriptorsOfThisProcess());
        PosixPath.List(directory.Path);
        Assert.DoesNotContain(directory.Path, OpenTests.DescriptorsOfThisProcess());
    }

    [Fact]
    public void Directories_that_are_synced_are_closed_again()
    {
        PosixPath.SyncDirectory(directory.Path);
        Assert.DoesNotContain(directory.Path, OpenTests.DescriptorsOfThisProcess());
    }

    [Fact]
    public void More_free_space_than_can_be_counted_is_more_than_enough()
    {
        using (FaultyLibc.Free(1UL << 40)) Assert.Equal(long.MaxValue, PosixPath.FreeBytes(directory.Path));
        using (FaultyLibc.Free(1UL << 20)) Assert.Equal(1L << 40, PosixPath.FreeBytes(directory.Path));
    }

    [Fact]
    public void A_durable_write_has_its_permissions_and_leaves_nothing_beside_it()
    {
        PosixPath.WriteFileDurably(directory.File("key"), "secret"u8, replace: false, permissions: 0x180 /* 0600 */);
        Assert.Equal(0x180, FileFacts.OfPath(directory.File("key")).Permissions);
        Assert.Single(Directory.GetFileSystemEntries(directory.Path));
        Assert.Throws<PosixException>(() => PosixPath.WriteFileDurably(directory.File("key"), "other"u8, replace: false));
        Assert.Equal(["key"], PosixPath.List(directory.Path)); // what was to replace it is a secret, too
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
