using System.Net;
using System.Security.Cryptography;

namespace Sealift.VSphere;

/// <content>The files of leases, each read once from start to end.</content>
public sealed partial class VSphereClient
{
    private const int LeasePartBytes = 1 << 20;
    // What a server is told about a file that is not read to its end yet.
    private const int PercentLimit = 99;

    /// <summary>Reads a file of a lease, and keeps the lease meanwhile.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="file">One of its files.</param>
    /// <param name="expectedBytes">About how long it will be, for what the server is told of the progress.</param>
    /// <param name="write">Given each part, in order.</param>
    /// <param name="cancel">Stops reading; the lease goes on.</param>
    /// <exception cref="VSphereException">SL3332 its address cannot be used; SL3303 whoever answers there is another; SL3333 it was lost; SL33xx the lease ended.</exception>
    public async Task<LeaseContent> ReadLeaseFileAsync(ExportLease lease, LeaseFile file, long expectedBytes, Action<ReadOnlyMemory<byte>> write, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(lease);
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(write);
        var address = AddressOf(file);
        // The thumbprint came from a server that is trusted, so it says whom to trust: mostly it is another, the machine's host.
        using var files = new FileHttp(options, file.Thumbprint is { } thumbprint ? PinnedBy(thumbprint, file) : options.Trust);
        var doneBytes = 0L;
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var keeping = KeepAsync();
        try
        {
            var reading = ReadAsync();
            if (await Task.WhenAny(reading, keeping) == keeping)
            {
                await both.CancelAsync();
                await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it was stopped; why is thrown below
                await keeping;
            }

            return await reading;
        }
        catch (VSphereException e) when (e.Code is "SL3302" or "SL3305")
        {
            throw VSphereErrors.LeaseFileLost(Peer, $"{file.Key} at {address.Host}", $"after {Interlocked.Read(ref doneBytes)} bytes: {e.Said}", e);
        }
        finally
        {
            await both.CancelAsync();
            await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // judged above, where it ended first
        }

        Task<LeaseContent> ReadAsync() => files.AskAsync("read a file of an export", $"{Peer}, {address.Host}", HttpMethod.Get, address, null, null, options.ReplyDeadline, async (reply, stop) =>
        {
            if (reply.StatusCode != HttpStatusCode.OK) throw VSphereErrors.BadLeaseFile(Peer, $"{file.Key} at {address.Host}", $"HTTP status {(int)reply.StatusCode}");
            if (reply.Content.Headers.ContentEncoding.Count > 0) throw VSphereErrors.BadLeaseFile(Peer, $"{file.Key} at {address.Host}", "it is encoded, which was not asked for");
            await using var stream = await reply.Content.ReadAsStreamAsync(stop.Token);
            using var sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
            var part = new byte[LeasePartBytes];
            int n;
            while ((n = await stream.ReadAsync(part, stop.Token)) > 0)
            {
                sha1.AppendData(part, 0, n);
                stop.CancelAfter(Timeout.InfiniteTimeSpan); // how long our own disk takes is not the server's
                write(part.AsMemory(0, n));
                stop.CancelAfter(options.ReplyDeadline); // for the next part
                Interlocked.Add(ref doneBytes, n);
            }

            return new LeaseContent(doneBytes, Convert.ToHexStringLower(sha1.GetHashAndReset()));
        }, both.Token);

        async Task KeepAsync()
        {
            // Three words may be lost before it ends.
            var pause = TimeSpan.FromSeconds(Math.Clamp(lease.Timeout.TotalSeconds / 4, 0.25, 60));
            while (!both.IsCancellationRequested)
            {
                await Task.Delay(pause, both.Token);
                try
                {
                    await KeepLeaseAsync(lease, (int)Math.Min(PercentLimit, Interlocked.Read(ref doneBytes) * 100 / Math.Max(1, expectedBytes)), both.Token);
                }
                catch (VSphereException e) when (e.Code is "SL3302" or "SL3305")
                {
                    // It is told again; where the lease ends for that, so does the file.
                }
            }
        }
    }

    /// <summary>What the server says that it sent. It is asked for after all was read, and before the lease is completed.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>Null where the server keeps no such list.</returns>
    /// <exception cref="VSphereException">The server did not answer, or refused.</exception>
    public async Task<IReadOnlyList<LeaseManifestEntry>?> LeaseManifestAsync(ExportLease lease, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(lease);
        const string Operation = "HttpNfcLeaseGetManifest";
        try
        {
            var reply = await CallAsync(Operation, lease.Lease, null, Repeat.Anytime, cancel);
            return Understand($"run {Operation}", SubjectOf(lease.Lease), () => reply.All("returnval").Select(LeaseManifestEntry.Of).ToList());
        }
        catch (VSphereFaultException e) when (e.Fault.Name is "MethodNotFound" or "NotSupported" or "NotImplemented")
        {
            return null; // "it keeps none" is this method's answer
        }
    }

    private static ServerTrust PinnedBy(string thumbprint, LeaseFile file)
    {
        try
        {
            return ServerTrust.Pinned(thumbprint);
        }
        catch (VSphereException e)
        {
            throw VSphereErrors.BadLeaseFile(file.Key, thumbprint, e.Said);
        }
    }

    /// <summary>Where a file of a lease is: a host of <c>*</c> is this server.</summary>
    private Uri AddressOf(LeaseFile file)
    {
        const string Own = "https://*/";
        var text = file.Url.StartsWith(Own, StringComparison.Ordinal) ? $"https://{options.Address.Authority}/{file.Url[Own.Length..]}" : file.Url;
        return Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme == Uri.UriSchemeHttps && address.UserInfo.Length == 0
            ? address : throw VSphereErrors.BadLeaseFile(Peer, file.Key, "its address is no https://HOST/…");
    }
}
