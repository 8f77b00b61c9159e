using System.Runtime.InteropServices;

namespace Sealift.Posix.Tests;

/// <summary>What a killed process left in the temporary directory goes, and what is in use or somebody else's stays.</summary>
public sealed class WorkDirectoryTests : IDisposable
{
    /// <summary>In the place of the system's temporary directory, where other programs of ours may be at work.</summary>
    private readonly TemporaryDirectory temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void It_is_private_and_gone_with_everything_in_it()
    {
        string path;
        using (var work = new WorkDirectory())
        {
            path = work.Path;
            Assert.Equal(Path.GetDirectoryName(temporary.Path), Path.GetDirectoryName(path)); // the system's
            Assert.Equal(0x1C0, FileFacts.OfPath(path).Permissions);
            Directory.CreateDirectory(Path.Combine(path, "a", "b"));
            File.WriteAllText(Path.Combine(path, "a", "b", "c"), "c");
        }

        Assert.False(Directory.Exists(path));
        Assert.DoesNotContain(OpenTests.DescriptorsOfThisProcess(), link => link is not null && link.StartsWith(path, StringComparison.Ordinal));
    }

    [Fact]
    public void One_that_was_left_is_removed_by_the_next_and_one_in_use_is_not()
    {
        var left = Left();
        File.WriteAllText(Path.Combine(left, "nbd"), "a socket");
        using var inUse = new WorkDirectory(temporary.Path);
        using var next = new WorkDirectory(temporary.Path);
        Assert.False(Directory.Exists(left));
        Assert.True(Directory.Exists(inUse.Path));
        // What was looked at is not held, and what was removed is not either.
        Assert.Equal(new[] { inUse.Path, next.Path }.Order(), Held());
    }

    [Fact]
    public void A_link_of_its_name_is_not_followed_and_keeps_nothing_from_being_removed()
    {
        using var mine = new TemporaryDirectory();
        File.WriteAllText(mine.File("thesis.txt"), "mine");
        // Many of each, for they are found in no order.
        var links = Enumerable.Range(0, 16).Select(_ => File.CreateSymbolicLink(NewName(), mine.Path).FullName).ToList();
        var left = Enumerable.Range(0, 16).Select(_ => Left()).ToList();
        using var next = new WorkDirectory(temporary.Path);
        Assert.All(links, link => Assert.True(FileFacts.OfPathIfExists(link) is { Kind: FileKind.SymbolicLink }));
        Assert.DoesNotContain(left, Directory.Exists);
        Assert.Equal("mine", File.ReadAllText(mine.File("thesis.txt")));
    }

    [Fact]
    public void Another_users_is_left_alone()
    {
        var left = Left();
        using (FaultyLibc.Owner(54321))
        using (new WorkDirectory(temporary.Path))
            Assert.True(Directory.Exists(left));
        using (new WorkDirectory(temporary.Path))
            Assert.False(Directory.Exists(left));
    }

