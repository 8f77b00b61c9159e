using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A provider whose storage does what the test says: what the conformance suite demands of a provider is demanded of it, too.</summary>
internal sealed class StandInTransfer : ITransferProvider
{
    public const string ItsName = "stand-in";

    public string Name => ItsName;

    public string? WhyNot { get; init; }

    public string? WhyNotUnasked { get; init; }

    public long RangeBytes { get; init; } = 256 << 10;

    public Action? OnClose { get; init; }

    /// <summary>What it does with a range in place of copying it: null where it copies it.</summary>
    public Func<TransferEnds, DiskRange, IProgress<long>?, string?>? Does { get; init; }

    public List<DiskRange> Asked { get; } = [];

    public ValueTask<TransferFitness> LookAsync(TransferEnds ends, CancellationToken cancel) => ValueTask.FromResult(new TransferFitness(WhyNot, WhyNotUnasked));

    public ValueTask<ITransfer> OpenAsync(TransferEnds ends, CancellationToken cancel) => ValueTask.FromResult<ITransfer>(new Open(this, ends));

    /// <summary>Copies bytes from one offset of the source to one of the target.</summary>
    public static void Copy(TransferEnds ends, long from, long to, long lengthBytes)
    {
        using var source = PosixFile.Open(ends.Source.Path!, OpenMode.Read);
        using var target = PosixFile.Open(ends.Target.Path!, OpenMode.ReadWrite);
        var bytes = new byte[lengthBytes];
        source.ReadExactlyAt(bytes, ends.Source.Offset + from);
        target.WriteAt(bytes, to);
    }

    private sealed class Open(StandInTransfer storage, TransferEnds ends) : ITransfer
    {
        public long RangeBytes => storage.RangeBytes;

        public ValueTask<string?> CopyAsync(DiskRange range, IProgress<long>? progress, CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            lock (storage.Asked) storage.Asked.Add(range);
            if (storage.Does is { } does) return ValueTask.FromResult(does(ends, range, progress));
            Copy(ends, range.Offset, range.Offset, range.LengthBytes);
            return ValueTask.FromResult<string?>(null);
        }

        public ValueTask DisposeAsync()
        {
            storage.OnClose?.Invoke();
            return ValueTask.CompletedTask;
        }
    }
}
