using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Qmp;

namespace Sealift.Guests.Boot;

/// <summary>
/// Boots a machine in an isolated QEMU until it shows that it came up, or that it does not: without a network, on throwaway overlays,
/// its disks opened for reading only. The guest is a stranger: whatever it says is bounded and made fit to be shown.
/// </summary>
public sealed class BootProof
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    // A line that waits for somebody to type stays as it is; one that is still being written does not for so long.
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(600);

    // A panic's trace, and what a shell has to say, come after the line that tells it.
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ScreenInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(5);

    // QEMU answers at once; a host that swaps takes longer.
    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan DeathGrace = TimeSpan.FromSeconds(5);

    // Firmware resets once where it finds its variables new, and a guest once or twice after a conversion (relabelling, drivers).
    private const int ResetLimit = 6;

    private readonly BootMachine machine;
    private readonly BootOptions options;
    private readonly IProgress<string>? log;
    private readonly SerialWatch serial = new();
    private readonly ScreenWatch screens = new(TimeProvider.System);
    private readonly Lock mutex = new();
    private readonly string overlays;
    private readonly string scratch;
    private BootSign? seen;
    private string? storageFailure;
    private int resets;
    private bool started;
    private volatile bool agentIsOpen;

    private BootProof(BootMachine machine, BootOptions options, IProgress<string>? log, string overlays, string scratch) =>
        (this.machine, this.options, this.log, this.overlays, this.scratch) = (machine, options, log, overlays, scratch);

    /// <summary>Boots a machine.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="options">Where to work and how long it may take.</param>
    /// <param name="log">Receives one line for each step and the last line of the console, fit for a progress display; null for none.</param>
    /// <param name="cancel">Stops it; nothing is left behind.</param>
    /// <exception cref="SealiftException">
    /// SL5201 QEMU did not start; SL5202 it died or its storage failed in the middle; SL5203 it answered what it cannot answer; SL1101 it is
    /// not installed; SL1xxx, SL4xxx overlays or log could not be written.
    /// </exception>
    public static async Task<BootReport> RunAsync(BootMachine machine, BootOptions options, IProgress<string>? log, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(machine.Cpus, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(machine.MemoryBytes, 1 << 20);
        if (machine.Disks.Count == 0) throw GuestsErrors.DriveNotUsable(machine.Name, "it has no disk to boot from");
        // The overlays stay beside the disks, where there is space; the sockets' directory may be another, with a shorter name.
        var overlays = Path.Combine(options.WorkDirectory, "boot." + Guid.NewGuid().ToString("N")[..12]);
        PosixPath.CreateDirectory(overlays, 0x1C0 /* 0700 */);
        try
        {
            using var scratch = new ScratchDirectory(options.WorkDirectory);
            var proof = new BootProof(machine, options, log, overlays, scratch.Path);
            var report = await proof.BootAsync(cancel);
            PosixPath.WriteFileDurably(options.LogPath, Encoding.UTF8.GetBytes(proof.serial.Text()), replace: true, permissions: 0x180 /* 0600: it may quote what is in the guest */);
            return report;
        }
        finally
        {
            PosixTree.Remove(overlays);
        }
    }

    private async Task<BootReport> BootAsync(CancellationToken cancel)
    {
        // What lies below is named to QEMU in its arguments, and an export must not stand in the header as well.
        foreach (var disk in machine.Disks) await (disk.NbdSocket is null ? Overlay.CreateAsync(OverlayOf(disk.Key), disk.Path, disk.Format, disk.LengthBytes, cancel) : DiskImage.CreateAsync(OverlayOf(disk.Key), ImageFormat.Qcow2, disk.LengthBytes, cancel));
        // Little endian; SeaBIOS's docs/Runtime_config.md.
        PosixPath.WriteFileDurably(In(BootCommand.SerialPortFile), [0xF8, 0x03], replace: false);
        if (machine.Firmware is { } firmware) PosixPath.WriteFileDurably(In(BootCommand.VariablesFile), await File.ReadAllBytesAsync(firmware.VariablesPath, cancel), replace: false);

        var notes = new List<string>();
        var cpus = Math.Min(machine.Cpus, Environment.ProcessorCount);
        if (cpus < machine.Cpus) notes.Add($"It was tried with {cpus} of its {machine.Cpus} CPUs, as this host has no more.");
        var memory = (machine.MemoryBytes + (1 << 20) - 1) >> 20;
        var most = Math.Max(64, HostMemory.AvailableBytes() / 2 >> 20);
        if (memory > most)
        {
            notes.Add($"It was tried with {most} MiB of its {memory} MiB of memory, half of what this host had available.");
            memory = most;
        }

        using var listeners = new Listeners(scratch, machine.HasVirtio);
        var command = new ChildCommand("qemu-system-x86_64", BootCommand.Arguments(machine, options.Kvm, cpus, memory, scratch, OverlayOf)) { Deadline = options.Deadline + TimeSpan.FromMinutes(10) };
        await using var qemu = ChildProcess.Start(command);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var hearing = new List<Task>();
        try
        {
            var connected = await listeners.AcceptAsync(qemu, machine.Name, AnswerDeadline, cancel);
            using var serialSocket = connected.Serial;
            using var agentSocket = connected.Agent;
            await using var qmp = await QmpClient.ConnectAsync(connected.Qmp, machine.Name, OnEvent, AnswerDeadline, cancel);
            var agent = agentSocket is null ? null : new AgentChannel(agentSocket);
            hearing.Add(HearAsync(() => HearSerialAsync(serialSocket, stop.Token)));
            if (agent is not null) hearing.Add(HearAsync(() => agent.ListenAsync(stop.Token)));
            _ = await qmp.ExecuteAsync("cont", null, AnswerDeadline, cancel); // it returns nothing
            started = true;
            log?.Report($"booting ({(options.Kvm ? "KVM" : "emulated")}, {options.Deadline.TotalSeconds:0} s at most)");
            var watch = Stopwatch.StartNew();
            var sign = await WatchAsync(qemu, qmp, agent, watch, cancel);
            var elapsed = watch.Elapsed;
            // Whatever the guest still does changes nothing any more, its screen included.
            _ = await qmp.ExecuteAsync("stop", null, AnswerDeadline, cancel); // it returns nothing
            var last = await DumpAsync(qmp, cancel);
            return new BootReport(
                sign.Outcome, sign.Class, GuestText.Finding(sign.Line), options.Kvm ? "kvm" : "tcg", $"QEMU {qmp.Version}", Math.Round(elapsed.TotalSeconds, 1), notes, serial.Tail(), last?.Picture());
        }
        catch (QmpException e)
        {
            // Where it no longer answers because it has gone, how it went is what matters. The connection is lost a moment before.
            if (await Task.WhenAny(qemu.WaitAsync(CancellationToken.None), Task.Delay(DeathGrace, CancellationToken.None)) is Task<int>) throw await DiedAsync(qemu, e);
            throw GuestsErrors.HypervisorSpokeNonsense(e.Command, GuestText.Name(e.Said), options.LogPath, e);
        }
        finally
        {
            // Throwaway: there is nothing that it would have to bring into order.
            qemu.Kill("the boot proof is over");
            await stop.CancelAsync();
            await Task.WhenAll(hearing);
        }
    }

    private async Task<BootSign> WatchAsync(ChildProcess qemu, QmpClient qmp, AgentChannel? agent, Stopwatch watch, CancellationToken cancel)
    {
        var (lastScreen, lastPing, lastWord) = (TimeSpan.Zero, -PingInterval, string.Empty);
        while (true)
        {
            await Task.Delay(Tick, cancel);
            if (!qemu.IsRunning) throw await DiedAsync(qemu, null);
            lock (mutex)
            {
                if (storageFailure is { } failure) throw GuestsErrors.BootBroke(machine.Name, $"its storage failed: {failure}", null);
                if (resets >= ResetLimit) seen ??= new BootSign(BootOutcome.Failed, "boot.reboot-loop", $"It restarted {resets} times without showing that it came up; the last line of its console: {serial.LastLine}");
            }

            if (agent is { Answered: true }) return new BootSign(BootOutcome.Booted, "boot.guest-agent", "The guest agent answered.");
            if (Seen() is { } sign)
            {
                if (sign.Outcome == BootOutcome.Failed) await Task.Delay(Linger, cancel);
                return sign;
            }

            if (agent is not null && agentIsOpen && watch.Elapsed - lastPing >= PingInterval)
            {
                await agent.PingAsync(cancel);
                lastPing = watch.Elapsed;
            }

            if (serial.LastLine is { Length: > 0 } word && word != lastWord)
            {
                lastWord = word;
                log?.Report($"console: {GuestText.Name(word)}");
            }

            if (watch.Elapsed - lastScreen >= ScreenInterval)
            {
                lastScreen = watch.Elapsed;
                if (await DumpAsync(qmp, cancel) is { } screen) screens.Saw(screen.Digest);
                var written = machine.Disks.Sum(d => FileFacts.OfPath(OverlayOf(d.Key)).AllocatedBytes);
                if (written > options.OverlayLimitBytes) return new BootSign(BootOutcome.Unclear, "boot.too-much-written", $"It wrote more than {options.OverlayLimitBytes >> 20} MiB before it showed that it came up.");
                if (screens.Standstill >= options.Standstill && serial.Silence >= options.Standstill)
                    return new BootSign(BootOutcome.Unclear, "boot.standstill", $"Nothing came from the serial console, and the screen stood still, for {options.Standstill.TotalSeconds:0} seconds: look at its picture.");
            }

            if (watch.Elapsed >= options.Deadline)
                return new BootSign(BootOutcome.Unclear, "boot.deadline", $"Neither a login prompt on the serial console nor an answer of a guest agent came within {options.Deadline.TotalSeconds:0} seconds.");
        }
    }

    private BootSign? Seen()
    {
        if (serial.Look(Settle) is { } heard) return heard;
        lock (mutex) return seen;
    }

    private void OnEvent(string name, JsonElement data)
    {
        lock (mutex)
        {
            switch (name)
            {
                case "GUEST_PANICKED":
                    seen ??= new BootSign(BootOutcome.Failed, "boot.panic", $"The guest says that it crashed; the last line of its console: {serial.LastLine}");
                    break;
                case "SHUTDOWN":
                    seen ??= new BootSign(BootOutcome.Failed, "boot.powered-off", $"It switched itself off before it showed that it came up; the last line of its console: {serial.LastLine}");
                    break;
                case "RESET":
                    resets++;
                    break;
                case "BLOCK_IO_ERROR":
                    storageFailure ??= data.ValueKind == JsonValueKind.Object && data.TryGetProperty("reason", out var reason) ? GuestText.Name(reason.ToString()) : "an I/O error";
                    break;
                case "VSERPORT_CHANGE":
                    agentIsOpen = data.ValueKind == JsonValueKind.Object && data.TryGetProperty("open", out var open) && open.ValueKind == JsonValueKind.True;
                    break;
                default:
                    break; // of no consequence here
            }
        }
    }

    private async Task<ScreenDump?> DumpAsync(QmpClient qmp, CancellationToken cancel)
    {
        _ = await qmp.ExecuteAsync("screendump", w => w.WriteString("filename", In(BootCommand.ScreenFile)), AnswerDeadline, cancel); // it returns nothing
        return ScreenDump.Read(In(BootCommand.ScreenFile));
    }

    private async Task HearSerialAsync(Socket socket, CancellationToken cancel)
    {
        var buffer = new byte[16 << 10];
        for (int n; (n = await socket.ReceiveAsync(buffer, cancel)) > 0;) serial.Hear(buffer.AsSpan(0, n));
    }

    /// <summary>Listens until the other side goes, which is told by QEMU's own end.</summary>
    private static async Task HearAsync(Func<Task> listen)
    {
        try
        {
            await listen();
        }
        catch (OperationCanceledException)
        {
            // The proof is over.
        }
        catch (SocketException)
        {
            // QEMU has gone: how, its process tells.
        }
        catch (ObjectDisposedException)
        {
            // The proof is over.
        }
    }

    private async Task<SealiftException> DiedAsync(ChildProcess qemu, Exception? inner)
    {
        _ = await qemu.WaitAsync(CancellationToken.None); // judged by how it really ended, below
        var said = $"{qemu.End}; its last words: {GuestText.Finding(qemu.ErrorTail)}";
        return started ? GuestsErrors.BootBroke(machine.Name, $"QEMU went away: {said}", inner) : GuestsErrors.BootNotStarted(machine.Name, $"QEMU ended at once: {said}");
    }

    private string OverlayOf(string key) => Path.Combine(overlays, $"{key}.qcow2");

    private string In(string name) => Path.Combine(scratch, name);
}
