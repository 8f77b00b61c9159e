using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace Sealift.Server.Security;

/// <summary>
/// Style sheets, scripts and pictures: embedded in the program from <c>wwwroot/</c>, so that what browsers are given is what was built.
/// <see cref="Path"/> gives their addresses, which change with their content and are kept by browsers for a year.
/// </summary>
public static class EmbeddedAssets
{
    private const string Prefix = "wwwroot/";

    private static readonly FrozenDictionary<string, Asset> All = Read();

    /// <summary>The address of an asset, such as <c>/assets/site.css?v=…</c>.</summary>
    /// <param name="name">Its path below <c>wwwroot/</c>.</param>
    public static string Path(string name) => All.TryGetValue(name, out var asset) ? $"/assets/{name}?v={asset.Version}" : throw new ArgumentException($"There is no asset {name}", nameof(name));

    /// <summary>Maps them. Nobody has to be logged in.</summary>
    internal static void MapAssets(this IEndpointRouteBuilder routes) => routes.MapMethods("/assets/{**name}", ["GET", "HEAD"], (string name, [FromQuery(Name = "v")] string? version, HttpContext context) =>
    {
        if (!All.TryGetValue(name, out var asset)) return Results.NotFound();
        context.Response.Headers.CacheControl = version == asset.Version ? "public, max-age=31536000, immutable" : "no-cache";
        return Results.Bytes(asset.Content, asset.Type, entityTag: new EntityTagHeaderValue($"\"{asset.Version}\""));
    }).AllowAnonymous().ExcludeFromDescription();

    private static FrozenDictionary<string, Asset> Read()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var all = new Dictionary<string, Asset>(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            all.Add(resource[Prefix.Length..], new Asset(content, TypeOf(resource), Convert.ToHexStringLower(SHA256.HashData(content))[..16]));
        }

        return all.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static string TypeOf(string name) => System.IO.Path.GetExtension(name) switch
    {
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".png" => "image/png",
        ".ico" => "image/x-icon",
        ".woff2" => "font/woff2",
        _ => "application/octet-stream",
    };

    private sealed record Asset(byte[] Content, string Type, string Version);
}
