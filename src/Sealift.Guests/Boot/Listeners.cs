using System.Net.Sockets;
using Sealift.Posix;

namespace Sealift.Guests.Boot;

/// <summary>The sockets to which QEMU connects when it starts.</summary>
internal sealed class Listeners : IDisposable
{
    private readonly Socket qmp;
    private readonly Socket serial;
    private readonly Socket? agent;

    public Listeners(string directory, bool withAgent)
    {
        qmp = Listen(Path.Combine(directory, BootCommand.QmpSocket));
        serial = Listen(Path.Combine(directory, BootCommand.SerialSocket));
        agent = withAgent ? Listen(Path.Combine(directory, BootCommand.AgentSocket)) : null;
    }

    /// <summary>Waits until QEMU has connected to all of them.</summary>
    /// <exception cref="SealiftException">SL5201: it ended instead, or did neither.</exception>
    public async Task<(Socket Qmp, Socket Serial, Socket? Agent)> AcceptAsync(ChildProcess child, string machine, TimeSpan deadline, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(deadline);
        var accepted = new List<Socket>();
        var ended = child.WaitAsync(CancellationToken.None);
        try
        {
            foreach (var listener in new[] { qmp, serial, agent })
            {
                if (listener is null) continue;
                var next = listener.AcceptAsync(limit.Token).AsTask();
                if (await Task.WhenAny(next, ended) == ended && !next.IsCompletedSuccessfully)
                {
                    await limit.CancelAsync();
                    _ = await Task.WhenAny(next); // its socket is closed below; it ends by the cancellation
                    _ = await ended; // judged by how it really ended
                    throw GuestsErrors.BootNotStarted(machine, $"QEMU ended at once: {child.End}; its last words: {GuestText.Finding(child.ErrorTail)}");
                }

                accepted.Add(await next);
            }

            return (accepted[0], accepted[1], accepted.Count > 2 ? accepted[2] : null);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            foreach (var socket in accepted) socket.Dispose();
            throw GuestsErrors.BootNotStarted(machine, $"QEMU did not connect within {deadline.TotalSeconds:0} seconds; its last words: {GuestText.Finding(child.ErrorTail)}");
        }
        catch
        {
            foreach (var socket in accepted) socket.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        qmp.Dispose();
        serial.Dispose();
        agent?.Dispose();
    }

    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen(1);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
