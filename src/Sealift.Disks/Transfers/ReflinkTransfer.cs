using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// The target shares the blocks of the source until one of them is written to; ioctl(2) FICLONERANGE, on XFS, Btrfs and others, and by
/// NFS 4.2 servers. A terabyte takes seconds, and no space.
/// </summary>
internal sealed class ReflinkTransfer : ITransferProvider
{
    public string Name => "reflink";

    public ValueTask<TransferFitness> LookAsync(TransferEnds ends, CancellationToken cancel) => ValueTask.FromResult(Look(ends));

    public ValueTask<ITransfer> OpenAsync(TransferEnds ends, CancellationToken cancel) => ValueTask.FromResult<ITransfer>(new Open(FilePair.Open(ends), ends));

    private static TransferFitness Look(TransferEnds ends)
    {
        if (ends.WhyNotTwoFiles is { } why) return TransferFitness.Cannot(why);
        var system = FileSystemKind.Of(ends.Target.Path!);
        if (ends.Source.Offset % system.BlockBytes != 0)
            return TransferFitness.Cannot($"the disk begins at byte {ends.Source.Offset} of its file, which is not where a block of {system.BlockBytes} bytes begins");
        if (ends.BlockBytes % system.BlockBytes != 0) return TransferFitness.Cannot($"blocks of {ends.BlockBytes} bytes are hashed, and {system.Name} shares blocks of {system.BlockBytes}");
        using var files = FilePair.Open(ends);
        var sourceBytes = files.Source.Facts().LengthBytes;
        if (ends.Source.LengthBytes % system.BlockBytes != 0 && ends.Source.Offset + ends.Source.LengthBytes != sourceBytes)
            return TransferFitness.Cannot($"the disk ends within a block of its file, which goes on");
        try
        {
            // Nothing is left behind the end of a file: that much is shared, after all that can be in the way was looked at.
            if (files.Target.CloneRange(files.Source, sourceBytes, 0, 0) is { } declined) return TransferFitness.Cannot(InWords(declined, system));
            // By SMB that was answered by the kernel, which asks the server for no 0 bytes.
            return system.IsOfSmb
                ? TransferFitness.OnlyIfAsked("whether a server of SMB shares blocks is known only once it is asked to share some, and most do not")
                : TransferFitness.Fits;
        }
        catch (PosixException e) when (e.Call == SystemCalls.CloneRange.Name)
        {
            return TransferFitness.Cannot($"asked for it, {system.Name} says {e.Said}"); // it cannot be had, for whatever reason: another way may do
        }
    }

    private static string InWords(Errno declined, FileSystemKind system) => declined switch
    {
        Errno.EXDEV => "source and target are not on one file system",
        Errno.EOPNOTSUPP when system.Name is "xfs" => "this xfs cannot share blocks: it was made without reflink=1",
        Errno.EOPNOTSUPP or Errno.ENOSYS => $"{system.Name} cannot share blocks",
        Errno.ETXTBSY => "one of the files is in use as swap space",
        _ => $"{system.Name} does not let these two files share blocks ({declined}); on btrfs one of them may be without checksums (nodatacow)",
    };

    private sealed class Open(FilePair files, TransferEnds ends) : ITransfer
    {
        // A call cannot be stopped, and holds locks of both files: 1 GiB takes some milliseconds, and a terabyte a thousand calls.
        public long RangeBytes => 1L << 30;

        public ValueTask<string?> CopyAsync(DiskRange range, IProgress<long>? progress, CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            var declined = files.Target.CloneRange(files.Source, ends.Source.Offset + range.Offset, range.LengthBytes, range.Offset);
            if (declined is null) progress?.Report(range.LengthBytes);
            return ValueTask.FromResult(declined is { } errno ? $"{InWords(errno, FileSystemKind.Of(ends.Target.Path!))} (FICLONERANGE: {errno})" : null);
        }

        public ValueTask DisposeAsync()
        {
            files.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
