using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Sealift.Scsi.Tests;

/// <summary>
/// A stand-in for an iSCSI target that lets anybody in (RFC 7143, 6.3) and answers each SCSI command with whatever a test likes to send:
/// what no real target is made to do.
/// </summary>
internal sealed class HostileTarget : IAsyncDisposable
{
    private const int HeaderBytes = 48;
    private const string Keys =
        "TargetPortalGroupTag=1\0AuthMethod=None\0HeaderDigest=None\0DataDigest=None\0InitialR2T=No\0ImmediateData=Yes\0MaxBurstLength=262144\0FirstBurstLength=262144\0MaxRecvDataSegmentLength=262144\0"
        + "DefaultTime2Wait=2\0DefaultTime2Retain=0\0MaxConnections=1\0MaxOutstandingR2T=1\0ErrorRecoveryLevel=0\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0";

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task serving;
    private uint statusNumber = 1;

    /// <summary>Starts one.</summary>
    /// <param name="answer">Sends what it likes; where it returns, the next command is read.</param>
    public HostileTarget(Func<Command, Task> answer)
    {
        listener.Start();
        serving = ServeAsync(answer);
    }

    public IscsiUri Uri => IscsiUri.Parse($"iscsi://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/iqn.2026-01.invalid.rig:hostile/1");

    /// <summary>How many bytes of its answers went out.</summary>
    public long SentBytes { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await serving;
        stop.Dispose();
    }

    private async Task ServeAsync(Func<Command, Task> answer)
    {
        try
        {
            using var client = await listener.AcceptTcpClientAsync(stop.Token);
            var stream = client.GetStream();
            var header = new byte[HeaderBytes];
            while (true)
            {
                await stream.ReadExactlyAsync(header, stop.Token);
                var data = new byte[((BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4)) & 0xFFFFFF) + 3) / 4 * 4];
                await stream.ReadExactlyAsync(data, stop.Token);
                switch (header[0] & 0x3F)
                {
                    case 0x03:
                        var reply = Header(0x23, header, Keys.Length);
                        (reply[1], reply[15]) = ((byte)(header[1] & 0x8F), 1);
                        header.AsSpan(8, 6).CopyTo(reply.AsSpan(8));
                        await SendAsync(stream, reply, Encoding.ASCII.GetBytes(Keys));
                        break;
                    case 0x01:
                        await answer(new Command(this, stream, [.. header]));
                        break;
                    default: // a logout, or an answer to a question: of no interest
                        return;
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Whoever was here has gone, which is what most tests are about.
        }
    }

    private byte[] Header(byte code, ReadOnlySpan<byte> request, int dataBytes)
    {
        var header = new byte[HeaderBytes];
        header[0] = code;
        header[1] = 0x80;
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), dataBytes);
        request[16..20].CopyTo(header.AsSpan(16)); // the task's tag
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(24), statusNumber);
        var number = BinaryPrimitives.ReadUInt32BigEndian(request[24..]);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(28), number + ((request[0] & 0x40) == 0 ? 1u : 0)); // what is immediate is not counted
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(32), number + 64);
        return header;
    }

    private async Task SendAsync(NetworkStream stream, byte[] header, byte[] data)
    {
        if (header[0] is 0x21 or 0x23) statusNumber++;
        await stream.WriteAsync(header, stop.Token);
        await stream.WriteAsync(data, stop.Token);
        if (data.Length % 4 != 0) await stream.WriteAsync(new byte[4 - (data.Length % 4)], stop.Token);
        SentBytes += data.Length;
    }

    /// <summary>A command that was received, and how it is answered.</summary>
    internal sealed class Command(HostileTarget target, NetworkStream stream, byte[] request)
    {
        public int ExpectedBytes => BinaryPrimitives.ReadInt32BigEndian(request.AsSpan(20));

        /// <summary>Data, without a status.</summary>
        public Task DataAsync(int offset, byte[] data) => target.SendAsync(stream, DataHeader(offset, data.Length), data);

        /// <summary>The end of the command.</summary>
        /// <param name="missingBytes">How many bytes less than expected it says it sent; 0: nothing is said of that.</param>
        public Task GoodAsync(int missingBytes = 0)
        {
            var header = target.Header(0x21, request, 0);
            if (missingBytes > 0) header[1] |= 0x02;
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(44), missingBytes);
            return target.SendAsync(stream, header, []);
        }

        /// <summary>
        /// Sends without end, faster than anybody reads: many in one call of what takes the reader several calls each, four bytes of data, or
        /// a question whether the initiator lives.
        /// </summary>
        public async Task FloodAsync(bool isData)
        {
            var one = isData ? [.. DataHeader(0, 4), 1, 2, 3, 4] : target.Header(0x20, request, 0);
            if (!isData)
            {
                BinaryPrimitives.WriteUInt32BigEndian(one.AsSpan(16), uint.MaxValue);
                BinaryPrimitives.WriteUInt32BigEndian(one.AsSpan(20), 7);
            }

            var many = Enumerable.Repeat(one, 20000).SelectMany(b => b).ToArray();
            while (true) await stream.WriteAsync(many, target.stop.Token);
        }

        private byte[] DataHeader(int offset, int bytes)
        {
            var header = target.Header(0x25, request, bytes);
            header[1] = 0;
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(20), uint.MaxValue);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(40), offset);
            return header;
        }
    }
}
