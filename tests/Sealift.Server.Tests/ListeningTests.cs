using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Server.Tests;

/// <summary>Where a server listens, and when it refuses to.</summary>
public sealed class ListeningTests : IDisposable
{
    private readonly string directory = TestServer.NewDirectory();

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Beyond_loopback_it_wants_TLS_and_a_user()
    {
        var open = new IPEndPoint(IPAddress.Any, 0);
        Assert.Equal("SL9003", (await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { Listen = open }))).Code);
        var (certificate, key) = NewCertificate();
        Assert.Equal("SL9004", (await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { Listen = open, CertificateFile = certificate, KeyFile = key }, withUsers: false))).Code);
    }

    [Fact]
    public async Task With_TLS_cookies_are_secure_and_plain_requests_get_nothing()
    {
        var (certificate, key) = NewCertificate();
        await using var server = await TestServer.StartAsync(o => o with { CertificateFile = certificate, KeyFile = key });
        Assert.StartsWith("https://127.0.0.1:", server.Running.Address, StringComparison.Ordinal);
        using var browser = server.Browser();
        using var answer = await TestServer.LogInAsync(browser, "read", TestServer.Password);
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("__Host-sealift-session=", StringComparison.Ordinal));
        Assert.Contains("secure", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.True(answer.Headers.Contains("Strict-Transport-Security"));
        using var plain = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Running.Port}") };
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => plain.GetAsync("/login", TestServer.Cancel));
    }

    [Fact]
    public async Task A_key_that_everybody_may_read_is_refused()
    {
        var (certificate, key) = NewCertificate();
        PosixPath.SetPermissions(key, 0x1A4 /* 0644 */);
        Assert.Equal("SL9005", (await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { CertificateFile = certificate, KeyFile = key }))).Code);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said()
    {
        await using var first = await TestServer.StartAsync();
        var error = await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { Listen = new IPEndPoint(IPAddress.Loopback, first.Running.Port) }));
        Assert.Equal("SL9006", error.Code);
    }

    [Fact]
    public async Task An_address_of_another_host_is_said()
    {
        var (certificate, key) = NewCertificate();
        var foreign = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0); // RFC 5737: nobody's
        Assert.Equal("SL9006", (await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { Listen = foreign, CertificateFile = certificate, KeyFile = key }))).Code);
    }

    [Fact]
    public async Task A_certificate_or_a_key_that_is_not_there_is_said()
    {
        var (certificate, key) = NewCertificate();
        Assert.Equal("SL9005", (await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { CertificateFile = certificate + "x", KeyFile = key }))).Code);
        Assert.Equal("SL9005", (await Assert.ThrowsAsync<SealiftException>(() => TestServer.StartAsync(o => o with { CertificateFile = certificate, KeyFile = key + "x" }))).Code);
    }

    [Theory]
    [InlineData("--config", "nothing.json")]
    [InlineData("--config", ".")]
    [InlineData("--database-file", "nothing")]
    public void A_file_of_settings_that_cannot_be_read_is_said(string option, string name)
    {
        var line = new ServeCommandLine();
        var command = line.Build("serve", (_, _) => Task.FromResult(0), (_, _, _) => Task.FromResult(0));
        Assert.Equal("SL9001", Assert.Throws<SealiftException>(() => ServerSettings.Read(line, command.Parse([option, Path.Combine(directory, name)]), directory)).Code);
    }

    [Theory]
    [InlineData("127.0.0.1:8443", "127.0.0.1:8443")]
    [InlineData("localhost:80", "127.0.0.1:80")]
    [InlineData("[::1]:8443", "[::1]:8443")]
    public void An_address_is_understood(string text, string expected) => Assert.Equal(expected, ServerSettings.EndPoint(text).ToString());

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("sealift.example:8443")]
    [InlineData("127.0.0.1:99999")]
    public void What_is_no_address_is_refused(string text) => Assert.Equal("SL9002", Assert.Throws<SealiftException>(() => ServerSettings.EndPoint(text)).Code);

    [Theory]
    [InlineData("""{"colour":"red"}""")]
    [InlineData("""{"listen":""")]
    [InlineData("""{"sessionHours":0}""")]
    [InlineData("""{"sessionHours":1e300}""")]
    [InlineData("""{"hostNames":null}""")]
    public void Settings_that_are_not_understood_are_refused(string json)
    {
        File.WriteAllText(Path.Combine(directory, "server.json"), json);
        var line = new ServeCommandLine();
        var command = line.Build("serve", (_, _) => Task.FromResult(0), (_, _, _) => Task.FromResult(0));
        var error = Assert.Throws<SealiftException>(() => ServerSettings.Read(line, command.Parse([]), directory));
        Assert.Equal("SL9001", error.Code);
        Assert.Contains("server.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_wins_over_the_file()
    {
        File.WriteAllText(Path.Combine(directory, "server.json"), JsonSerializer.Serialize(new { listen = "127.0.0.1:1", hostNames = new[] { "a.example" }, sessionHours = 1 }));
        var line = new ServeCommandLine();
        var command = line.Build("serve", (_, _) => Task.FromResult(0), (_, _, _) => Task.FromResult(0));
        var options = ServerSettings.Read(line, command.Parse(["--listen", "127.0.0.1:2", "--host-name", "b.example"]), directory);
        Assert.Equal((2, TimeSpan.FromHours(1)), (options.Listen.Port, options.SessionLifetime));
        Assert.Equal(["a.example", "b.example"], options.HostNames);
    }

    private (string Certificate, string Key) NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var (certificateFile, keyFile) = (Path.Combine(directory, "server.pem"), Path.Combine(directory, "server.key"));
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        PosixPath.SetPermissions(keyFile, 0x180 /* 0600 */);
        return (certificateFile, keyFile);
    }
}
