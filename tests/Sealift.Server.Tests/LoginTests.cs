using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Server.Accounts;
using Sealift.Server.Auditing;
using Sealift.Server.Security;

namespace Sealift.Server.Tests;

/// <summary>Who is let in, for how long, and who is not.</summary>
public sealed class LoginTests
{
    private static CancellationToken Cancel => TestServer.Cancel;

    [Fact]
    public async Task The_first_user_is_made_by_a_link_that_is_good_once()
    {
        await using var server = await TestServer.StartAsync(withUsers: false);
        var link = new Uri(server.Running.SetUpLink!);
        using var stranger = server.Browser();
        var refused = await TestServer.SubmitAsync(stranger, "/login", new() { ["token"] = "guessed", ["user"] = "eve", ["password"] = TestServer.Password }, "/set-up");
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);

        using var browser = server.Browser();
        var token = link.Query["?token=".Length..];
        using var made = await TestServer.SubmitAsync(browser, link.PathAndQuery, new() { ["token"] = token, ["user"] = "alice", ["password"] = TestServer.Password });
        Assert.Equal("/", made.Headers.Location?.OriginalString);
        Assert.Contains("\"admin\"", await browser.GetStringAsync("/api/v1/me", Cancel), StringComparison.Ordinal);

        using var second = server.Browser();
        Assert.DoesNotContain("<form", await second.GetStringAsync(link.PathAndQuery, Cancel), StringComparison.Ordinal);
        using var again = await TestServer.SubmitAsync(second, "/login", new() { ["token"] = token, ["user"] = "eve", ["password"] = TestServer.Password }, "/set-up");
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
    }

    [Fact]
    public async Task A_server_with_users_has_no_link()
    {
        await using var server = await TestServer.StartAsync();
        Assert.Null(server.Running.SetUpLink);
    }

    [Fact]
    public async Task A_cookie_is_out_of_reach_of_scripts_and_of_other_sites()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        using var answer = await TestServer.LogInAsync(browser, "read", TestServer.Password);
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("sealift-session=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("read", await browser.GetStringAsync("/api/v1/me", Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("read", "wrong horse battery staple")]
    [InlineData("nobody", TestServer.Password)]
    [InlineData("", "")]
    [InlineData("read' OR '1'='1", TestServer.Password)]
    public async Task Who_does_not_know_the_password_is_told_no_more_than_that(string user, string password)
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        using var answer = await TestServer.LogInAsync(browser, user, password);
        Assert.StartsWith("/login?failed=wrong", answer.Headers.Location!.OriginalString, StringComparison.Ordinal);
        using var me = await browser.GetAsync("/api/v1/me", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, me.StatusCode);
    }

    [Fact]
    public async Task After_five_wrong_passwords_even_the_right_one_waits()
    {
        var time = new SteppedTime();
        await using var server = await TestServer.StartAsync(time: time);
        using var browser = server.Browser();
        for (var i = 0; i < UserAccounts.FreeFailures; i++)
            (await TestServer.LogInAsync(browser, "read", "wrong horse battery staple")).Dispose();
        using (var locked = await TestServer.LogInAsync(browser, "read", TestServer.Password)) Assert.StartsWith("/login?failed=locked", locked.Headers.Location!.OriginalString, StringComparison.Ordinal);
        using (var other = await TestServer.LogInAsync(browser, "plan", TestServer.Password)) Assert.Equal("/", other.Headers.Location!.OriginalString);
        time.Advance(TimeSpan.FromSeconds(31));
        using (var wrong = await TestServer.LogInAsync(browser, "read", "wrong horse battery staple")) Assert.StartsWith("/login?failed=wrong", wrong.Headers.Location!.OriginalString, StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(31));
        using (var longer = await TestServer.LogInAsync(browser, "read", TestServer.Password)) Assert.StartsWith("/login?failed=locked", longer.Headers.Location!.OriginalString, StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(31));
        using (var right = await TestServer.LogInAsync(browser, "read", TestServer.Password)) Assert.Equal("/", right.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Many_guesses_at_once_are_no_way_around_the_count()
    {
        await using var server = await TestServer.StartAsync();
        var users = server.Running.Services.GetRequiredService<UserAccounts>();
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => users.VerifyAsync("read", $"guess number {i}", Cancel)));
        Assert.True(answers.Count(a => a == PasswordAnswer.Wrong) <= UserAccounts.FreeFailures);
        Assert.Equal(PasswordAnswer.Locked, await users.VerifyAsync("read", TestServer.Password, Cancel));
    }

    [Fact]
    public async Task An_address_that_tries_often_is_slowed_down()
    {
        await using var server = await TestServer.StartAsync(o => o with { LoginsPerMinute = 3 });
        using var browser = server.Browser();
        for (var i = 0; i < 3; i++) (await TestServer.LogInAsync(browser, $"user{i}", TestServer.Password)).Dispose();
        using var answer = await TestServer.LogInAsync(browser, "read", TestServer.Password);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
    }

    [Fact]
    public async Task A_session_outlives_the_server_and_ends_when_nobody_uses_it_or_its_time_is_over()
    {
        var directory = TestServer.NewDirectory();
        try
        {
            var time = new SteppedTime();
            var cookies = new CookieContainer();
            var port = 0;
            await using (var first = await TestServer.StartAsync(directory: directory, time: time))
            {
                port = first.Running.Port;
                await first.Running.Services.GetRequiredService<UserAccounts>().AddAsync("alice", TestServer.Password, ["read"], onlyFirst: true, Cancel);
                using var browser = await first.LoggedInAsync("alice", cookies);
            }

            await using var second = await TestServer.StartAsync(o => o with { Listen = new IPEndPoint(IPAddress.Loopback, port) }, directory, time);
            using var same = second.Browser(cookies);
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(same));
            // Used every hour, it lasts longer than it may lie idle, and no longer than a session may.
            for (var hour = 1; hour < 16; hour++)
            {
                time.Advance(TimeSpan.FromHours(1));
                Assert.Equal(HttpStatusCode.OK, await StatusAsync(same));
            }

            time.Advance(TimeSpan.FromHours(1));
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(same));
            using var idle = await second.LoggedInAsync("alice");
            time.Advance(TimeSpan.FromHours(2));
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(idle));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task A_new_password_ends_every_session()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = await server.LoggedInAsync("read");
        await server.Running.Services.GetRequiredService<UserAccounts>().SetPasswordAsync("read", "another horse battery staple", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(browser));
    }

    [Fact]
    public async Task Who_logs_out_is_out_and_a_cookie_that_was_kept_opens_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var cookies = new CookieContainer();
        using var browser = await server.LoggedInAsync("read", cookies);
        var kept = cookies.GetCookies(server.Address)["sealift-session"]!.Value;
        using var answer = await TestServer.SubmitAsync(browser, "/login", [], "/logout");
        Assert.Equal("/login", answer.Headers.Location?.OriginalString);
        var old = new CookieContainer();
        old.Add(server.Address, new Cookie("sealift-session", kept));
        using var thief = server.Browser(old);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(thief));
    }

    [Theory]
    [InlineData("https://evil.example/", "/")]
    [InlineData("//evil.example/", "/")]
    [InlineData("/\\evil.example/", "/")]
    [InlineData("/\t/evil.example/", "/")]
    [InlineData("javascript:alert(1)", "/")]
    [InlineData("/plans/weekend?wave=2", "/plans/weekend?wave=2")]
    public async Task A_login_leads_to_no_other_host(string returnUrl, string expected)
    {
        Assert.Equal(expected, LoginForms.Local(returnUrl));
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        using var answer = await TestServer.LogInAsync(browser, "read", TestServer.Password, returnUrl);
        Assert.Equal(expected, answer.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task A_page_that_needs_a_login_comes_back_after_it()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        using var answer = await browser.GetAsync("/?x=1", Cancel);
        Assert.Equal("/login?returnUrl=%2F%3Fx%3D1", answer.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task A_form_without_the_token_of_its_page_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        using var content = new FormUrlEncodedContent(new Dictionary<string, string> { ["user"] = "read", ["password"] = TestServer.Password });
        using var answer = await browser.PostAsync("/login", content, Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Passwords_are_neither_in_the_database_nor_in_the_audit_log()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        (await TestServer.LogInAsync(browser, "read", "an unmistakable mistake")).Dispose();
        using var inName = await TestServer.LogInAsync(browser, "read", TestServer.Password);
        var entries = await server.Running.Services.GetRequiredService<AuditLog>().ListAsync(null, 100, Cancel);
        Assert.Equal(["done", "denied"], entries.Where(e => e.Action == "login").Select(e => e.Outcome));
        var bytes = string.Concat(Directory.GetFiles(server.Options.StateDirectory, "plans.db*").Select(f => File.ReadAllText(f, System.Text.Encoding.Latin1)));
        Assert.Contains("server_audit", bytes, StringComparison.Ordinal);
        Assert.DoesNotContain("unmistakable", bytes, StringComparison.Ordinal);
        Assert.DoesNotContain(TestServer.Password, bytes, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("aaaaaaaaaaaaaaaa")]
    [InlineData("my name is alice ok")]
    public async Task A_password_that_is_easily_guessed_is_refused(string password)
    {
        await using var server = await TestServer.StartAsync();
        var error = await Assert.ThrowsAsync<Posix.SealiftException>(() => server.Running.Services.GetRequiredService<UserAccounts>().AddAsync("alice", password, ["read"], false, Cancel));
        Assert.Equal("SL9011", error.Code);
        Assert.DoesNotContain(password, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_last_admin_stays()
    {
        await using var server = await TestServer.StartAsync();
        var users = server.Running.Services.GetRequiredService<UserAccounts>();
        Assert.Equal("SL9016", (await Assert.ThrowsAsync<Posix.SealiftException>(() => users.RemoveAsync("admin", Cancel))).Code);
        Assert.Equal("SL9016", (await Assert.ThrowsAsync<Posix.SealiftException>(() => users.SetRolesAsync("admin", ["read"], Cancel))).Code);
        Assert.Equal(["admin"], await users.RolesAsync("admin", Cancel));
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient browser)
    {
        using var answer = await browser.GetAsync("/api/v1/me", Cancel);
        return answer.StatusCode;
    }
}
