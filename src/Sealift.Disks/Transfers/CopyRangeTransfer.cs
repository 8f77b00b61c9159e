using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// The file system copies from file to file; copy_file_range(2). Servers of NFS 4.2 and SMB do it without the bytes coming here; on local
/// file systems the kernel does, through its own memory, or shares blocks as <see cref="ReflinkTransfer"/> does.
/// </summary>
internal sealed class CopyRangeTransfer : ITransferProvider
{
    public string Name => "copy-range";

    public ValueTask<TransferFitness> LookAsync(TransferEnds ends, CancellationToken cancel) => ValueTask.FromResult(Look(ends));

    public ValueTask<ITransfer> OpenAsync(TransferEnds ends, CancellationToken cancel) => ValueTask.FromResult<ITransfer>(new Open(FilePair.Open(ends), ends));

    private static TransferFitness Look(TransferEnds ends)
    {
        if (ends.WhyNotTwoFiles is { } why) return TransferFitness.Cannot(why);
        if (ends.IsSlowed) return TransferFitness.Cannot("a limit of the bandwidth was asked for, and what storage copies by itself cannot be slowed down");
        var system = FileSystemKind.Of(ends.Target.Path!);
        using var files = FilePair.Open(ends);
        try
        {
            _ = files.Target.CopyRange(files.Source, 0, 0, 0, out var declined); // 0 bytes: what could be in the way is looked at, and no more
            if (declined is { } errno) return TransferFitness.Cannot(InWords(errno, system));
        }
        catch (PosixException e) when (e.Call == SystemCalls.CopyRange.Name)
        {
            return TransferFitness.Cannot($"asked for it, {system.Name} says {e.Said}"); // it cannot be had, for whatever reason: another way may do
        }

        if (system.IsOfServer && ServerProtocol.Of(ends.Target.Path!) is { KnowsCopies: false } protocol)
            return TransferFitness.OnlyIfAsked($"it is mounted by {protocol}, which knows no copies by the server: this host would move the bytes itself, which is no faster than stream");
        return system.IsOfServer ? TransferFitness.Fits : TransferFitness.OnlyIfAsked($"on {system.Name} this host moves the bytes itself: that is no faster than stream, which hashes them on the way");
    }

    private static string InWords(Errno declined, FileSystemKind system) => declined switch
    {
        Errno.EXDEV => "source and target are not on one file system",
        Errno.EOPNOTSUPP or Errno.ENOSYS => $"{system.Name} cannot copy from file to file",
        Errno.ETXTBSY => "one of the files is in use as swap space",
        _ => $"{system.Name} does not copy between these two files ({declined})",
    };

    private sealed class Open(FilePair files, TransferEnds ends) : ITransfer
    {
        // So much is asked for in one call: it cannot be stopped, and takes 0.1 s where it goes at 1 GB/s.
        private const long CallBytes = 128L << 20;

        public long RangeBytes => CallBytes;

        public ValueTask<string?> CopyAsync(DiskRange range, IProgress<long>? progress, CancellationToken cancel)
        {
            for (long done = 0; done < range.LengthBytes;)
            {
                cancel.ThrowIfCancellationRequested();
                var left = range.LengthBytes - done;
                var copied = files.Target.CopyRange(files.Source, ends.Source.Offset + range.Offset + done, Math.Min(left, CallBytes), range.Offset + done, out var declined);
                if (declined is { } errno) return ValueTask.FromResult<string?>($"{InWords(errno, FileSystemKind.Of(ends.Target.Path!))} (copy_file_range: {errno}, after {done} of {range.LengthBytes} bytes)");
                if (copied == 0 || copied > left) return ValueTask.FromResult<string?>($"copy_file_range copied {copied} bytes, and reported no error, after {done} of {range.LengthBytes}");
                done += copied;
                progress?.Report(done);
            }

            return ValueTask.FromResult<string?>(null);
        }

        public ValueTask DisposeAsync()
        {
            files.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
