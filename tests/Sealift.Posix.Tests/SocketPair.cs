using System.Net;
using System.Net.Sockets;

namespace Sealift.Posix.Tests;

/// <summary>A connection of this process with itself.</summary>
internal sealed class SocketPair : IDisposable
{
    private readonly Socket here = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Socket there;

    public SocketPair()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        here.Connect((IPEndPoint)listener.LocalEndpoint);
        there = listener.AcceptSocket();
    }

    /// <summary>That of one end.</summary>
    public int Descriptor => (int)here.Handle;

    /// <summary>What the other end receives: nothing where the line has ended.</summary>
    public int Receive(byte[] buffer) => there.Receive(buffer);

    public void Dispose()
    {
        here.Dispose();
        there.Dispose();
    }
}
