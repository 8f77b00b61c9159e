using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Sealift.Server.Metrics;

/// <summary>Traces of requests, where the settings name somebody who takes them.</summary>
internal static class Traces
{
    /// <summary>Adds them.</summary>
    public static void Add(IServiceCollection services, ServerOptions options)
    {
        if (options.TracesEndpoint is not { } endpoint) return;
        services.AddOpenTelemetry()
            .ConfigureResource(r => r.AddService("sealift-server", serviceVersion: typeof(Traces).Assembly.GetName().Version?.ToString(3)))
            // The framework's own source: it says method, route and status, and neither query nor body.
            .WithTracing(t => t.AddSource("Microsoft.AspNetCore").AddOtlpExporter(o =>
            {
                o.Endpoint = endpoint;
                o.Protocol = OtlpExportProtocol.HttpProtobuf;
            }));
    }
}
