namespace Sealift.VSphere;

/// <summary>Which server, who asks, how the server is recognised, and how long it may take.</summary>
public sealed record VSphereOptions
{
    /// <summary>The address of a vCenter or an ESXi host: <c>https://HOST[:PORT]</c>; the path of the API (<c>/sdk</c>) is added where there is none.</summary>
    public required Uri Address { get; init; }

    /// <summary>Who logs in: <c>user@domain</c>, <c>DOMAIN\user</c>, or a user of the host.</summary>
    public required string User { get; init; }

    /// <summary>The password of <see cref="User"/>. It is kept in memory, to log in again when a session has ended.</summary>
    public required VSphereSecret Password { get; init; }

    /// <summary>How the server's certificate is judged. The default asks the authorities of this host. It is never not judged.</summary>
    public ServerTrust Trust { get; init; } = ServerTrust.System;

    /// <summary>How long connecting, with TLS, may take. Default 30 seconds.</summary>
    public TimeSpan ConnectDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the whole answer to a request may take. Default 2 minutes: a vCenter with thousands of machines takes its time.</summary>
    public TimeSpan ReplyDeadline { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long the server may hold a question for changes before it says that there are none. Default 30 seconds.</summary>
    public TimeSpan UpdateWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a task may take where the caller does not say. Default 1 hour: a snapshot that is removed is consolidated, which moves data.</summary>
    public TimeSpan TaskDeadline { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long what was asked for is looked for after the reply was lost, before it counts as not done. Default 30 seconds.</summary>
    public TimeSpan LostReplyGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The most objects in one page of properties; 1 to 1000, default 100. A machine's properties are some ten KiB.</summary>
    public int PageObjects { get; init; } = 100;

    /// <summary>The most bytes of one reply. Default 64 MiB.</summary>
    public int ReplyLimitBytes { get; init; } = 64 << 20;
}
