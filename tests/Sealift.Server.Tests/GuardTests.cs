using System.Net;
using System.Net.Sockets;
using System.Text;
using Sealift.Server.Security;

namespace Sealift.Server.Tests;

/// <summary>What stands before every request.</summary>
public sealed class GuardTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Theory]
    [InlineData("/login")]
    [InlineData("/")]
    [InlineData("/api/v1/me")]
    [InlineData("/nothing-here")]
    public async Task Every_answer_has_the_headers_that_keep_browsers_safe(string path)
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        using var answer = await browser.GetAsync(path, Cancel);
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("same-origin", answer.Headers.GetValues("Referrer-Policy").Single());
        Assert.Contains("no-store", answer.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("Server"));
        Assert.False(answer.Headers.Contains("Strict-Transport-Security")); // no TLS here
    }

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2::/64")]
    public void Whoever_has_many_addresses_counts_once(string address, string expected) => Assert.Equal(expected, Guard.AddressOf(IPAddress.Parse(address)));

    [Theory]
    [InlineData("rebound.evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("10.0.0.1")]
    public async Task A_name_that_is_not_ours_gets_no_answer(string host)
    {
        await using var server = await TestServer.StartAsync();
        using var browser = await server.LoggedInAsync("admin");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/me") { Headers = { Host = host } };
        using var answer = await browser.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, answer.StatusCode);
        Assert.Equal("SL9026", await TestServer.CodeAsync(answer));
    }

    [Fact]
    public async Task A_request_by_cookie_needs_the_header_and_another_site_s_is_refused_even_with_it()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = await server.LoggedInAsync("admin");
        using (var plain = await browser.PostAsync("/api/v1/documents", TestServer.Json(TestServer.PlanOf("weekend", "a")), Cancel)) Assert.Equal("SL9025", await TestServer.CodeAsync(plain));
        foreach (var (name, value) in new[] { ("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/documents") { Content = TestServer.Json(TestServer.PlanOf("weekend", "a")) };
            request.Headers.Add("X-Sealift-Request", "1");
            request.Headers.Add(name, value);
            using var foreign = await browser.SendAsync(request, Cancel);
            Assert.Equal("SL9025", await TestServer.CodeAsync(foreign));
        }

        using var ours = new HttpRequestMessage(HttpMethod.Post, "/api/v1/documents") { Content = TestServer.Json(TestServer.PlanOf("weekend", "a")) };
        ours.Headers.Add("X-Sealift-Request", "1");
        ours.Headers.Add("Origin", server.Running.Address);
        using var answer = await browser.SendAsync(ours, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_request_of_100_MB_is_refused_at_once()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("plan");
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, server.Running.Port, Cancel);
        // By its length: not a byte of it has to come.
        var head = $"POST /api/v1/documents HTTP/1.1\r\nHost: 127.0.0.1:{server.Running.Port}\r\nAuthorization: {program.DefaultRequestHeaders.Authorization}\r\nContent-Type: application/json\r\nContent-Length: {100 << 20}\r\nConnection: close\r\n\r\n";
        await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), Cancel);
        using var reader = new StreamReader(connection.GetStream());
        var answer = await reader.ReadToEndAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(60), Cancel);
        Assert.StartsWith("HTTP/1.1 413", answer, StringComparison.Ordinal);
        Assert.Contains("SL9028", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_does_not_come_to_the_end_of_its_headers_is_dropped_and_others_are_served_meanwhile()
    {
        await using var server = await TestServer.StartAsync();
        using var slow = new TcpClient();
        await slow.ConnectAsync(IPAddress.Loopback, server.Running.Port, Cancel);
        await slow.GetStream().WriteAsync("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"u8.ToArray(), Cancel);
        using var browser = server.Browser();
        Assert.Equal("ok\n", await browser.GetStringAsync("/healthz", Cancel));
        // Kestrel's clock has a resolution of a second: 15 s and a little.
        var buffer = new byte[4096];
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        var text = new StringBuilder();
        for (int read; (read = await slow.GetStream().ReadAsync(buffer, deadline.Token)) > 0;) text.Append(Encoding.ASCII.GetString(buffer, 0, read));
        Assert.StartsWith("HTTP/1.1 408", text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_headers_are_refused()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/healthz");
        for (var i = 0; i < 100; i++) request.Headers.Add($"X-Header-{i}", "1");
        using var answer = await browser.SendAsync(request, Cancel);
        Assert.Equal((HttpStatusCode)431, answer.StatusCode);
    }

    [Fact]
    public async Task Whoever_asks_too_often_waits()
    {
        await using var server = await TestServer.StartAsync(o => o with { RequestBurst = 20 });
        using var program = await server.ProgramAsync("read");
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 60; i++)
        {
            using var answer = await program.GetAsync("/api/v1/me", Cancel);
            answers.Add(answer.StatusCode);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests) Assert.Equal("SL9027", await TestServer.CodeAsync(answer));
        }

        Assert.All(answers.Take(20), s => Assert.Equal(HttpStatusCode.OK, s));
        Assert.Contains(HttpStatusCode.TooManyRequests, answers);
    }

    [Theory]
    [InlineData("/api/v1/documents/Plan/..%2f..%2fetc%2fpasswd")]
    [InlineData("/api/v1/documents/..%2fPlan/a")]
    [InlineData("/api/v1/migrations/..%2f..%2fkeys")]
    [InlineData("/api/v1/migrations/%2e%2e/seal")]
    [InlineData("/api/v1/providers/..%2f..%2fetc/machines")]
    [InlineData("/api/v1/runs/%00")]
    [InlineData("/assets/..%2f..%2fsealift-server.dll")]
    [InlineData("/assets/%2e%2e/appsettings.json")]
    public async Task A_name_is_no_path(string path)
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        using var answer = await program.GetAsync(path, Cancel);
        Assert.InRange((int)answer.StatusCode, 400, 499);
        Assert.DoesNotContain("root:", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HTML_in_the_name_of_a_machine_stays_text()
    {
        const string Name = "<script>alert(1)</script>&\"'";
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        using var stored = await program.PostAsync("/api/v1/documents", TestServer.Json(TestServer.PlanOf("weekend", Name)), Cancel);
        Assert.True(stored.IsSuccessStatusCode, await stored.Content.ReadAsStringAsync(Cancel));
        using var answer = await program.GetAsync("/api/v1/documents/Plan/weekend", Cancel);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(Name, (await TestServer.ReadAsync(answer)).GetProperty("spec").GetProperty("vms")[0].GetProperty("name").GetString());
        // A page that quotes what somebody sent.
        using var browser = server.Browser();
        var page = await browser.GetStringAsync("/login?returnUrl=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", Cancel);
        Assert.Contains("alert(1)", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fault_of_ours_tells_nothing_of_the_inside()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("admin");
        using var answer = await program.PostAsync("/api/v1/users", TestServer.Json("{\"name\":"), Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        Assert.DoesNotContain(".cs:", text, StringComparison.Ordinal);
    }
}