    [Fact]
    public void Many_at_once_do_not_take_each_others()
    {
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            using var work = new WorkDirectory(temporary.Path);
            File.WriteAllText(Path.Combine(work.Path, "a"), "a");
            Assert.Equal("a", File.ReadAllText(Path.Combine(work.Path, "a")));
        });
    }

    [Fact]
    public void One_that_is_taken_for_a_left_one_before_it_is_held_is_made_anew()
    {
        // Removed before it is opened (the open before that one is its parent's), removed before it is locked, and locked by whoever removes it.
        foreach (var (call, error, after) in new[] { ("open", Errno.ENOENT, 1), ("flock", (Errno)0, 0), ("flock", Errno.EAGAIN, 0) })
        {
            using var armed = FaultyLibc.Arm(call, error, times: 1, after);
            using var work = new WorkDirectory(temporary.Path);
            Assert.Equal([work.Path], Directory.GetDirectories(temporary.Path));
            Assert.Equal([work.Path], Held());
        }
    }

    [Fact]
    public void It_is_not_tried_for_ever()
    {
        using var armed = FaultyLibc.Arm("flock", Errno.EAGAIN, times: 1000);
        Assert.Equal((SystemCalls.Lock.Name, Errno.EAGAIN), Thrown());
        Assert.Equal(100, FaultyLibc.Count);
    }

    [Fact]
    public void One_that_cannot_be_opened_or_locked_is_an_error_and_is_not_held()
    {
        using (FaultyLibc.Arm("open", Errno.EACCES, 1, after: 1))
        {
            Assert.Equal((SystemCalls.Open.Name, Errno.EACCES), Thrown());
            Assert.Equal(PosixFile.Flags(OpenMode.Read | OpenMode.Directory | OpenMode.NoFollow, RuntimeInformation.ProcessArchitecture), FaultyLibc.Argument(0));
        }

        using (FaultyLibc.Arm("flock", Errno.ENOLCK, 1)) Assert.Equal((SystemCalls.Lock.Name, Errno.ENOLCK), Thrown());
        using (FaultyLibc.Arm("statx", Errno.EIO, 1)) Assert.Equal((SystemCalls.Statx.Name, Errno.EIO), Thrown());
        Assert.Empty(Held());
    }

    [Fact]
    public void Left_ones_that_cannot_be_looked_for_or_removed_are_in_nobodys_way()
    {
        var left = Left();
        using (FaultyLibc.Arm("opendir", Errno.EACCES, 1))
        using (var work = new WorkDirectory(temporary.Path))
            Assert.True(Directory.Exists(work.Path));
        using (FaultyLibc.Arm("rmdir", Errno.EACCES, 1))
        using (var work = new WorkDirectory(temporary.Path))
            Assert.Equal([work.Path], Held());
        Assert.True(Directory.Exists(left));
    }

    [Fact]
    public void One_that_cannot_be_removed_is_let_go_of_and_removed_by_the_next()
    {
        var work = new WorkDirectory(temporary.Path);
        // A child that is being started at that moment has the descriptor as well, and with it the lock.
        using var child = LeakedDescriptors.CopyOf(work.Path);
        using (FaultyLibc.Arm("rmdir", Errno.EACCES, 1)) work.Dispose();
        Assert.True(Directory.Exists(work.Path));
        using var next = new WorkDirectory(temporary.Path);
        Assert.False(Directory.Exists(work.Path));
    }

    [Fact]
    public void A_path_that_is_too_long_for_sockets_is_in_tmp_instead()
    {
        var deep = Directory.CreateDirectory(temporary.File(string.Concat(Enumerable.Repeat("ü", 40)))).FullName; // bytes count, not letters
        int longest;
        using (var work = new WorkDirectory(deep))
        {
            Assert.Equal(deep, Path.GetDirectoryName(work.Path));
            longest = System.Text.Encoding.UTF8.GetByteCount(work.Path);
        }

        using (var fits = new WorkDirectory(deep, longest)) Assert.Equal(deep, Path.GetDirectoryName(fits.Path));
        using (var tooLong = new WorkDirectory(deep, longest - 1)) Assert.Equal("/tmp", Path.GetDirectoryName(tooLong.Path));
    }

    private string NewName() => temporary.File($"sealift-work-{Guid.NewGuid():N}");

    private string Left() => Directory.CreateDirectory(NewName()).FullName;

    /// <summary>What of the temporary directory this process has open.</summary>
    private IEnumerable<string?> Held() => OpenTests.DescriptorsOfThisProcess().Where(link => link is not null && link.StartsWith(temporary.Path, StringComparison.Ordinal)).Order();

    private (string Call, Errno Errno) Thrown()
    {
        var error = Assert.Throws<PosixException>(() => new WorkDirectory(temporary.Path).Dispose());
        return (error.Call, error.Errno);
    }
}
