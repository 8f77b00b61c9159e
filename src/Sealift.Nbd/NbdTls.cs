namespace Sealift.Nbd;

/// <summary>How the server is verified and how this client proves who it is. The server is always verified.</summary>
public sealed record NbdTls
{
    /// <summary>PEM file with the authorities that may have signed the server's certificate; null means the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM file with this client's certificate (and the chain above it); null for none.</summary>
    public string? ClientCertificateFile { get; init; }

    /// <summary>PEM file with the unencrypted private key of <see cref="ClientCertificateFile"/>.</summary>
    public string? ClientKeyFile { get; init; }

    /// <summary>The name that the server's certificate must carry; null means the URI's host, or <c>localhost</c> over a Unix socket.</summary>
    public string? ServerName { get; init; }

    /// <summary>
    /// A file with pre-shared keys. The runtime's TLS has no pre-shared keys, so connecting with one is an <see cref="NbdException"/>
    /// (SL3002) that says so, before anything is sent. It is here so that a plan that asks for it never runs without it.
    /// </summary>
    public string? PskFile { get; init; }
}
