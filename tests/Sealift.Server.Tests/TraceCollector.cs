using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Sealift.Server.Tests;

/// <summary>A span as a collector was told of it.</summary>
/// <param name="Service">Whose: the resource's <c>service.name</c>.</param>
/// <param name="Source">What made it.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Attributes">What is said of it, as text.</param>
internal sealed record CollectedSpan(string Service, string Source, string Name, IReadOnlyDictionary<string, string> Attributes);

/// <summary>
/// Takes traces by OTLP over HTTP (opentelemetry.proto.collector.trace.v1, ExportTraceServiceRequest), and reads of them what tests look at, with
/// a reader of protobuf's wire format of its own: what the exporter writes is not believed because its own library can read it.
/// </summary>
internal sealed class TraceCollector : IAsyncDisposable
{
    private readonly WebApplication application;

    private TraceCollector(WebApplication application) => this.application = application;

    public Uri Endpoint { get; private set; } = null!;

    public ConcurrentQueue<CollectedSpan> Spans { get; } = [];

    /// <summary>All that came, as it came.</summary>
    public ConcurrentQueue<byte[]> Bodies { get; } = [];

    public static async Task<TraceCollector> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        var application = builder.Build();
        var collector = new TraceCollector(application);
        application.UseRouting();
        application.MapPost("/v1/traces", async (HttpRequest request) =>
        {
            if (request.ContentType != "application/x-protobuf") return Results.StatusCode(415);
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            collector.Bodies.Enqueue(body.ToArray());
            foreach (var span in Read(body.ToArray())) collector.Spans.Enqueue(span);
            return Results.Bytes([], "application/x-protobuf"); // an ExportTraceServiceResponse that rejects nothing
        });
        await application.StartAsync(TestServer.Cancel);
        collector.Endpoint = new Uri(application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/v1/traces");
        return collector;
    }

    public async ValueTask DisposeAsync()
    {
        await application.StopAsync();
        await application.DisposeAsync();
    }

    private static IEnumerable<CollectedSpan> Read(ReadOnlyMemory<byte> request)
    {
        foreach (var resourceSpans in Parts(request, 1))
        {
            var resource = Parts(resourceSpans, 1).Select(r => Attributes(r, 1)).FirstOrDefault();
            foreach (var scopeSpans in Parts(resourceSpans, 2))
            {
                var source = Parts(scopeSpans, 1).SelectMany(scope => Parts(scope, 1)).Select(Text).FirstOrDefault(string.Empty);
                foreach (var span in Parts(scopeSpans, 2))
                    yield return new CollectedSpan(resource?.GetValueOrDefault("service.name") ?? string.Empty, source, Text(Parts(span, 5).Single()), Attributes(span, 9));
            }
        }
    }

    private static Dictionary<string, string> Attributes(ReadOnlyMemory<byte> message, int field) => Parts(message, field).ToDictionary(pair => Text(Parts(pair, 1).Single()), pair => Value(Parts(pair, 2).Single()));

    /// <summary>An AnyValue: text, a boolean or a number; others are not looked at.</summary>
    private static string Value(ReadOnlyMemory<byte> any)
    {
        foreach (var (field, number, part) in Fields(any)) return field == 1 ? Text(part) : number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return string.Empty;
    }

    private static string Text(ReadOnlyMemory<byte> part) => Encoding.UTF8.GetString(part.Span);

    private static IEnumerable<ReadOnlyMemory<byte>> Parts(ReadOnlyMemory<byte> message, int field) => Fields(message).Where(f => f.Field == field).Select(f => f.Part);

    /// <summary>Protobuf's wire format: a tag of field number and wire type, then a varint, eight bytes, a length and as many bytes, or four bytes.</summary>
    private static IEnumerable<(int Field, ulong Number, ReadOnlyMemory<byte> Part)> Fields(ReadOnlyMemory<byte> message)
    {
        var at = 0;
        while (at < message.Length)
        {
            var tag = Varint();
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    yield return (field, Varint(), default);
                    break;
                case 1:
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint();
                    yield return (field, 0, message.Slice(at, length));
                    at += length;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    throw new InvalidDataException($"wire type {tag & 7} at byte {at}");
            }
        }

        ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; ; shift += 7)
            {
                var next = message.Span[at++];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80) return value;
            }
        }
    }
}
