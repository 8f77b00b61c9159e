using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>A real sshd on a loopback port, which lets in whoever has a key that was made with it, and a client that knows its key and nobody else's.</summary>
internal sealed class SshServer : IAsyncDisposable
{
    private readonly ChildProcess process;

    private SshServer(ChildProcess process, string directory, int port) => (this.process, Port, KeyFile, Client, KnownHosts) =
        (process, port, Path.Combine(directory, "client"), Path.Combine(directory, "ssh"), Path.Combine(directory, "known_hosts"));

    public int Port { get; }

    /// <summary>The client's private key.</summary>
    public string KeyFile { get; }

    /// <summary>A program that is ssh, and asks nobody's settings but those of this server.</summary>
    public string Client { get; }

    public string KnownHosts { get; }

    /// <summary>libvirt of this machine, as if it were another's.</summary>
    public string LibvirtUri => $"qemu+ssh://root@127.0.0.1:{Port}/system?keyfile={KeyFile}&command={Client}";

    /// <summary>Starts it.</summary>
    /// <param name="root">Where its directory is made.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="settings">More lines of sshd_config(5).</param>
    public static async Task<SshServer> StartAsync(string root, CancellationToken cancel, string settings = "")
    {
        var directory = Directory.CreateDirectory(Path.Combine(root, "sshd")).FullName;
        foreach (var key in new[] { "host", "client" }) _ = await ChildProcess.RunAsync(new ChildCommand("ssh-keygen", "-q", "-t", "ed25519", "-N", string.Empty, "-f", Path.Combine(directory, key)), cancel);
        File.Copy(Path.Combine(directory, "client.pub"), Path.Combine(directory, "authorized"));
        var port = LoopbackPort.Free();
        await File.WriteAllTextAsync(Path.Combine(directory, "known_hosts"), $"[127.0.0.1]:{port} {await File.ReadAllTextAsync(Path.Combine(directory, "host.pub"), cancel)}", cancel);
        await File.WriteAllTextAsync(Path.Combine(directory, "ssh"), $"#!/bin/sh\nexec ssh -F /dev/null -o UserKnownHostsFile={directory}/known_hosts -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes \"$@\"\n", cancel);
        _ = await ChildProcess.RunAsync(new ChildCommand("chmod", "755", Path.Combine(directory, "ssh")), cancel);
        await File.WriteAllTextAsync(Path.Combine(directory, "config"), $"""
            Port {port}
            ListenAddress 127.0.0.1
            HostKey {directory}/host
            AuthorizedKeysFile {directory}/authorized
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            PermitRootLogin prohibit-password
            {settings}
            """, cancel);
        Directory.CreateDirectory("/run/sshd"); // sshd's own, which its service makes where there is one
        var process = ChildProcess.Start(new ChildCommand("/usr/sbin/sshd", "-D", "-e", "-f", Path.Combine(directory, "config")) { Deadline = TimeSpan.FromMinutes(10) });
        for (var left = 500; !await AnswersAsync(port, cancel); left--)
        {
            if (left == 0 || !process.IsRunning)
            {
                await process.DisposeAsync();
                throw new InvalidOperationException($"sshd does not answer: {process.ErrorTail}");
            }

            await Task.Delay(20, cancel);
        }

        return new SshServer(process, directory, port);
    }

    /// <summary>What it has logged last.</summary>
    public string Said => process.ErrorTail;

    /// <summary>Ends every connection, as a network or a host that fails does.</summary>
    /// <returns>How many there were.</returns>
    public int Disconnect()
    {
        var ended = 0;
        foreach (var task in Directory.EnumerateDirectories($"/proc/{process.Id}/task"))
        {
            foreach (var id in File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                using var session = System.Diagnostics.Process.GetProcessById(int.Parse(id, CultureInfo.InvariantCulture));
                session.Kill();
                ended++;
            }
        }

        return ended;
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill("the test is over");
        await process.DisposeAsync();
    }

    private static async Task<bool> AnswersAsync(int port, CancellationToken cancel)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, cancel);
            return true;
        }
        catch (SocketException)
        {
            return false; // not yet
        }
    }
}
