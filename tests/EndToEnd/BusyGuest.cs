using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>A real guest under QEMU that writes records to ext4 and XFS without end, and says on its console which of them it has synced.</summary>
internal sealed class BusyGuest : IAsyncDisposable
{
    private readonly ChildProcess process;

    private BusyGuest(ChildProcess process, string directory) => (this.process, Console, Socket) = (process, new BusyConsole(Path.Combine(directory, "console")), Path.Combine(directory, "qmp"));

    /// <summary>Its serial console.</summary>
    public BusyConsole Console { get; }

    /// <summary>QEMU's QMP socket.</summary>
    public string Socket { get; }

    /// <summary>The socket of its agent's channel.</summary>
    public string Agent => Path.Combine(Path.GetDirectoryName(Socket)!, "agent");

    /// <summary>Builds the guest's two disks.</summary>
    /// <param name="root">Where the first is made.</param>
    /// <param name="data">Where the second is.</param>
    /// <param name="options">Of tests/rigs/tiny-guest.sh besides.</param>
    public static Task BuildAsync(string root, string data, params string[] options) =>
        Rig.RunScriptAsync("tiny-guest.sh", [.. options, "--data", data, "--local", Path.Combine(Rig.Scripts, "busy-guest.sh"), root, "virtio_blk", "virtio_pci"]);

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
        else arguments.AddRange(["-chardev", $"socket,id=agent,path={Path.Combine(directory, "agent")},server=on,wait=off", "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]);
        for (var i = 0; i < disks.Count; i++) arguments.AddRange(["-drive", $"file={disks[i]},format=raw,if=none,id=d{i},discard=unmap", "-device", $"virtio-blk-pci,drive=d{i},id=vd{i}"]);
        return new BusyGuest(ChildProcess.Start(new ChildCommand("qemu-system-x86_64", arguments) { Deadline = TimeSpan.FromMinutes(15) }), directory);
    }

    /// <summary>Waits until its console has said something.</summary>
    public Task WaitForAsync(string text, CancellationToken cancel) => Console.WaitForAsync(text, () => process.IsRunning ? null : $"QEMU ended: {process.ErrorTail}", cancel);

    /// <summary>Waits until QEMU has ended.</summary>
    public Task<int> EndedAsync(CancellationToken cancel) => process.WaitAsync(cancel).WaitAsync(BusyConsole.BootDeadline, cancel);

    public async ValueTask DisposeAsync()
    {
        process.Kill("the test is over");
        await process.DisposeAsync();
    }
}
