using System.Runtime.InteropServices;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// An open file or block device whose every call is checked: a result is complete, or it is a <see cref="PosixException"/>
/// that names the call, the path, the offset and the errno. Positioned reads and writes may be issued from many threads.
/// </summary>
/// <remarks>
/// The runtime's own <c>RandomAccess.FlushToDisk</c> and <c>FileStream.Flush(true)</c> report success for a failing fsync on
/// Linux, and its handles ignore a failing close: they are banned in this repository.
/// </remarks>
public sealed class PosixFile : IDisposable
{
    /// <summary>What <see cref="OpenMode.Direct"/> demands of buffers, offsets and lengths here; a multiple of every logical block size in use.</summary>
    public const int DirectAlignmentBytes = 4096;

    private const int ORdwr = 2, OCreat = 0x40, OExcl = 0x80, ONonblock = 0x800, ODirect = 0x4000, ODirectory = 0x10000, ONofollow = 0x20000, OCloexec = 0x80000;
    private const int ODirectArm64 = 0x10000, ODirectoryArm64 = 0x4000, ONofollowArm64 = 0x8000;
    private const int SeekDataWhence = 3, SeekHoleWhence = 4, SeekEndWhence = 2;
    private const int FallocKeepSize = 1, FallocPunchHole = 2, FallocZeroRange = 16;

    private readonly PosixHandle handle;
    private int closed;

    private PosixFile(PosixHandle handle, string path)
    {
        this.handle = handle;
        Path = path;
    }

    /// <summary>The path that it was opened by; it names the file in every error.</summary>
    public string Path { get; }

    /// <summary>Opens a file; open(2), repeated on EINTR.</summary>
    /// <param name="path">The path.</param>
    /// <param name="mode">How.</param>
    /// <param name="permissions">Permission bits of a file that is created, before the umask.</param>
    /// <exception cref="PosixException">The kernel refused.</exception>
    public static PosixFile Open(string path, OpenMode mode, int permissions = 0x1A4 /* 0644 */)
    {
        var flags = Flags(mode, RuntimeInformation.ProcessArchitecture);
        for (var failures = 0; ; failures++)
        {
            var fd = Libc.Open(path, flags, (uint)permissions);
            if (fd >= 0) return new PosixFile(new PosixHandle(fd), path);
            SystemCalls.Open.RepeatOrThrow(failures, path);
        }
    }

    /// <summary>Opens standard input as it is; <see cref="ReadNext"/> is the call for it.</summary>
    public static PosixFile StandardInput() => new(new PosixHandle(0), "standard input");

    /// <summary>Size, kind and identity of the open file; statx(2). The size of a block device is asked from the device.</summary>
    /// <exception cref="PosixException">The kernel refused.</exception>
    public unsafe FileFacts Facts()
    {
        var facts = Posix.FileFacts.OfDescriptor((int)handle.DangerousGetHandle(), Path);
        if (facts.Kind != FileKind.BlockDevice) return facts;
        const nuint BlkGetSize64 = 0x80081272; // _IOR(0x12, 114, size_t), linux/fs.h
        ulong sizeBytes;
        for (var failures = 0; Libc.Ioctl(handle, BlkGetSize64, &sizeBytes) != 0; failures++) SystemCalls.DeviceSize.RepeatOrThrow(failures, Path);
        return facts with { LengthBytes = checked((long)sizeBytes) };
    }

    /// <summary>Reads up to the whole buffer at an offset; less only at the end of the file. Repeats on EINTR and short reads.</summary>
    /// <returns>The number of bytes read; less than the buffer's length means end of file.</returns>
    /// <exception cref="PosixException">The kernel reported an error; the buffer's content is undefined then.</exception>
    public unsafe int ReadAt(Span<byte> buffer, long offset)
    {
        var (done, failures) = (0, 0);
        fixed (byte* p = buffer)
        {
            while (done < buffer.Length)
            {
                var n = Libc.Pread(handle, p + done, (nuint)(buffer.Length - done), offset + done);
                if (n > 0) (done, failures) = (done + (int)n, 0);
                else if (n == 0) break;
                else SystemCalls.Pread.RepeatOrThrow(failures++, Path, offset + done, buffer.Length - done);
            }
        }

        return done;
    }

