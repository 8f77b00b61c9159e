using System.Runtime.CompilerServices;

namespace Sealift.Posix.Tests;

/// <summary>Every call of the table, as it is really made, with each kind of error: thrown with all it takes to understand it, repeated, or answered.</summary>
public sealed class SystemCallTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    // ChildCallTests has them; but SIGCHLD is looked at once in a process, which ChildStartTests starts badly.
    private static readonly string[] OfChildren = ["access", "pipe2", "fcntl(F_DUPFD_CLOEXEC)", "memfd_create", "fcntl(F_ADD_SEALS)", "sigaction", "posix_spawn", "execve", "waitid", "kill"];

    // The C library has no function for it whose calls could be made to fail; KernelKeyringTests has what the kernel itself answers.
    private static readonly string[] OfKeys = ["keyctl(KEYCTL_SEARCH)", "keyctl(KEYCTL_READ)"];

    public static TheoryData<string> Names => [.. SystemCalls.All.Select(c => c.Name).Except(OfChildren).Except(OfKeys).Except(["ioctl(BLKGETSIZE64)"])]; // that one needs a device

    public void Dispose() => directory.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void An_error_that_is_no_answer_is_thrown_with_call_file_and_number(string name)
    {
        foreach (var errno in new[] { Errno.EIO, Errno.ENOSPC, Errno.EDQUOT, Errno.EROFS, Errno.ENOMEM, Errno.EBADF })
        {
            var (call, act) = Prepare(name);
            Assert.False(string.IsNullOrWhiteSpace(call.Reason));
            using var armed = FaultyLibc.Arm(NativeName(name), errno, times: int.MaxValue);
            var error = Assert.Throws<PosixException>(act);
            Assert.Equal(errno, error.Errno);
            Assert.Equal(name, error.Call);
            Assert.Contains(directory.Path, error.Subject, StringComparison.Ordinal);
            Assert.Contains(errno.ToString(), error.Message, StringComparison.Ordinal);
            Assert.Equal(1, FaultyLibc.Count);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_interrupted_call_is_repeated_where_the_table_says_so_and_not_for_ever(string name)
    {
        var (call, act) = Prepare(name);
        using (FaultyLibc.Arm(NativeName(name), Errno.EINTR, times: SystemCall.MostRepeats))
        {
            if (call.Repeated.Contains(Errno.EINTR))
            {
                act();
                Assert.True(FaultyLibc.Count > SystemCall.MostRepeats);
            }
            else
            {
                Assert.Equal(Errno.EINTR, Assert.Throws<PosixException>(act).Errno);
                Assert.Equal(1, FaultyLibc.Count);
            }
        }

        (call, act) = Prepare(name);
        using (FaultyLibc.Arm(NativeName(name), Errno.EINTR, times: int.MaxValue))
        {
            Assert.Equal(Errno.EINTR, Assert.Throws<PosixException>(act).Errno);
            Assert.Equal(call.Repeated.Contains(Errno.EINTR) ? SystemCall.MostRepeats + 1 : 1, FaultyLibc.Count);
        }
    }

    [Fact]
    public void What_the_table_calls_an_answer_is_one()
    {
        using var file = NewFile(100_000);
        using (FaultyLibc.Arm("lseek64", Errno.ENXIO, 1)) Assert.Equal(-1, file.SeekData(0));
        using (FaultyLibc.Arm("fallocate64", Errno.EOPNOTSUPP, 1)) Assert.False(file.TryPunchHole(0, 4096));
        using (FaultyLibc.Arm("fallocate64", Errno.EOPNOTSUPP, 1)) Assert.False(file.TryZeroRange(0, 4096));
        using (FaultyLibc.Arm("flock", Errno.EAGAIN, 1)) Assert.False(file.TryLock());
        using (FaultyLibc.Arm("unlink", Errno.ENOENT, 1)) Assert.False(PosixPath.RemoveFile(file.Path));
        using (FaultyLibc.Arm("rmdir", Errno.ENOENT, 1)) Assert.False(PosixPath.RemoveDirectory(directory.Path));
        foreach (var declined in new[] { Errno.EOPNOTSUPP, Errno.EXDEV, Errno.EINVAL, Errno.ETXTBSY, Errno.ENOSYS })
        {
            using (FaultyLibc.Arm("ioctl", declined, 1)) Assert.Equal(declined, file.CloneRange(file, 0, 4096, 65536));
            using (FaultyLibc.Arm("copy_file_range", declined, 1))
            {
                Assert.Equal(0, file.CopyRange(file, 0, 4096, 65536, out var said));
                Assert.Equal(declined, said);
            }
        }

        foreach (var declined in new[] { Errno.ENOTTY, Errno.EINVAL, Errno.EPERM })
            using (FaultyLibc.Arm("ioctl", declined, 1))
            {
                Assert.Equal(default, file.PassScsi(new byte[6], default, default, new byte[32], TimeSpan.FromSeconds(1), out var said));
                Assert.Equal(declined, said);
            }

        using (var pair = new SocketPair())
        using (var line = SocketSwitch.Of(pair.Descriptor, "line"))
        using (FaultyLibc.Arm("shutdown", Errno.ENOTCONN, 1)) line.ShutDown();
        foreach (var nothing in new[] { Errno.ENOENT, Errno.ENOTDIR })
            using (FaultyLibc.Arm("statx", nothing, 1)) Assert.Null(FileFacts.OfPathIfExists(file.Path));
    }

    [Fact]
    public void A_file_system_that_cannot_refuse_to_replace_is_asked_first()
    {
        File.WriteAllText(directory.File("from"), "new");
        File.WriteAllText(directory.File("to"), "old");
        using (FaultyLibc.Arm("renameat2", Errno.EINVAL, 1))
            Assert.Equal(Errno.EEXIST, Assert.Throws<PosixException>(() => PosixPath.Rename(directory.File("from"), directory.File("to"), replace: false)).Errno);
        Assert.Equal("old", File.ReadAllText(directory.File("to")));
        File.Delete(directory.File("to"));
        using (FaultyLibc.Arm("renameat2", Errno.EINVAL, 1))
        {
            PosixPath.Rename(directory.File("from"), directory.File("to"), replace: false);
            Assert.Equal((2, 0), (FaultyLibc.Count, FaultyLibc.Argument(0))); // and not asked for once more what it cannot do
        }

        Assert.Equal("new", File.ReadAllText(directory.File("to")));
        using (FaultyLibc.Arm("renameat2", Errno.EINVAL, 2))
            Assert.Equal(Errno.EINVAL, Assert.Throws<PosixException>(() => PosixPath.Rename(directory.File("to"), directory.File("other"), replace: false)).Errno);
        using (FaultyLibc.Arm("renameat2", Errno.EINVAL, 1))
            Assert.Equal(Errno.EINVAL, Assert.Throws<PosixException>(() => PosixPath.Rename(directory.File("to"), directory.File("other"), replace: true)).Errno);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(4095)]
    [InlineData(65_536)]
    public void A_short_transfer_is_gone_on_from_at_the_byte_where_it_stopped(int most)
    {
        var data = new byte[100_000];
        new Random(most).NextBytes(data);
        using var file = NewFile(0);
        using (FaultyLibc.Arm("pwrite64", most: most)) file.WriteAt(data, 777);
        var back = new byte[data.Length];
        using (FaultyLibc.Arm("pread64", most: most)) file.ReadExactlyAt(back, 777);
        Assert.Equal(data, back);
        Assert.Equal(777 + data.Length, file.Facts().LengthBytes);

        // Interrupted in between as well: the count begins anew with each byte that arrives.
        using (FaultyLibc.Arm("pread64", Errno.EINTR, SystemCall.MostRepeats, after: 1, most: most)) file.ReadExactlyAt(back, 777);
        using (FaultyLibc.Arm("pwrite64", Errno.EINTR, SystemCall.MostRepeats, after: 1, most: most)) file.WriteAt(data, 777);
        Assert.Equal(data, back);
    }

    [Fact]
    public void An_error_in_the_middle_names_the_place_that_was_reached()
    {
        using var file = NewFile(10_000);
        using (FaultyLibc.Arm("pread64", Errno.EIO, 1, after: 2, most: 1000))
        {
            var error = Assert.Throws<PosixException>(() => file.ReadExactlyAt(new byte[5000], 100));
            Assert.Equal((2100, 3000), (error.Offset, error.LengthBytes));
        }

        using (FaultyLibc.Arm("pwrite64", Errno.ENOSPC, 1, after: 2, most: 1000))
        {
            var error = Assert.Throws<PosixException>(() => file.WriteAt(new byte[5000], 100));
            Assert.Equal((2100, 3000), (error.Offset, error.LengthBytes));
        }
    }

    [Fact]
    public void A_write_of_nothing_is_an_error_and_not_a_loop()
    {
        using var file = NewFile(0);
        using var armed = FaultyLibc.Arm("pwrite64", error: 0, times: int.MaxValue, after: 1, most: 1000);
        var error = Assert.Throws<SealiftException>(() => file.WriteAt(new byte[5000], 0));
        Assert.Equal("SL1003", error.Code);
        Assert.Contains("4000 bytes at offset 1000", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_is_listed_whole_or_not_at_all()
    {
        var names = Enumerable.Range(0, 300).Select(i => $"n{i}").ToHashSet();
        foreach (var name in names) File.WriteAllText(directory.File(name), string.Empty);
        Assert.True(names.SetEquals(PosixPath.List(directory.Path)));
        using (FaultyLibc.Arm("readdir64", Errno.EIO, 1, after: 100)) Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(() => PosixPath.List(directory.Path)).Errno);
        Assert.Empty(PosixPath.List(Directory.CreateDirectory(directory.File("empty")).FullName));
    }

    [Fact]
    public void A_tree_is_removed_and_links_out_of_it_are_not_followed()
    {
        File.WriteAllText(directory.File("outside"), "precious");
        Directory.CreateDirectory(directory.File("tree/a/b"));
        File.WriteAllText(directory.File("tree/a/b/c"), "x");
        File.CreateSymbolicLink(directory.File("tree/a/link"), directory.File("outside"));
        Directory.CreateSymbolicLink(directory.File("tree/all"), directory.Path);
        using (FaultyLibc.Arm("unlink", Errno.EACCES, 1)) Assert.Throws<PosixException>(() => PosixTree.Remove(directory.File("tree")));
        PosixTree.Remove(directory.File("tree"));
        PosixTree.Remove(directory.File("tree"));
        Assert.Equal(["outside"], PosixPath.List(directory.Path));
        Assert.Equal("precious", File.ReadAllText(directory.File("outside")));
    }

    [Fact]
    public void What_is_made_durable_is_flushed_with_its_directory_and_a_failure_of_either_is_thrown()
    {
        // The file, then the directory.
        for (var flush = 0; flush < 2; flush++)
        {
            using (FaultyLibc.Arm("fsync", Errno.EIO, 1, after: flush))
                Assert.Equal("fsync", Assert.Throws<PosixException>(() => PosixPath.WriteFileDurably(directory.File("x"), [1], replace: true)).Call);
        }

        using (FaultyLibc.Arm("fsync"))
        {
            PosixPath.WriteFileDurably(directory.File("y"), [1, 2], replace: false);
            Assert.Equal(2, FaultyLibc.Count);
        }

        Assert.Equal([1, 2], File.ReadAllBytes(directory.File("y")));
        Directory.CreateDirectory(directory.File("d"));
        using (FaultyLibc.Arm("fsync"))
        {
            PosixPath.Rename(directory.File("y"), directory.File("d/y"), replace: false);
            Assert.Equal(2, FaultyLibc.Count); // both directories
        }

        using (FaultyLibc.Arm("fsync"))
        {
            PosixPath.CreateDirectory(directory.File("e"));
            Assert.Equal(1, FaultyLibc.Count);
        }
    }

    [Fact]
    public void The_runtime_reports_success_for_a_failed_fsync_which_is_why_its_call_is_banned()
    {
        // A number that no descriptor has: fsync(2) answers EBADF. Where a later runtime throws here, docs/system-calls.md can be shortened.
        using var nobody = new Microsoft.Win32.SafeHandles.SafeFileHandle(1 << 24, ownsHandle: false);
        RandomAccess.FlushToDisk(nobody);

        // Ours says so. It is not closed behind its back for that: another test would be given its number.
        using var ours = NewFile(10);
        using (FaultyLibc.Arm("fsync", Errno.EBADF, times: 1)) Assert.Equal(Errno.EBADF, Assert.Throws<PosixException>(ours.Sync).Errno);
    }

    [Fact]
    public void The_page_about_system_calls_is_this_table()
    {
        var page = File.ReadAllLines(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", "docs", "system-calls.md"));
        var expected = SystemCalls.All.Select(c =>
            $"| `{c.Name}` | {(c.ShortTransfers ? "go on, " : string.Empty)}{(c.Repeated.Count == 0 ? "never" : string.Join(", ", c.Repeated))} | {(c.Answers.Count == 0 ? "" : string.Join("; ", c.Answers.Select(a => $"{a.Key}: {a.Value}")))} | {c.Reason} |");
        Assert.Equal(expected, page.Where(line => line.StartsWith("| `", StringComparison.Ordinal)));
    }

    private static string Here([CallerFilePath] string path = "") => path;

    private static string NativeName(string name) => name.Split('(')[0] switch
    {
        "pread" => "pread64",
        "pwrite" => "pwrite64",
        "ftruncate" => "ftruncate64",
        "lseek" => "lseek64",
        "fallocate" => "fallocate64",
        "posix_fadvise" => "posix_fadvise64",
        "readdir" => "readdir64",
        "statvfs" => "statvfs64",
        "statfs" => "statfs64",
        var same => same,
    };

    private PosixFile NewFile(int lengthBytes)
    {
        var file = PosixFile.Open(directory.File(Guid.NewGuid().ToString("N")), OpenMode.ReadWrite | OpenMode.CreateNew);
        if (lengthBytes > 0) file.WriteAt(new byte[lengthBytes], 0);
        return file;
    }

    /// <summary>Something that makes the call, as the product does.</summary>
    private (SystemCall Call, Action Act) Prepare(string name)
    {
        var call = SystemCalls.All.Single(c => c.Name == name);
        var file = NewFile(100_000);
        var at = directory.File(Guid.NewGuid().ToString("N"));
        Action act = name switch
        {
            "open" => () => PosixFile.Open(file.Path, OpenMode.Read).Close(),
            "statx" => () => FileFacts.OfPath(file.Path),
            "pread" => () => file.ReadAt(new byte[100], 0),
            "read" => () => file.ReadNext(new byte[100]),
            "pwrite" => () => file.WriteAt(new byte[100], 0),
            "fsync" => file.Sync,
            "fdatasync" => file.SyncData,
            "close" => file.Close,
            "ftruncate" => () => file.SetLength(5),
            "lseek(SEEK_DATA)" => () => file.SeekData(0),
            "lseek(SEEK_HOLE)" => () => file.SeekHole(0),
            "fallocate(PUNCH_HOLE)" => () => file.TryPunchHole(0, 4096),
            "fallocate(ZERO_RANGE)" => () => file.TryZeroRange(0, 4096),
            "posix_fadvise(DONTNEED)" => file.DropCache,
            "sync_file_range" => () => file.WriteBack(0, 4096),
            "ioctl(FICLONERANGE)" => () => file.CloneRange(file, 100_000, 0, 0),
            "copy_file_range" => () => file.CopyRange(file, 0, 100, 50_000, out _),
            "flock(LOCK_EX)" => () => file.TryLock(),
            "flock(LOCK_UN)" => file.Unlock,
            "fcntl(F_OFD_GETLK)" => () => file.HasForeignRecordLock(),
            "mkdir" => () => PosixPath.CreateDirectory(at),
            "renameat2" => () => PosixPath.Rename(file.Path, at, replace: false),
            "unlink" => () => PosixPath.RemoveFile(file.Path),
            "rmdir" => () => PosixPath.RemoveDirectory(Directory.CreateDirectory(at).FullName),
            "opendir" or "readdir" or "closedir" => () => PosixPath.List(directory.Path),
            "chmod" => () => PosixPath.SetPermissions(file.Path, 0x180),
            "statvfs" => () => PosixPath.FreeBytes(directory.Path),
            "statfs" => () => FileSystemKind.Of(directory.Path),
            "ioctl(SG_IO)" => () => file.PassScsi(new byte[6], default, default, new byte[32], TimeSpan.FromSeconds(1), out _),
            "shutdown" => () =>
            {
                using var pair = new SocketPair();
                using var line = SocketSwitch.Of(pair.Descriptor, directory.Path);
                line.ShutDown();
            },
            _ => throw new InvalidOperationException($"{name} has no test: add how it is made"),
        };
        return (call, act);
    }
}
