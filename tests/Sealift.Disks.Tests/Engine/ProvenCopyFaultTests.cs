using Sealift.Blkhash;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Posix.Tests;

namespace Sealift.Disks.Tests;

/// <summary>A copy as a whole where one call fails, and where its target is a device. Alone, because the faults are of the whole process.</summary>
[Collection("Alone")]
public sealed class ProvenCopyFaultTests : IDisposable
{
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    /// <summary>Each flush, and each close, of a whole copy with its proof and its map.</summary>
    [Theory]
    [InlineData("fsync", 2, 0)] // the flush of the copy, and the one before the target is closed
    [InlineData("close", 0, 1)] // the lock is nobody's loss; that of the target may come at another place each time
    public async Task Whichever_call_fails_fails_the_copy_or_is_told_and_it_is_gone_on_with(string call, int ofTarget, int unheard)
    {
        var source = scratch.Raw("source", 196_608 + 512, 1, (0, 65536), (131072, 1000));
        int calls;
        using (FaultyLibc.Everywhere(call, Errno.EIO, only: int.MaxValue))
        {
            Assert.Null((await RunAsync(source, "none", CopyStart.New)).NotRemoved);
            calls = FaultyLibc.EverywhereCount;
        }

        Assert.InRange(calls, 10, 100);
        var codes = new List<string>();
        for (var k = 0; k < calls; k++)
        {
            var target = $"{call}{k}";
            using (FaultyLibc.Everywhere(call, Errno.EIO, only: k))
            {
                try
                {
                    var report = await RunAsync(source, target, CopyStart.New);
                    if (report.NotRemoved is null) codes.Add("nothing");
                }
                catch (SealiftException e)
                {
                    codes.Add(e.Code);
                }
            }

            // Whatever it was, it can be gone on with, or begun anew where nothing was begun.
            if (!File.Exists(scratch[target]) || Directory.Exists(scratch[target + ".sealift-copy"]))
                await RunAsync(source, target, Directory.Exists(scratch[target + ".sealift-copy"]) ? CopyStart.Resume : CopyStart.New);
            Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), await File.ReadAllBytesAsync(scratch[target], Cancel));
            Assert.False(Directory.Exists(scratch[target + ".sealift-copy"]));
        }

        // The read-back goes on beside the copy: which of their calls comes first is another each time.
        Assert.True(codes.Count(code => code == "SL4213") >= ofTarget && codes.Count(code => code == "nothing") <= unheard, string.Join(" ", codes));
    }

    /// <summary>Somebody changes the file between the moment when it was closed and that when it was proven: at each look at a file, one copy after the other.</summary>
    [Fact]
    public async Task A_target_that_somebody_changes_while_it_is_read_back_is_not_proven()
    {
        var source = scratch.Raw("source", 196_608 + 512, 1, (0, 65536), (131072, 1000));
        int calls;
        using (FaultyLibc.Everywhere("statx", Errno.EIO, only: int.MaxValue))
        {
            await RunAsync(source, "none", CopyStart.New);
            calls = FaultyLibc.EverywhereCount;
        }

        Assert.InRange(calls, 10, 200);
        var said = new List<string>();
        for (var k = 0; k < calls; k++)
        {
            using (FaultyLibc.Touching(scratch[$"t{k}.sealift-copy/disk"], "statx", k))
            {
                try
                {
                    await RunAsync(source, $"t{k}", CopyStart.New);
                }
                catch (SealiftException e)
                {
                    said.Add($"{e.Code} {e.Said}");
                }
            }
        }

        Assert.Contains(said, error => error.StartsWith("SL4201", StringComparison.Ordinal) && error.EndsWith("while it was read back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_was_just_made_is_not_told_to_hold_zeros()
    {
        using (FaultyLibc.Everywhere("fallocate64", Errno.EIO)) await RunAsync(scratch.Raw("source", 4 << 20, 1, (0, 65536), (2 << 20, 65536)), "target", CopyStart.New);
    }

    [Fact]
    public async Task A_device_is_overwritten_whatever_it_held_and_a_copy_to_it_is_gone_on_with()
    {
        const int Length = 4 << 20;
        var source = scratch.Raw("source", Length, 1, (0, 1 << 20), (3 << 20, 1 << 20));
        var device = scratch.Raw("device", Length + 65536, 2, (0, Length + 65536)); // volumes come in whole extents
        var after = (await File.ReadAllBytesAsync(device, Cancel))[Length..];
        using (FaultyLibc.Device(device, Length + 65536))
        {
            // When all of it was copied, and the map says so durably.
            var cut = new Told { OnCopied = () => { if (IsMapComplete()) throw new OperationCanceledException(); } };
            await Assert.ThrowsAsync<OperationCanceledException>(() => RunAsync(source, "device", CopyStart.New, cut, overwrite: true));
            Assert.Equal(false, cut.Resumed);
            var told = new Told();
            var report = await RunAsync(source, "device", CopyStart.Resume, told, overwrite: true);
            Assert.Equal(true, told.Resumed);
            Assert.Equal(2 << 20, report.Copied!.ResumedBytes);
            Assert.Empty(report.Repaired);
            Assert.Contains("O_DIRECT", report.CacheBypass, StringComparison.Ordinal);
        }

        byte[] wanted = [.. await File.ReadAllBytesAsync(source, Cancel), .. after];
        Assert.Equal(wanted, await File.ReadAllBytesAsync(device, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["state/copies"]));
    }

    private bool IsMapComplete()
    {
        using var map = BlockMap.Open(Directory.EnumerateFiles(scratch["state/copies"], "blockmap", SearchOption.AllDirectories).Single());
        return map.IsComplete;
    }

    private async Task<CopyReport> RunAsync(string from, string to, CopyStart start, Told? told = null, bool overwrite = false)
    {
        var source = await CopySource.ExamineAsync(from, new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), scratch.Folder, Cancel);
        var target = CopyTarget.Of(scratch[to], ImageFormat.Raw, overwrite, new NbdOptions(), scratch["state"], scratch.Folder);
        return await ProvenCopy.RunAsync(new CopyRequest(source, target, BlkhashParameters.Default) { Start = start, MapPath = overwrite ? null : scratch[$"{to}.map"] }, told ?? new Told(), Cancel);
    }

    private sealed class Told : ICopyObserver
    {
        public Action OnCopied { get; init; } = () => { };

        public bool? Resumed { get; private set; }

        public void Begun(CopyTarget target, bool resumed, long lengthBytes) => Resumed = resumed;

        public IProgress<DiskProgress>? Progress(string stage)
        {
            return stage == "copy" ? new Done(OnCopied) : null;
        }

        public void Differs(Mismatch mismatch) => Assert.Fail($"{mismatch}");
    }

    private sealed class Done(Action then) : IProgress<DiskProgress>
    {
        public void Report(DiskProgress value)
        {
            if (value.DoneBytes == value.TotalBytes) then();
        }
    }
}
