using Microsoft.AspNetCore.Http.Features;
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
        // Otherwise the framework says nothing of the request itself, and leaves that to a package of OpenTelemetry's.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        services.AddOpenTelemetry()
            .ConfigureResource(r => r.AddService("sealift-server", serviceVersion: typeof(Traces).Assembly.GetName().Version?.ToString(3)))
            // The framework's own source: it says method and path, and neither query nor body.
            .WithTracing(t => t.AddSource("Microsoft.AspNetCore").AddOtlpExporter(o =>
            {
                o.Endpoint = endpoint;
                o.Protocol = OtlpExportProtocol.HttpProtobuf;
            }));
    }

    /// <summary>Says of each request, at its end, what the framework does not: which route it took, and how it was answered.</summary>
    public static void UseTraces(this WebApplication application, ServerOptions options)
    {
        if (options.TracesEndpoint is null) return;
        application.Use(async (context, next) =>
        {
            try
            {
                await next(context);
            }
            finally
            {
                if (context.Features.Get<IHttpActivityFeature>()?.Activity is { IsAllDataRequested: true } span)
                {
                    // Of an address that there is not, as of one with a name in it, only the kind becomes the span's name: names are searched by.
                    var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
                    span.DisplayName = route is null ? Method(context.Request.Method) : $"{Method(context.Request.Method)} {route}";
                    if (route is not null) _ = span.SetTag("http.route", route); // the span itself
                    _ = span.SetTag("user_agent.original", null); // who asked is for the audit log
                    _ = span.SetTag("http.response.status_code", context.Response.StatusCode); // likewise
                }
            }
        });

        // A request may call its method what it likes.
        static string Method(string method) => HttpMethods.IsGet(method) || HttpMethods.IsPost(method) || HttpMethods.IsPut(method) || HttpMethods.IsDelete(method) || HttpMethods.IsHead(method) ? method.ToUpperInvariant() : "HTTP";
    }
}
