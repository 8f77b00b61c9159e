using System.Diagnostics;
using Sealift.Posix;

namespace Sealift.Guests.Tests;

/// <summary>What happens when the tools hang, die, or talk nonsense: stand-ins for them come first in PATH.</summary>
[Collection(nameof(StandIn))]
public class DeadlineTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("echo kernel panic >&2; exec sleep 600", "SL5002", "deadline", "kernel panic")]
    [InlineData("echo kernel panic >&2; exit 1", "SL5002", "exit code 1", "kernel panic")]
    [InlineData("echo 'libguestfs: error: no such thing' >&2; exit 1", "SL5002", "exit code 1", "no such thing")]
    [InlineData("exit 0", "SL5002", "exit code 0", "")]
    [InlineData("kill -SEGV $$", "SL5002", "signal 11", "")]
    // It boots (both marks are given back), and hangs at the first question.
    [InlineData("while read -r line; do case $line in 'echo end-'*) echo ${line#echo } ;; '!echo end-'*) l=${line#!echo }; echo ${l%% *} >&2; echo oops >&2; exec sleep 600 ;; esac; done", "SL5003", "deadline", "oops")]
    // It answers every question with nothing.
    [InlineData("while read -r line; do case $line in 'echo end-'*) echo ${line#echo } ;; '!echo end-'*) l=${line#!echo }; echo ${l%% *} >&2 ;; esac; done", "SL5004", "no exit code", "")]
    public async Task A_broken_appliance_is_an_error_with_its_last_words(string script, string code, string reason, string lastWords)
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllBytesAsync(directory.File("disk.img"), new byte[1 << 20], Cancel);
        var watch = Stopwatch.StartNew();
        var error = await WithStandInAsync(directory, "guestfish", script, () =>
            GuestExamination.RunAsync([Rigs.Raw("disk1", directory.File("disk.img"))], Rigs.Options(directory) with { Deadline = TimeSpan.FromSeconds(2) }, null, Cancel));
        Assert.Equal(code, error.Code);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(lastWords, error.Message, StringComparison.Ordinal);
        Assert.Contains(directory.File("guest.log"), error.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"it took {watch.Elapsed}");
        Assert.Equal(["bin", "disk.img", "guest.log"], Directory.GetFileSystemEntries(directory.Path).Select(p => Path.GetFileName(p)).Order());
    }

    [Theory]
    [InlineData("echo kernel panic >&2; exec sleep 600", "SL5102", "deadline", "kernel panic")]
    [InlineData("echo kernel panic >&2; kill -SEGV $$", "SL5102", "signal 11", "kernel panic")]
    [InlineData("echo Fatal error: exception Not_found >&2; exit 2", "SL5101", "exit code 2", "Not_found")]
    [InlineData("echo '{ \"message\": \"it is a VAX\", \"type\": \"error\" }'; exit 1", "SL5101", "--no-convert", "it is a VAX")]
    public async Task A_broken_converter_is_an_error_with_its_last_words(string script, string code, string reason, string lastWords)
    {
        using var directory = new TemporaryDirectory();
        var drive = new GuestDrive("disk1", null, directory.File("disk.qcow2"), Disks.ImageFormat.Qcow2);
        var options = Rigs.Options(directory) with { Deadline = TimeSpan.FromSeconds(2) };
        var error = await WithStandInAsync(directory, "virt-v2v-in-place", script, () => GuestConversion.RunAsync(new ConversionRequest("machine", [drive], false, 1, 512L << 20, options), null, Cancel));
        Assert.Equal(code, error.Code);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(lastWords, error.Message, StringComparison.Ordinal);
        Assert.Equal(["bin", "guest.log"], Directory.GetFileSystemEntries(directory.Path).Select(p => Path.GetFileName(p)).Order());
    }

    [Fact]
    public async Task Cancellation_ends_the_appliance()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllBytesAsync(directory.File("disk.img"), new byte[1 << 20], Cancel);
        using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await WithStandInAsync<OperationCanceledException>(directory, "guestfish", "exec sleep 600", () =>
            GuestExamination.RunAsync([Rigs.Raw("disk1", directory.File("disk.img"))], Rigs.Options(directory), null, cancel.Token));
    }

    [Fact]
    public async Task A_machine_without_disks_is_not_examined()
    {
        using var directory = new TemporaryDirectory();
        var error = await Assert.ThrowsAsync<SealiftException>(() => GuestExamination.RunAsync([], Rigs.Options(directory), null, Cancel));
        Assert.Equal("SL5001", error.Code);
    }

    private static async Task<SealiftException> WithStandInAsync(TemporaryDirectory directory, string tool, string script, Func<Task> act) => await WithStandInAsync<SealiftException>(directory, tool, script, act);

    private static async Task<T> WithStandInAsync<T>(TemporaryDirectory directory, string tool, string script, Func<Task> act)
        where T : Exception
    {
        await Hypervisor.KvmUsableAsync(Cancel); // outside what is timed
        return await StandIn.InPlaceOfAsync(directory, tool, script, () => Assert.ThrowsAnyAsync<T>(act));
    }
}
