using System.Globalization;
using System.Text.RegularExpressions;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>A real guest under QEMU that writes records to ext4 and XFS without end, and says on its console which of them it has synced.</summary>
internal sealed partial class BusyGuest : IAsyncDisposable
{
    private const int Slots = 40; // as in tests/rigs/busy-guest.sh

    private static readonly TimeSpan BootDeadline = TimeSpan.FromMinutes(3);
    private readonly ChildProcess process;
    private readonly string console;

    private BusyGuest(ChildProcess process, string directory) => (this.process, console, Socket) = (process, Path.Combine(directory, "console"), Path.Combine(directory, "qmp"));

    /// <summary>QEMU's QMP socket.</summary>
    public string Socket { get; }

    /// <summary>The last generation that it has synced and said so.</summary>
    public int Synced => SyncedLine().Matches(Said()).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).DefaultIfEmpty(0).Max();

    /// <summary>Builds the guest's two disks.</summary>
    public static Task BuildAsync(string root, string data) =>
        Rig.RunScriptAsync("tiny-guest.sh", "--data", data, "--local", Path.Combine(Rig.Scripts, "busy-guest.sh"), root, "virtio_blk", "virtio_pci");

    /// <summary>Starts it.</summary>
    /// <param name="directory">For its console and socket.</param>
    /// <param name="disks">Raw images.</param>
    /// <param name="throwaway">Whether what it writes is thrown away.</param>
    public static BusyGuest Start(string directory, IReadOnlyList<string> disks, bool throwaway)
    {
        List<string> arguments =
        [
            "-name", "guest=busy", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "256", "-nodefaults", "-display", "none", "-no-user-config",
            "-serial", $"file:{Path.Combine(directory, "console")}", "-qmp", $"unix:{Path.Combine(directory, "qmp")},server=on,wait=off",
        ];
        if (throwaway) arguments.Add("-snapshot");
        for (var i = 0; i < disks.Count; i++) arguments.AddRange(["-drive", $"file={disks[i]},format=raw,if=none,id=d{i},discard=unmap", "-device", $"virtio-blk-pci,drive=d{i},id=vd{i}"]);
        return new BusyGuest(ChildProcess.Start(new ChildCommand("qemu-system-x86_64", arguments) { Deadline = TimeSpan.FromMinutes(15) }), directory);
    }

    /// <summary>Waits until its console has said something.</summary>
    public async Task WaitForAsync(string text, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(BootDeadline);
        while (!Said().Contains(text, StringComparison.Ordinal))
        {
            Assert.True(process.IsRunning, $"QEMU ended: {process.ErrorTail}\n{Said()}");
            await Task.Delay(100, limit.Token);
        }
    }

    /// <summary>What it found when it started: for each directory, that every record is whole and none is older than what was synced.</summary>
    public void AssertRecords(int synced)
    {
        var lines = RecordsLine().Matches(Said());
        Assert.Equal(2, lines.Count);
        foreach (var line in lines.AsEnumerable())
        {
            Assert.Equal("0", line.Groups["broken"].Value);
            Assert.True(int.Parse(line.Groups["last"].Value, CultureInfo.InvariantCulture) >= synced, line.Value);
            var found = line.Groups["slots"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => s.Split(':')).ToDictionary(s => int.Parse(s[0], CultureInfo.InvariantCulture), s => int.Parse(s[1], CultureInfo.InvariantCulture));
            for (var generation = Math.Max(1, synced - Slots + 1); generation <= synced; generation++) Assert.True(found[generation % Slots] >= generation, $"generation {generation} was synced and is not there: {line.Value}");
        }
    }

    /// <summary>Waits until QEMU has ended.</summary>
    public Task<int> EndedAsync(CancellationToken cancel) => process.WaitAsync(cancel).WaitAsync(BootDeadline, cancel);

    public async ValueTask DisposeAsync()
    {
        process.Kill("the test is over");
        await process.DisposeAsync();
    }

    // A file that a program writes to meanwhile is read as far as it is there.
    private string Said() => File.Exists(console) ? File.ReadAllText(console) : string.Empty;

    [GeneratedRegex(@"SYNCED (\d+)")]
    private static partial Regex SyncedLine();

    [GeneratedRegex(@"RECORDS \S+ whole=\d+ broken=(?<broken>\d+) last=(?<last>\d+)(?<slots>[ \d:]*)")]
    private static partial Regex RecordsLine();
}