    /// <summary>Reads exactly the buffer's length at an offset.</summary>
    /// <exception cref="PosixException">The kernel reported an error.</exception>
    /// <exception cref="SealiftException">The file ends before (SL1002): it is shorter than it was, or than its header claims.</exception>
    public void ReadExactlyAt(Span<byte> buffer, long offset)
    {
        var n = ReadAt(buffer, offset);
        if (n != buffer.Length)
            throw new SealiftException("SL1002", $"read {buffer.Length} bytes at offset {offset}", Path, $"the file ends at {offset + n}", "It is truncated, or somebody shortened it meanwhile: check that nothing else uses it and start again");
    }

    /// <summary>Reads the next bytes of a stream such as standard input; read(2).</summary>
    /// <returns>The number of bytes; 0 at the end.</returns>
    public unsafe int ReadNext(Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            for (var failures = 0; ; failures++)
            {
                var n = Libc.Read(handle, p, (nuint)buffer.Length);
                if (n >= 0) return (int)n;
                SystemCalls.Read.RepeatOrThrow(failures, Path, lengthBytes: buffer.Length);
            }
        }
    }

    /// <summary>Writes the whole buffer at an offset. Repeats on EINTR and short writes; a write of 0 bytes is an error.</summary>
    /// <exception cref="PosixException">The kernel reported an error; any part may have been written.</exception>
    public void WriteAt(ReadOnlySpan<byte> buffer, long offset) => WriteAt(handle, Path, buffer, offset);

    /// <summary>The same where there is no more than a descriptor.</summary>
    internal static unsafe void WriteAt(PosixHandle handle, string subject, ReadOnlySpan<byte> buffer, long offset)
    {
        var (done, failures) = (0, 0);
        fixed (byte* p = buffer)
        {
            while (done < buffer.Length)
            {
                var n = Libc.Pwrite(handle, p + done, (nuint)(buffer.Length - done), offset + done);
                if (n > 0) (done, failures) = (done + (int)n, 0);
                else if (n == 0)
                    throw new SealiftException("SL1003", $"pwrite {buffer.Length - done} bytes at offset {offset + done}", subject, "the kernel accepted no byte and reported no error", "Check the storage below it; the file cannot be trusted");
                else SystemCalls.Pwrite.RepeatOrThrow(failures++, subject, offset + done, buffer.Length - done);
            }
        }
    }

    /// <summary>Brings data and metadata to stable storage; fsync(2). A failure is final, EINTR too: the kernel may have dropped the dirty pages.</summary>
    public void Sync()
    {
        if (Libc.Fsync(handle) != 0) throw Failed(SystemCalls.Fsync);
    }

    /// <summary>Brings data, and the metadata needed to read it, to stable storage; fdatasync(2). A failure is final.</summary>
    public void SyncData()
    {
        if (Libc.Fdatasync(handle) != 0) throw Failed(SystemCalls.Fdatasync);
    }

    /// <summary>Sets the length; ftruncate(2).</summary>
    public void SetLength(long lengthBytes)
    {
        for (var failures = 0; Libc.Ftruncate(handle, lengthBytes) != 0; failures++) SystemCalls.Ftruncate.RepeatOrThrow(failures, Path, lengthBytes: lengthBytes);
    }

    /// <summary>The offset of the first data at or after an offset; lseek(2) SEEK_DATA.</summary>
    /// <returns>The offset in bytes, or −1 where only a hole is left before the end of the file (ENXIO).</returns>
    public long SeekData(long offset)
    {
        var at = Libc.Lseek(handle, offset, SeekDataWhence);
        if (at >= 0) return at;
        _ = SystemCalls.SeekData.AnswerOrThrow(Path, offset); // its one answer is ENXIO
        return -1;
    }

    /// <summary>The offset of the first hole at or after an offset (the end of the file counts as one); lseek(2) SEEK_HOLE.</summary>
    public long SeekHole(long offset)
    {
        var at = Libc.Lseek(handle, offset, SeekHoleWhence);
        return at >= 0 ? at : throw Failed(SystemCalls.SeekHole, offset);
    }

    /// <summary>Makes a range read as zeros without changing the length, freeing its space; fallocate(2) PUNCH_HOLE.</summary>
    /// <returns>False where the file system cannot punch holes (EOPNOTSUPP): the caller then writes zeros to the same range.</returns>
    public bool TryPunchHole(long offset, long lengthBytes) => TryFallocate(FallocPunchHole | FallocKeepSize, SystemCalls.PunchHole, offset, lengthBytes);

    /// <summary>Makes a range read as zeros, keeping its space; fallocate(2) ZERO_RANGE.</summary>
    /// <returns>False where the file system cannot (EOPNOTSUPP): the caller then writes zeros to the same range.</returns>
    public bool TryZeroRange(long offset, long lengthBytes) => TryFallocate(FallocZeroRange | FallocKeepSize, SystemCalls.ZeroRange, offset, lengthBytes);

    /// <summary>
    /// Makes a range of this file share the blocks of a range of another one; ioctl(2) FICLONERANGE. All or nothing. Nothing is durable
    /// by that: <see cref="Sync"/> follows.
    /// </summary>
    /// <param name="source">The other file.</param>
    /// <param name="sourceOffset">From where, in bytes: a multiple of the file system's block.</param>
    /// <param name="lengthBytes">As many, or up to the end of the source; 0 is all from there up to its end. 0 at its end shares nothing, and is answered like any other range.</param>
    /// <param name="offset">To where in this file, in bytes: a multiple of the file system's block.</param>
    /// <returns>Why it was declined; null where it was done.</returns>
    /// <exception cref="PosixException">It failed.</exception>
    public unsafe Errno? CloneRange(PosixFile source, long sourceOffset, long lengthBytes, long offset)
    {
        const nuint FiCloneRange = 0x4020940D; // _IOW(0x94, 13, struct file_clone_range), linux/fs.h
        var range = new Libc.CloneRange { SourceDescriptor = (long)source.handle.DangerousGetHandle(), SourceOffset = (ulong)sourceOffset, LengthBytes = (ulong)lengthBytes, Offset = (ulong)offset };
        for (var failures = 0; Libc.Ioctl(handle, FiCloneRange, &range) != 0; failures++)
            if (SystemCalls.CloneRange.AnswerOrRepeat(failures, Path, offset, lengthBytes) is { } declined) return declined;

        GC.KeepAlive(source); // its descriptor was in use
        return null;
    }

    /// <summary>Lets the kernel, or the server that has both files, copy a range of another file to this one; copy_file_range(2), once. <see cref="Sync"/> follows.</summary>
    /// <param name="source">The other file.</param>
    /// <param name="sourceOffset">From where, in bytes.</param>
    /// <param name="lengthBytes">As many; 0 copies nothing, and is answered like any other range.</param>
    /// <param name="offset">To where in this file, in bytes.</param>
    /// <param name="declined">Why it was declined; null where it was not.</param>
    /// <returns>How many bytes it says it copied: any number up to the length.</returns>
    /// <exception cref="PosixException">It failed.</exception>
    public unsafe long CopyRange(PosixFile source, long sourceOffset, long lengthBytes, long offset, out Errno? declined)
    {
        declined = null;
        for (var failures = 0; ; failures++)
        {
            long from = sourceOffset, to = offset;
            var n = Libc.CopyFileRange(source.handle, &from, handle, &to, (nuint)lengthBytes, 0);
            if (n >= 0) return n;
            declined = SystemCalls.CopyRange.AnswerOrRepeat(failures, Path, offset, lengthBytes);
            if (declined is not null) return 0;
        }
    }

    /// <summary>Has the kernel carry one SCSI command to a device, and waits for its end; ioctl(2) SG_IO. Never repeated: it may have been carried out.</summary>
    /// <param name="command">The command descriptor block, of 6 to 32 bytes.</param>
    /// <param name="output">What is sent with it; empty for none.</param>
    /// <param name="input">Where what it receives is put; empty for none. Not both.</param>
    /// <param name="sense">Where its sense data are put.</param>
    /// <param name="deadline">How long the device may take; then the kernel aborts the command.</param>
    /// <param name="declined">Why the kernel did not carry it; null where it did.</param>
    /// <returns>How it went; of no meaning where it was declined.</returns>
    /// <exception cref="PosixException">It failed.</exception>
    public unsafe ScsiPassage PassScsi(ReadOnlySpan<byte> command, ReadOnlySpan<byte> output, Span<byte> input, Span<byte> sense, TimeSpan deadline, out Errno? declined)
    {
        const nuint SgIo = 0x2285; // scsi/sg.h
        const int None = -1, ToDevice = -2, FromDevice = -3;
        declined = null;
        fixed (byte* cdb = command, sent = output, received = input, said = sense)
        {
            var header = new Libc.SgIoHeader
            {
                Interface = 'S',
                Direction = output.Length > 0 ? ToDevice : input.Length > 0 ? FromDevice : None,
                CommandBytes = checked((byte)command.Length),
                MostSenseBytes = (byte)Math.Min(sense.Length, byte.MaxValue),
                TransferBytes = (uint)Math.Max(output.Length, input.Length),
                Transfer = output.Length > 0 ? sent : received,
                Command = cdb,
                Sense = said,
                TimeoutMilliseconds = (uint)Math.Clamp(deadline.TotalMilliseconds, 1, int.MaxValue),
            };
            if (Libc.Ioctl(handle, SgIo, &header) == 0) return new ScsiPassage(header.Status, header.HostStatus, header.DriverStatus, header.LeftBytes, header.SenseBytes);
            declined = SystemCalls.PassScsi.AnswerOrThrow(Path);
            return default;
        }
    }

    /// <summary>
    /// Writes the pages of a range to the device and waits until it took them; sync_file_range(2). Nothing is durable by that:
    /// neither what the device caches nor how the file's blocks are found. <see cref="Sync"/> follows.
    /// </summary>
    public void WriteBack(long offset, long lengthBytes)
    {
        const uint WaitBefore = 1, Write = 2, WaitAfter = 4;
        SyncRange(offset, lengthBytes, WaitBefore | Write | WaitAfter);
    }

    /// <summary>The same without waiting: the device gets the pages, and <see cref="WriteBack"/> or <see cref="Sync"/> tells later what became of them.</summary>
    public void StartWriteBack(long offset, long lengthBytes)
    {
        const uint Write = 2;
        SyncRange(offset, lengthBytes, Write);
    }

    private void SyncRange(long offset, long lengthBytes, uint flags)
    {
        if (Libc.SyncFileRange(handle, offset, lengthBytes, flags) != 0) throw Failed(SystemCalls.WriteBack.Name, Path, offset, lengthBytes);
    }

    /// <summary>Drops the clean pages of the whole file from the page cache; posix_fadvise(2) DONTNEED. Call after <see cref="Sync"/>.</summary>
    public void DropCache() => DropCache(0, 0);

    /// <summary>The same for the pages that lie in a range; a length of 0 is up to the end.</summary>
    public void DropCache(long offset, long lengthBytes)
    {
        const int DontNeed = 4;
        var error = Libc.PosixFadvise(handle, offset, lengthBytes, DontNeed);
        if (error != 0) throw new PosixException(SystemCalls.DropCache.Name, Path, (Errno)error, lengthBytes == 0 ? -1 : offset, lengthBytes == 0 ? -1 : lengthBytes);
    }

    /// <summary>Takes an exclusive lock without waiting; flock(2). The kernel drops it when the process dies.</summary>
    /// <returns>False where somebody else holds it.</returns>
    public bool TryLock()
    {
        const int LockEx = 2, LockNb = 4;
        for (var failures = 0; Libc.Flock(handle, LockEx | LockNb) != 0; failures++)
            if (SystemCalls.Lock.AnswerOrRepeat(failures, Path) is not null) return false; // its one answer is EAGAIN

        return true;
    }

    /// <summary>
    /// Drops the lock; flock(2). Closing drops it too, but only once every copy of the descriptor is closed, and a child that is
    /// just being started holds one until it executes its program.
    /// </summary>
    public void Unlock()
    {
        const int LockUn = 8;
        for (var failures = 0; Libc.Flock(handle, LockUn) != 0; failures++) SystemCalls.Unlock.RepeatOrThrow(failures, Path);
    }

    /// <summary>Drops the lock and closes; closes also where the lock could not be dropped.</summary>
    public void LetGo()
    {
        try
        {
            Unlock();
        }
        finally
        {
            Close();
        }
    }

    /// <summary>
    /// Closes the descriptor and reports what close(2) says, which on some file systems is the only report of a lost write.
    /// Not repeated on EINTR: Linux has released the descriptor by then. Calls after the first do nothing.
    /// </summary>
    public void Close()
    {
        if (Interlocked.Exchange(ref closed, 1) == 0 && handle.CloseNow() != 0) throw Failed(SystemCalls.Close);
    }

    /// <summary>Same as <see cref="Close"/>: a failing close is thrown here too.</summary>
    public void Dispose() => Close();

    /// <summary>
    /// Whether anybody else holds a record lock on any byte of the file, for reading or for writing; fcntl(2) F_OFD_GETLK. QEMU marks
    /// the images that it uses so. Those of flock(2) are others.
    /// </summary>
    public unsafe bool HasForeignRecordLock()
    {
        const int OfdGetLock = 36;
        const short WriteLock = 1, NoLock = 2;
        for (var failures = 0; ; failures++)
        {
            // What would be in the way of a lock for writing of the whole file (length 0: to its end).
            var wanted = new Libc.RecordLock { Type = WriteLock };
            if (Libc.FcntlLock(handle, OfdGetLock, &wanted) == 0) return wanted.Type != NoLock;
            SystemCalls.FindLock.RepeatOrThrow(failures, Path);
        }
    }

    /// <summary>The flags of open(2); three of them have other numbers on ARM (asm/fcntl.h).</summary>
    internal static int Flags(OpenMode mode, Architecture processor)
    {
        var arm = processor == Architecture.Arm64;
        var flags = OCloexec;
        if (mode.HasFlag(OpenMode.ReadWrite)) flags |= ORdwr;
        if (mode.HasFlag(OpenMode.CreateNew)) flags |= OCreat | OExcl;
        if (mode.HasFlag(OpenMode.Unused)) flags |= OExcl;
        if (mode.HasFlag(OpenMode.Create)) flags |= OCreat;
        if (mode.HasFlag(OpenMode.NonBlocking)) flags |= ONonblock;
        if (mode.HasFlag(OpenMode.Direct)) flags |= arm ? ODirectArm64 : ODirect;
        if (mode.HasFlag(OpenMode.NoFollow)) flags |= arm ? ONofollowArm64 : ONofollow;
        if (mode.HasFlag(OpenMode.Directory)) flags |= arm ? ODirectoryArm64 : ODirectory;
        return flags;
    }

    internal static Errno LastErrno() => (Errno)Marshal.GetLastPInvokeError();

    internal static PosixException Failed(string call, string path, long offset = -1, long lengthBytes = -1) => new(call, path, LastErrno(), offset, lengthBytes);

    private PosixException Failed(SystemCall call, long offset = -1) => Failed(call.Name, Path, offset);

    private bool TryFallocate(int mode, SystemCall call, long offset, long lengthBytes)
    {
        for (var failures = 0; Libc.Fallocate(handle, mode, offset, lengthBytes) != 0; failures++)
            if (call.AnswerOrRepeat(failures, Path, offset, lengthBytes) is not null) return false; // its one answer is EOPNOTSUPP

        return true;
    }
}
