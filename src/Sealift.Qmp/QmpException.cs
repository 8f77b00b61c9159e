using System.Net.Sockets;
using Sealift.Posix;

namespace Sealift.Qmp;

/// <summary>A command to QEMU did not do what it was to do. SL3101 it cannot be reached · SL3102 it refused the command · SL3103 it was not understood, or does not answer: nothing more can be asked on this connection.</summary>
public sealed class QmpException : SealiftException
{
    internal QmpException(string code, string command, string peer, string said, string nextStep, Exception? inner = null)
        : base(code, $"run {command} in QEMU", peer, said, nextStep, inner) =>
        Command = command;

    /// <summary>The command.</summary>
    public string Command { get; }

    /// <summary>Whether nobody listens on the socket, or there is none: QEMU has ended. One that is busy with another client, or may not be talked to, is there.</summary>
    public bool IsNobodyThere => InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.AddressNotAvailable /* ENOENT */ };

    /// <summary>Whether QEMU understood the command and refused it; what it said is in <see cref="SealiftException.Said"/>.</summary>
    public bool IsRefusal => Code == "SL3102";
}
