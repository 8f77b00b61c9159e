using Sealift.Posix;

namespace Sealift.Nbd;

/// <summary>
/// Something about an NBD connection failed. SL300x: how it was asked for · SL301x: connecting and negotiating · SL302x: the
/// connection is dead, and every request on it fails with the same cause · SL303x: one request failed, the connection goes on.
/// </summary>
public class NbdException : SealiftException
{
    internal NbdException(string code, string attempt, string subject, string said, string nextStep, bool isTransient, Exception? inner = null)
        : base(code, attempt, subject, said, nextStep, inner) =>
        IsTransient = isTransient;

    /// <summary>
    /// Whether the same thing may succeed on a new connection (or, for a server's error, a moment later): refused, lost or slow
    /// connections, a server that is out of memory or shutting down. Never a violation of the protocol.
    /// </summary>
    public bool IsTransient { get; }
}

/// <summary>The server answered a request with an error (SL3030). The connection goes on.</summary>
public sealed class NbdServerException : NbdException
{
    internal NbdServerException(string attempt, string subject, string said, string nextStep, bool isTransient, uint errno, string errnoName, string command, long offset, long lengthBytes)
        : base("SL3030", attempt, subject, said, nextStep, isTransient)
    {
        Errno = errno;
        ErrnoName = errnoName;
        Command = command;
        Offset = offset;
        LengthBytes = lengthBytes;
    }

    /// <summary>The error as the protocol numbers it ("Error values"); Linux numbers.</summary>
    public uint Errno { get; }

    /// <summary>Its name: <c>ENOSPC</c>; <c>error 4711</c> for one that the protocol does not define.</summary>
    public string ErrnoName { get; }

    /// <summary>The request: <c>read</c>, <c>write</c>, <c>write zeroes</c>, <c>trim</c>, <c>flush</c> or <c>block status</c>.</summary>
    public string Command { get; }

    /// <summary>The offset of the request in bytes (the part that failed, where a long one was split).</summary>
    public long Offset { get; }

    /// <summary>The length of the request in bytes.</summary>
    public long LengthBytes { get; }
}
