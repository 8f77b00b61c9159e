using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Sealift.Posix;
using Sealift.Server.Pages;
using Sealift.Server.Security;

namespace Sealift.Server;

/// <summary>A server that listens.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication application;

    private RunningServer(WebApplication application, ServerOptions options)
    {
        this.application = application;
        var bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Port = new Uri(bound).Port;
        Address = options.Address(Port);
    }

    /// <summary>The port that it listens on.</summary>
    public int Port { get; }

    /// <summary>What browsers are told to call.</summary>
    public string Address { get; }

    /// <summary>The services of the application, for tests.</summary>
    internal IServiceProvider Services => application.Services;

    /// <summary>Starts one. When it returns, it listens.</summary>
    /// <exception cref="SealiftException">It is not set up so that it may listen, or cannot.</exception>
    public static async Task<RunningServer> StartAsync(ServerOptions options, ServerParts parts, CancellationToken cancel)
    {
        PosixPath.EnsureDirectory(options.StateDirectory, 0x1C0 /* 0700 */);
        // Nothing is read from the environment, the current directory or beside the program: it listens where it was told to and nowhere else.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "sealift-server", ContentRootPath = options.StateDirectory, EnvironmentName = "Production" });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.Logging.AddSimpleConsole(o => o.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(options.Listen));
        builder.Services.AddSingleton(options).AddSingleton(parts.Time);
        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
        builder.Services.AddRouting();
        builder.Services.AddRazorComponents();
        builder.Services.AddAntiforgery();
        parts.Configure?.Invoke(builder);
        var application = builder.Build();
        application.UseRouting();
        application.UseAntiforgery();
        application.MapAssets();
        application.MapRazorComponents<App>();
        try
        {
            await application.StartAsync(cancel);
        }
        catch (IOException e)
        {
            await application.DisposeAsync();
            throw ServerErrors.CannotListen(options.Listen.ToString(), e.InnerException?.Message ?? e.Message, e);
        }

        return new RunningServer(application, options);
    }

    /// <summary>Returns when somebody asked it to stop, or when it stopped by itself.</summary>
    public async Task WaitAsync(CancellationToken cancel)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var ours = cancel.Register(() => asked.TrySetResult());
        await using var its = application.Lifetime.ApplicationStopping.Register(() => asked.TrySetResult());
        await asked.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await application.StopAsync();
        await application.DisposeAsync();
    }

    /// <summary>Signals are the command's business, which stops the host.</summary>
    private sealed class CommandLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
