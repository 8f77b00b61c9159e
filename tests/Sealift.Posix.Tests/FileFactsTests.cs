using System.Net.Sockets;

namespace Sealift.Posix.Tests;

public sealed class FileFactsTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Each_kind_of_file_is_told_apart()
    {
        File.WriteAllText(directory.File("regular"), "x");
        File.CreateSymbolicLink(directory.File("link"), directory.File("regular"));
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(directory.File("socket")));
        Assert.Equal(FileKind.Regular, FileFacts.OfPath(directory.File("regular")).Kind);
        Assert.Equal(FileKind.Directory, FileFacts.OfPath(directory.Path).Kind);
        Assert.Equal(FileKind.Other, FileFacts.OfPath(directory.File("socket")).Kind);
        Assert.Equal(FileKind.Other, FileFacts.OfPath("/dev/null").Kind);
    }

    [Fact]
    public void A_link_is_followed_unless_it_is_what_was_asked_for()
    {
        File.WriteAllText(directory.File("regular"), "12345");
        File.CreateSymbolicLink(directory.File("link"), directory.File("regular"));
        File.CreateSymbolicLink(directory.File("dangling"), directory.File("nothing"));
        Assert.Equal((FileKind.Regular, 5L), (FileFacts.OfPath(directory.File("link")).Kind, FileFacts.OfPath(directory.File("link")).LengthBytes));
        Assert.Equal(FileKind.SymbolicLink, FileFacts.OfPath(directory.File("link"), followLinks: false).Kind);
        Assert.Equal(FileKind.SymbolicLink, FileFacts.OfPathIfExists(directory.File("dangling"))!.Kind);
        Assert.Equal(Errno.ENOENT, Assert.Throws<PosixException>(() => FileFacts.OfPath(directory.File("dangling"))).Errno);
    }

    [Fact]
    public void Whether_something_is_there_is_not_answered_where_the_look_failed()
    {
        foreach (var errno in new[] { Errno.EIO, Errno.EACCES, Errno.ELOOP, Errno.ENAMETOOLONG })
            using (FaultyLibc.Arm("statx", errno, 1)) Assert.Equal(errno, Assert.Throws<PosixException>(() => FileFacts.OfPathIfExists(directory.Path)).Errno);
    }

    [Fact]
    public void Times_are_exact_to_the_nanosecond()
    {
        File.WriteAllText(directory.File("f"), "x");
        var moment = new DateTime(2031, 5, 6, 7, 8, 9, DateTimeKind.Utc).AddTicks(1_234_567);
        File.SetLastWriteTimeUtc(directory.File("f"), moment);
        Assert.Equal((moment - DateTime.UnixEpoch).Ticks * 100, FileFacts.OfPath(directory.File("f")).ModifiedNanoseconds);
        Assert.Equal(0, FileFacts.OfPath("/proc/self/status").BornNanoseconds); // a file system that keeps no time of birth
    }

    [Fact]
    public void A_time_of_birth_that_the_kernel_does_not_vouch_for_is_none()
    {
        Assert.NotEqual(0, FileFacts.OfPath(directory.Path).BornNanoseconds);
        using (FaultyLibc.Arm("statx", most: 1)) Assert.Equal(0, FileFacts.OfPath(directory.Path).BornNanoseconds);
    }

    [Fact]
    public void Allocated_space_is_counted_in_bytes()
    {
        using var file = PosixFile.Open(directory.File("f"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(64 << 20);
        file.WriteAt(new byte[1 << 20], 0);
        file.Sync();
        Assert.InRange(file.Facts().AllocatedBytes, 1 << 20, 8 << 20);
        Assert.InRange(file.Facts().PreferredBytes, 512, 16 << 20);
    }

    [Fact]
    public void A_device_node_says_which_device_it_stands_for()
    {
        // null(4): character device 1, 3; full(4): 1, 7.
        Assert.Equal((1UL << 32) | 3, FileFacts.OfPath("/dev/null").NodeDevice);
        Assert.Equal((1UL << 32) | 7, FileFacts.OfPath("/dev/full").NodeDevice);
        Assert.Equal(0UL, FileFacts.OfPath(directory.Path).NodeDevice);
    }

    [Fact]
    public void The_size_of_a_block_device_is_asked_from_the_device()
    {
        using var file = PosixFile.Open(directory.File("f"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(5);
        using (FaultyLibc.Device(123 << 20))
        {
            var facts = file.Facts();
            Assert.Equal((FileKind.BlockDevice, 123L << 20), (facts.Kind, facts.LengthBytes));

            using (FaultyLibc.Arm("ioctl", Errno.EIO, int.MaxValue))
            {
                var error = Assert.Throws<PosixException>(file.Facts);
                Assert.Equal(("ioctl(BLKGETSIZE64)", Errno.EIO, file.Path), (error.Call, error.Errno, error.Subject));
                Assert.Equal(1, FaultyLibc.Count);
            }
        }

        using (FaultyLibc.Arm("ioctl", Errno.EINTR, SystemCall.MostRepeats))
        using (FaultyLibc.Device(7 << 20))
            Assert.Equal(7 << 20, file.Facts().LengthBytes);
        using (FaultyLibc.Arm("ioctl", Errno.EINTR, int.MaxValue))
        using (FaultyLibc.Device(7 << 20))
        {
            Assert.Equal(Errno.EINTR, Assert.Throws<PosixException>(file.Facts).Errno);
            Assert.Equal(SystemCall.MostRepeats + 1, FaultyLibc.Count);
        }

        // More than an offset can say: no such device can be read.
        using (FaultyLibc.Device(ulong.MaxValue)) Assert.Throws<OverflowException>(file.Facts);
        Assert.Equal((FileKind.Regular, 5L), (file.Facts().Kind, file.Facts().LengthBytes)); // a regular file is asked nothing more
    }
}
