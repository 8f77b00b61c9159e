using System.Net;

namespace Sealift.Server;

/// <summary>How a server is set up: what its file and its command line say together.</summary>
public sealed record ServerOptions
{
    /// <summary>The state directory, absolute.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>Where it listens; loopback unless somebody says otherwise.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 8443);

    /// <summary>The certificate and those that sign it, as PEM; null for plain HTTP, on loopback only.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>Its key, as PEM.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Names by which browsers may call the server, besides the address that it listens on.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];

    /// <summary>The connection string of a PostgreSQL database; null for SQLite in the state directory. A secret.</summary>
    public string? Database { get; init; }

    /// <summary>A session ends when its browser was not heard of for so long; 1 minute to 30 days.</summary>
    public TimeSpan SessionIdle { get; init; } = TimeSpan.FromHours(2);

    /// <summary>A session ends after so long, whatever happens; 1 minute to 30 days.</summary>
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromHours(16);

    /// <summary>Whether whoever reaches it by loopback may read <c>/metrics</c> without a token.</summary>
    public bool OpenMetrics { get; init; }

    /// <summary>Requests that a user, or an address without one, may send at once; a tenth of them comes back each second.</summary>
    public int RequestBurst { get; init; } = 300;

    /// <summary>Logins that an address may try in a minute.</summary>
    public int LoginsPerMinute { get; init; } = 20;

    /// <summary>Watchers of events at once, of all users.</summary>
    public int Watchers { get; init; } = 2000;

    /// <summary>Connections at once.</summary>
    public int Connections { get; init; } = 4000;

    /// <summary>Where traces go, by OTLP over HTTP; null for nowhere.</summary>
    public Uri? TracesEndpoint { get; init; }

    /// <summary>A provider of identities, beside the users of the server itself; null for none.</summary>
    public OidcOptions? Oidc { get; init; }

    /// <summary>Whether it speaks TLS.</summary>
    public bool IsTls => CertificateFile is not null;

    /// <summary>What browsers are told to call: <c>https://127.0.0.1:8443</c>.</summary>
    /// <param name="port">The port that it came to listen on.</param>
    public string Address(int port)
    {
        var host = Listen.Address.Equals(IPAddress.Any) || Listen.Address.Equals(IPAddress.IPv6Any) ? HostNames.Count > 0 ? HostNames[0] : Environment.MachineName : new IPEndPoint(Listen.Address, 0).ToString()[..^2];
        return $"{(IsTls ? "https" : "http")}://{host}:{port}";
    }
}

/// <summary>A provider of identities; OpenID Connect Core 1.0, the authorization code flow with PKCE.</summary>
public sealed record OidcOptions
{
    /// <summary>The issuer, <c>https</c>; <c>http</c> on loopback only.</summary>
    public required Uri Authority { get; init; }

    /// <summary>What the provider calls this server.</summary>
    public required string ClientId { get; init; }

    /// <summary>The first line of this file is the client's secret; null for a public client.</summary>
    public string? ClientSecretFile { get; init; }

    /// <summary>The claim that roles come from.</summary>
    public string RoleClaim { get; init; } = "groups";

    /// <summary>Which value of the claim gives which role. Who has none of them is not let in.</summary>
    public required IReadOnlyDictionary<string, string> Roles { get; init; }

    /// <summary>What the page of the login calls it.</summary>
    public string Name { get; init; } = "single sign-on";
}
