namespace Sealift.Server.Api;

/// <summary>Requests that take long, and that a server which is asked to stop does not wait for.</summary>
internal static class ServerStop
{
    /// <summary>What ends when whoever asked goes away, or when the server stops.</summary>
    public static CancellationTokenSource EndsWith(this IHostApplicationLifetime application, CancellationToken cancel) =>
        CancellationTokenSource.CreateLinkedTokenSource(cancel, application.ApplicationStopping);
}
