using System.Net;

namespace Sealift.VSphere;

/// <summary>
/// A file of a datastore, read over HTTPS by ranges. Every reply is checked: that it is the range that was asked for, all of it, and of
/// the file that was opened. What is lost on the way is asked for again, a few times. Safe for parallel reads.
/// </summary>
public sealed class DatastoreFile : IDisposable
{
    // What lies between are seconds: a host's web server that starts anew is back within a quarter of a minute.
    private const int Tries = 5;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);

    private readonly VSphereClient client;
    private readonly FileHttp http;
    private readonly Uri address;
    private readonly string subject;
    private readonly TimeSpan deadline;
    private FileVersion version;

    internal DatastoreFile(VSphereClient client, FileHttp http, Uri address, DatastorePath path, string subject, TimeSpan deadline) =>
        (this.client, this.http, this.address, Path, this.subject, this.deadline, version) = (client, http, address, path, subject, deadline, default);

    /// <summary>Where it is.</summary>
    public DatastorePath Path { get; }

    /// <summary>How long it was when it was opened, in bytes.</summary>
    public long LengthBytes => version.LengthBytes;

    /// <summary>Fills a buffer.</summary>
    /// <param name="offset">Bytes from the start; offset + length never exceeds <see cref="LengthBytes"/>.</param>
    /// <param name="buffer">Filled completely, or the call throws.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">SL3329 the reply is not what was asked for; SL3330 the file is another one; SL3331 it was lost too often.</exception>
    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, LengthBytes - buffer.Length);
        if (buffer.Length == 0) return;
        var (attempt, last) = ($"read {buffer.Length} bytes at offset {offset}", offset + buffer.Length - 1);
        _ = await TryAsync(attempt, HttpMethod.Get, (offset, last), async (reply, stop) =>
        {
            if (reply.StatusCode != HttpStatusCode.PartialContent) throw VSphereErrors.NotThatRange(attempt, subject, $"HTTP status {(int)reply.StatusCode} instead of 206");
            if (reply.Content.Headers.ContentRange is not { Unit: "bytes", From: { } from, To: { } to } range) throw VSphereErrors.NotThatRange(attempt, subject, "it does not say which range it is");
            if (from != offset || to != last) throw VSphereErrors.NotThatRange(attempt, subject, $"it is the range {from} to {to}");
            if (range.Length is { } whole && whole != LengthBytes) throw VSphereErrors.FileChanged(attempt, subject, $"it had {LengthBytes} bytes, and has {whole} now");
            if (reply.Content.Headers.ContentEncoding.Count > 0) throw VSphereErrors.NotThatRange(attempt, subject, "it is encoded, which was not asked for");
            if (reply.Content.Headers.ContentLength is { } told && told != buffer.Length) throw VSphereErrors.NotThatRange(attempt, subject, $"it says that {told} bytes come");
            version.Demand(FileVersion.Of(reply, LengthBytes), attempt, subject);
            await using var stream = await reply.Content.ReadAsStreamAsync(stop);
            await stream.ReadExactlyAsync(buffer, stop); // less is a connection that was lost
            return await stream.ReadAsync(new byte[1], stop) == 0 ? true : throw VSphereErrors.NotThatRange(attempt, subject, "there is more than was asked for");
        }, cancel);
    }

    /// <summary>Looks again whether it is the file that was opened.</summary>
    /// <exception cref="VSphereException">SL3330: it is another one.</exception>
    public async ValueTask VerifyUnchangedAsync(CancellationToken cancel)
    {
        const string Attempt = "look at the file again";
        version.Demand(await LookAsync(Attempt, cancel), Attempt, subject);
    }

    /// <summary>Ends its connections.</summary>
    public void Dispose() => http.Dispose();

    internal async Task MeasureAsync(CancellationToken cancel) => version = await LookAsync("look at the file", cancel);

    private Task<FileVersion> LookAsync(string attempt, CancellationToken cancel) => TryAsync(attempt, HttpMethod.Head, null, (reply, _) =>
        reply is { StatusCode: HttpStatusCode.OK, Content.Headers.ContentLength: { } length and >= 0 }
            ? Task.FromResult(FileVersion.Of(reply, length))
            : throw VSphereErrors.NotThatRange(attempt, subject, $"HTTP status {(int)reply.StatusCode} and no length"), cancel);

    /// <summary>Asks, with a session; opens that again once where it has ended; and asks again where a reply was lost.</summary>
    private async Task<T> TryAsync<T>(string attempt, HttpMethod method, (long From, long To)? range, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancel)
    {
        var opened = false;
        var pause = FirstPause;
        for (var tries = 1; ;)
        {
            var seen = client.Session;
            try
            {
                return await http.AskAsync(attempt, subject, method, address, range, seen.Cookie, deadline, async (reply, stop) => reply.StatusCode switch
                {
                    HttpStatusCode.Unauthorized when !opened => throw new SessionEndedException(),
                    HttpStatusCode.NotFound => throw VSphereErrors.NoSuchFile(attempt, subject),
                    HttpStatusCode.RequestedRangeNotSatisfiable => throw VSphereErrors.FileChanged(attempt, subject, "it ends before this range"),
                    HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout or HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests =>
                        throw VSphereErrors.Lost(attempt, subject, $"HTTP status {(int)reply.StatusCode}"),
                    HttpStatusCode.OK or HttpStatusCode.PartialContent => await read(reply, stop.Token),
                    _ => throw VSphereErrors.FileRefused(attempt, subject, (int)reply.StatusCode),
                }, cancel);
            }
            catch (SessionEndedException)
            {
                opened = true;
                await client.OpenAgainAsync(seen.Number, cancel);
            }
            catch (VSphereException e) when (e.Code is "SL3302" or "SL3305")
            {
                if (tries++ == Tries) throw VSphereErrors.LostTooOften(attempt, subject, Tries, e);
                await Task.Delay(pause, cancel);
                pause *= 2;
            }
        }
    }

    /// <summary>Said between two methods of this class only.</summary>
    private sealed class SessionEndedException : Exception;
}

/// <summary>What tells one state of a file from the next.</summary>
/// <param name="LengthBytes">Its length.</param>
/// <param name="Tag">The server's name for this state; null where it has none.</param>
/// <param name="ModifiedAt">When it was written to, to the second; null where the server does not say.</param>
internal readonly record struct FileVersion(long LengthBytes, string? Tag, DateTimeOffset? ModifiedAt)
{
    public static FileVersion Of(HttpResponseMessage reply, long lengthBytes) => new(lengthBytes, reply.Headers.ETag?.ToString(), reply.Content.Headers.LastModified);

    /// <summary>Throws where another state was seen.</summary>
    public void Demand(FileVersion now, string attempt, string subject)
    {
        if (now.LengthBytes != LengthBytes) throw VSphereErrors.FileChanged(attempt, subject, $"it had {LengthBytes} bytes, and has {now.LengthBytes} now");
        if (now.Tag != Tag) throw VSphereErrors.FileChanged(attempt, subject, $"its version was {Tag ?? "not told"}, and is {now.Tag ?? "not told"} now");
        if (now.ModifiedAt != ModifiedAt) throw VSphereErrors.FileChanged(attempt, subject, $"it was written to at {ModifiedAt:u} last, and at {now.ModifiedAt:u} now");
    }
}
