using System.Security.Cryptography;

namespace Sealift.Nbd.Tests;

/// <summary>TLS with the real servers: it works, and whatever is wrong with it is an error, never plain text.</summary>
public sealed class TlsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MutualTlsOverTcpWithNbdkit()
    {
        var directory = new TemporaryDirectory();
        var pki = directory.File("pki");
        TestCertificates.Write(pki);
        await using var server = await RealServer.NbdkitOverTcpAsync(directory, "nbds", "--tls=require", "--tls-certificates=" + pki, "--tls-verify-peer", "memory", "16M");
        await using var pool = await NbdPool.ConnectAsync(server.Uri, new NbdOptions { Tls = TestCertificates.Client(pki) }, 2, Cancel);
        await RoundTripAsync(pool);

        // The same through the URI's own parameters.
        var uri = NbdUri.Parse($"{server.Uri}?tls-certificates={pki}");
        await using var client = await NbdClient.ConnectAsync(uri, new NbdOptions(), Cancel);
        await client.DisconnectAsync(Cancel);

        var plain = NbdUri.Parse(server.Uri.ToString().Replace("nbds", "nbd", StringComparison.Ordinal));
        await RefusedAsync("SL3013", plain, null);
        await RefusedAsync("SL3012", server.Uri, TestCertificates.Client(pki) with { ServerName = "elsewhere.example" });
        await RefusedAsync("SL3012", server.Uri, TestCertificates.Client(pki) with { CaFile = null }); // Not signed by the system's authorities.
        // TLS 1.3 lets the client finish before the server has judged its certificate, so this is seen as a closed connection.
        await RefusedAsync("SL3018", server.Uri, new NbdTls { CaFile = Path.Join(pki, "ca-cert.pem") });
        // Credentials ask for TLS whatever the scheme says.
        await using var upgraded = await NbdClient.ConnectAsync(plain, new NbdOptions { Tls = TestCertificates.Client(pki) }, Cancel);
        await upgraded.DisconnectAsync(Cancel);
    }

    [Fact]
    public async Task MutualTlsOverAUnixSocketWithQemu()
    {
        using var directory = new TemporaryDirectory();
        var pki = directory.File("pki");
        TestCertificates.Write(pki);
        var image = directory.File("disk.raw");
        await RealServerTests.RunAsync("qemu-img", "create", "-q", "-f", "raw", image, "16M");
        await using var server = await RealServer.QemuAsync(directory, "-f", "raw", "--object", $"tls-creds-x509,id=tls0,endpoint=server,dir={pki},verify-peer=yes", "--tls-creds", "tls0", image);
        await using var pool = await NbdPool.ConnectAsync(server.Uri, new NbdOptions { Tls = TestCertificates.Client(pki) }, 1, Cancel);
        await RoundTripAsync(pool);
        await RefusedAsync("SL3013", server.Uri, null);
    }

    [Fact]
    public async Task AnExpiredCertificateAndOneOfAnotherAuthorityAreRefused()
    {
        var directory = new TemporaryDirectory();
        TestCertificates.Write(directory.File("expired"), isExpired: true);
        TestCertificates.Write(directory.File("other"));
        await using var server = await RealServer.NbdkitOverTcpAsync(directory, "nbds", "--tls=require", "--tls-certificates=" + directory.File("expired"), "memory", "1M");
        await RefusedAsync("SL3012", server.Uri, new NbdTls { CaFile = Path.Join(directory.File("expired"), "ca-cert.pem") });
        await RefusedAsync("SL3012", server.Uri, new NbdTls { CaFile = Path.Join(directory.File("other"), "ca-cert.pem") });
    }

    [Fact]
    public async Task AServerWithoutTlsIsNotUsedInPlainText()
    {
        var directory = new TemporaryDirectory();
        await using var server = await RealServer.NbdkitOverTcpAsync(directory, "nbds", "--tls=off", "memory", "1M");
        await RefusedAsync("SL3013", server.Uri, new NbdTls());
    }

    [Fact]
    public async Task PlainTextAfterTheAgreementIsAnAttack()
    {
        await using var server = new ScriptedServer(s => s.SendAsync(new Wire().Greeting().OptionReply(5, 1).Structured()));
        await RefusedAsync("SL3017", server.Uri, new NbdTls());
    }

    [Fact]
    public async Task CredentialsThatCannotWorkAreToldBeforeConnecting()
    {
        using var directory = new TemporaryDirectory();
        TestCertificates.Write(directory.Path);
        var uri = NbdUri.Unix(directory.File("nobody-listens"));
        File.WriteAllText(directory.File("keys.psk"), "user:00112233");
        var e = await RefusedAsync("SL3002", uri, new NbdTls { PskFile = directory.File("keys.psk") });
        Assert.DoesNotContain("00112233", e.ToString(), StringComparison.Ordinal);
        await RefusedAsync("SL3003", uri, new NbdTls { CaFile = directory.File("missing.pem") });
        await RefusedAsync("SL3003", uri, new NbdTls { CaFile = directory.File("keys.psk") });
        await RefusedAsync("SL3003", uri, new NbdTls { ClientCertificateFile = directory.File("client-cert.pem") });
        await RefusedAsync("SL3003", uri, TestCertificates.Client(directory.Path) with { ClientKeyFile = directory.File("server-key.pem") });
        await RefusedAsync("SL3010", uri, TestCertificates.Client(directory.Path));
    }

    private static async Task RoundTripAsync(NbdPool pool)
    {
        var data = RandomNumberGenerator.GetBytes(5 << 20);
        await Task.WhenAll(Enumerable.Range(0, 5).Select(i => pool.WriteAsync(i << 20, data.AsMemory(i << 20, 1 << 20), cancel: Cancel)));
        await pool.FlushAsync(Cancel);
        var back = new byte[data.Length];
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => pool.ReadAsync(i << 18, back.AsMemory(i << 18, 1 << 18), Cancel)));
        Assert.True(data.AsSpan().SequenceEqual(back));
        await pool.DisconnectAsync(Cancel);
    }

    private static async Task<NbdException> RefusedAsync(string code, NbdUri uri, NbdTls? tls)
    {
        var e = await Assert.ThrowsAsync<NbdException>(async () =>
        {
            await using var client = await NbdClient.ConnectAsync(uri, new NbdOptions { Tls = tls }, Cancel);
        });
        Assert.True(code == e.Code, e.Message);
        return e;
    }
}
