using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Migrations;
using Sealift.Server.Accounts;
using Sealift.Server.Api;
using Sealift.Server.Database;

namespace Sealift.Server.Tests;

/// <summary>A server of this process, on a port of the loopback, with a state directory of its own.</summary>
internal sealed partial class TestServer : IAsyncDisposable
{
    public const string Password = "correct horse battery staple";

    private readonly string directory;
    private readonly bool ownsDirectory;

    private TestServer(RunningServer running, ServerOptions options, string directory, bool ownsDirectory)
    {
        (Running, Options, this.directory, this.ownsDirectory) = (running, options, directory, ownsDirectory);
    }

    public RunningServer Running { get; }

    public ServerOptions Options { get; }

    public Uri Address => new(Running.Address);

    public TestPlans Plans => (TestPlans)Running.Services.GetRequiredService<Sealift.Plans.IPlanService>();

    public static string NewDirectory() => Directory.CreateTempSubdirectory("sealift-server-").FullName;

    /// <summary>Starts one with the users <c>read</c>, <c>plan</c>, <c>operate</c> and <c>admin</c>, each of that role.</summary>
    public static async Task<TestServer> StartAsync(Func<ServerOptions, ServerOptions>? change = null, string? directory = null, TimeProvider? time = null, bool withUsers = true)
    {
        var state = directory ?? NewDirectory();
        var options = new ServerOptions { StateDirectory = state, Listen = new IPEndPoint(IPAddress.Loopback, 0), LoginsPerMinute = 10_000, RequestBurst = 100_000 };
        options = change?.Invoke(options) ?? options;
        if (withUsers && directory is null)
        {
            await using var storage = await ServerStorage.OpenAsync(options, Cancel);
            using var users = new UserAccounts(storage.Database, TimeProvider.System, 1000);
            foreach (var scope in Scope.All) await users.AddAsync(scope, Password, [scope], onlyFirst: false, Cancel);
        }

        var parts = new ServerParts
        {
            PasswordRounds = 1000,
            Time = time ?? TimeProvider.System,
            Heartbeat = TimeSpan.FromMilliseconds(100),
            Plans = s => new TestPlans(s.GetRequiredService<ServerStorage>().Plans, s.GetRequiredService<MigrationStore>()),
        };
        try
        {
            return new TestServer(await RunningServer.StartAsync(options, parts, Cancel), options, state, directory is null);
        }
        catch when (directory is null)
        {
            Directory.Delete(state, recursive: true); // one that is not to start
            throw;
        }
    }

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A browser, which follows nothing by itself.</summary>
    public HttpClient Browser(CookieContainer? cookies = null) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        CookieContainer = cookies ?? new CookieContainer(),
        SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
    })
    { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(100) };

    /// <summary>A browser in which a user is logged in.</summary>
    public async Task<HttpClient> LoggedInAsync(string user, CookieContainer? cookies = null)
    {
        var browser = Browser(cookies);
        using var answer = await LogInAsync(browser, user, Password);
        Assert.Equal("/", answer.Headers.Location?.OriginalString);
        return browser;
    }

    public static async Task<HttpResponseMessage> LogInAsync(HttpClient browser, string user, string password, string? returnUrl = null) =>
        await SubmitAsync(browser, "/login", new() { ["user"] = user, ["password"] = password, ["returnUrl"] = returnUrl ?? "/" });

    /// <summary>Loads a page with a form and sends it.</summary>
    public static async Task<HttpResponseMessage> SubmitAsync(HttpClient browser, string page, Dictionary<string, string> fields, string? action = null)
    {
        var html = await browser.GetStringAsync(page, Cancel);
        fields["__RequestVerificationToken"] = Token().Match(html).Groups[1].Value;
        using var content = new FormUrlEncodedContent(fields);
        return await browser.PostAsync(action ?? page.Split('?')[0], content, Cancel);
    }

    /// <summary>A program with a token of a user's.</summary>
    public async Task<HttpClient> ProgramAsync(string user, params string[] scopes)
    {
        var (token, _) = await Running.Services.GetRequiredService<ApiTokens>().CreateAsync(user, "test", scopes.Length == 0 ? [user] : scopes, TimeSpan.FromHours(1), Cancel);
        return Program(token);
    }

    public HttpClient Program(string token)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    public static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    public static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        return document.RootElement.Clone();
    }

    /// <summary>The code of the problem that an answer is.</summary>
    public static async Task<string> CodeAsync(HttpResponseMessage answer)
    {
        Assert.Equal(Problem.ContentType, answer.Content.Headers.ContentType?.MediaType);
        return (await ReadAsync(answer)).GetProperty("code").GetString()!;
    }

    /// <summary>Stores a plan of one machine, with its providers.</summary>
    public static string PlanOf(string name, string machine) => $$$"""
        [{"apiVersion":"sealift.io/v1alpha1","kind":"Provider","metadata":{"name":"from"},"spec":{"type":"ova","url":"/srv/in"}},
         {"apiVersion":"sealift.io/v1alpha1","kind":"Provider","metadata":{"name":"to"},"spec":{"type":"directory","url":"/srv/out"}},
         {"apiVersion":"sealift.io/v1alpha1","kind":"Plan","metadata":{"name":"{{{name}}}"},"spec":{"provider":{"source":{"name":"from"},"destination":{"name":"to"}},"vms":[{"name":{{{JsonSerializer.Serialize(machine)}}}}]}}]
        """;

    public async ValueTask DisposeAsync()
    {
        await Running.DisposeAsync();
        if (ownsDirectory) Directory.Delete(directory, recursive: true);
    }

    /// <summary>Stops it and keeps its state.</summary>
    public async Task StopAsync() => await Running.DisposeAsync();

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex Token();
}
