using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Posix;
using Sealift.Server.Accounts;
using Sealift.Server.Api;
using Sealift.Server.Auditing;
using Sealift.Server.Database;
using Sealift.Server.Metrics;
using Sealift.Server.Pages;
using Sealift.Server.Security;

namespace Sealift.Server;

/// <summary>A server that listens.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly ServerStorage storage;
    private bool isDisposed;

    private RunningServer(WebApplication application, ServerStorage storage, ServerOptions options)
    {
        (this.application, this.storage) = (application, storage);
        var bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Port = new Uri(bound).Port;
        Address = options.Address(Port);
    }

    /// <summary>The port that it listens on.</summary>
    public int Port { get; }

    /// <summary>What browsers are told to call.</summary>
    public string Address { get; }

    /// <summary>The link by which the first user is made; null where there is a user.</summary>
    public string? SetUpLink { get; private set; }

    /// <summary>The services of the application, for tests.</summary>
    internal IServiceProvider Services => application.Services;

    /// <summary>Starts one. When it returns, it listens.</summary>
    /// <exception cref="SealiftException">It is not set up so that it may listen, or cannot.</exception>
    public static async Task<RunningServer> StartAsync(ServerOptions options, ServerParts parts, CancellationToken cancel)
    {
        PosixPath.EnsureDirectory(options.StateDirectory, 0x1C0 /* 0700 */);
        var isOpen = !IPAddress.IsLoopback(options.Listen.Address);
        if (isOpen && !options.IsTls) throw ServerErrors.OpenWithoutTls(options.Listen.ToString());
        var certificate = options.IsTls ? ServerCertificate.Read(options.CertificateFile!, options.KeyFile!) : null;
        var storage = await ServerStorage.OpenAsync(options, cancel);
        WebApplication? application = null;
        try
        {
            application = Build(options, parts, storage, certificate);
            var users = application.Services.GetRequiredService<UserAccounts>();
            var isNew = !await users.AnyAsync(cancel);
            if (isNew && isOpen) throw ServerErrors.OpenWithoutUser(options.Listen.ToString());
            await application.StartAsync(cancel);
            var server = new RunningServer(application, storage, options);
            if (isNew) server.SetUpLink = $"{server.Address}/set-up?token={application.Services.GetRequiredService<SetUpLink>().Make()}";
            return server;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            if (application is not null) await application.DisposeAsync();
            await storage.DisposeAsync();
            throw ServerErrors.CannotListen(options.Listen.ToString(), e.InnerException?.Message ?? e.Message, e);
        }
        catch
        {
            if (application is not null) await application.DisposeAsync();
            await storage.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns when somebody asked it to stop, or when it stopped by itself.</summary>
    /// <returns>Whether somebody asked: otherwise something that it cannot do without has ended, which its log tells.</returns>
    public async Task<bool> WaitAsync(CancellationToken cancel)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var ours = cancel.Register(() => asked.TrySetResult());
        await using var its = application.Lifetime.ApplicationStopping.Register(() => asked.TrySetResult());
        await asked.Task;
        return cancel.IsCancellationRequested;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (isDisposed) return;
        isDisposed = true;
        await application.StopAsync();
        await application.DisposeAsync();
        await storage.DisposeAsync();
    }

    private static WebApplication Build(ServerOptions options, ServerParts parts, ServerStorage storage, X509Certificate2Collection? certificate)
    {
        // Nothing is read from the environment, the current directory or beside the program: it listens where it was told to and nowhere else.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "sealift-server", ContentRootPath = options.StateDirectory, EnvironmentName = "Production" });
        builder.Logging.AddSimpleConsole(o => o.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        // Their texts quote what was sent, which may be a password in the wrong field.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.None).AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error).AddFilter("Microsoft.AspNetCore.Antiforgery", LogLevel.Error);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => Limit(kestrel, options, certificate));
        var services = builder.Services;
        services.AddSingleton<IHostLifetime, CommandLifetime>();
        services.AddSingleton(options).AddSingleton(parts.Time).AddSingleton(parts).AddSingleton(storage).AddSingleton(storage.Database);
        services.AddSingleton(s => new UserAccounts(storage.Database, parts.Time, parts.PasswordRounds));
        services.AddSingleton<LoginSessions>().AddSingleton<ApiTokens>().AddSingleton<SetUpLink>().AddSingleton<AuditLog>().AddSingleton<EventStreams>();
        services.AddSingleton(_ => new MigrationStore(options.StateDirectory));
        if (parts.Plans is { } plans)
        {
            services.AddSingleton(plans);
        }
        else
        {
            services.AddSingleton(s => new PlanService(storage.Plans, s.GetRequiredService<MigrationStore>(), parts.Time));
            services.AddSingleton<IPlanService>(s => s.GetRequiredService<PlanService>());
            services.AddSingleton<PlanCarrier>().AddHostedService(s => s.GetRequiredService<PlanCarrier>());
        }

        services.AddSingleton<Validations>().AddSingleton<VerificationTurns>();
        services.AddSingleton<MetricsText>().AddSingleton<MigrationFigures>().AddHostedService(s => s.GetRequiredService<MetricsText>());
        services.AddRouting();
        services.AddHttpContextAccessor();
        services.AddCascadingAuthenticationState();
        services.AddRazorComponents();
        services.AddPages();
        services.AddGuard(options);
        // What forms are signed with. The application's name keeps the keys of another program of this host apart.
        services.AddDataProtection().SetApplicationName("sealift-server");
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(new ConfigureOptions<KeyManagementOptions>(o =>
            o.XmlRepository = storage.IsShared ? new KeyRows(storage.Database) : new KeyFiles(Path.Combine(options.StateDirectory, "server-keys"))));
        services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.Converters.Add(new DocumentConverter());
            o.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
            o.SerializerOptions.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            o.SerializerOptions.RespectNullableAnnotations = true;
            o.SerializerOptions.RespectRequiredConstructorParameters = true;
            o.SerializerOptions.MaxDepth = 32;
            o.SerializerOptions.AllowDuplicateProperties = false;
        });
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        services.Configure<HostOptions>(o =>
        {
            o.ShutdownTimeout = TimeSpan.FromSeconds(75);
            // One after the other, the last would have to do with what the first left of that time.
            o.ServicesStopConcurrently = true;
        });
        // A plan of thousands is a form of as many fields.
        services.Configure<Microsoft.AspNetCore.Http.Features.FormOptions>(o => o.ValueCountLimit = 16_384);
        services.AddApiDescription();
        Traces.Add(services, options);
        parts.Configure?.Invoke(builder);

        var application = builder.Build();
        application.UseTraces(options);
        application.UseGuard(options);
        Problem.UseProblems(application);
        application.UseStatusCodePages(async context =>
        {
            await Problem.WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode, ServerErrors.OfStatus(context.HttpContext.Response.StatusCode, context.HttpContext.Request.Path));
        });
        application.UseRouting();
        // Answered within authentication, where nobody is known yet and the limiter below never comes to see it.
        application.UseWhen(c => c.Request.Path.StartsWithSegments(ExternalLogin.Callback), b => b.UseRateLimiter());
        application.UseAuthentication();
        application.UseRateLimiter();
        application.UseCookieGuard();
        application.UseAuthorization();
        application.UseAntiforgery();
        application.MapAssets();
        application.MapLoginForms(options);
        application.MapApi();
        application.MapHealth(options);
        application.MapPages();
        return application;
    }

    private static void Limit(KestrelServerOptions kestrel, ServerOptions options, X509Certificate2Collection? certificate)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = Guard.LongestBody;
        limits.MaxRequestHeaderCount = 64;
        limits.MaxRequestHeadersTotalSize = 32 << 10;
        limits.MaxRequestLineSize = 8 << 10;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
        limits.MinRequestBodyDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));
        limits.MinResponseDataRate = new MinDataRate(240, TimeSpan.FromSeconds(10));
        limits.MaxConcurrentConnections = options.Connections;
        limits.Http2.MaxStreamsPerConnection = 100;
        kestrel.Listen(options.Listen, listen =>
        {
            if (certificate is not null) listen.UseHttps(https =>
            {
                https.ServerCertificate = certificate[0];
                https.ServerCertificateChain = certificate;
                https.SslProtocols = System.Security.Authentication.SslProtocols.Tls12 | System.Security.Authentication.SslProtocols.Tls13;
            });
        });
    }

    /// <summary>Signals are the command's business, which stops the host.</summary>
    private sealed class CommandLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
