using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Sealift.VSphere;

/// <content>Tags, which a vCenter keeps beside its inventory, and shows by another API: REST, <c>/rest/com/vmware/cis</c>, since 6.5.</content>
public sealed partial class VSphereClient
{
    private const int TagLimit = 256;
    private const int TagReplyBytes = 1 << 20;
    private const string TagSession = "vmware-api-session-id";

    /// <summary>The tags of an object, by category and name. An ESXi host, and a vCenter before 6.5, has none.</summary>
    /// <param name="target">The object.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">The server did not answer, or not with tags.</exception>
    public async Task<IReadOnlyList<VSphereTag>> TagsAsync(ManagedReference target, CancellationToken cancel)
    {
        if (!Service.IsVirtualCenter) return [];
        using var files = new FileHttp(options, options.Trust);
        var login = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.User}:{options.Password.Reveal()}"));
        if (await TagCallAsync(files, HttpMethod.Post, "session", r => r.Headers.Authorization = new AuthenticationHeaderValue("Basic", login), v => v.GetString(), cancel) is not { } session) return [];
        try
        {
            var body = $$$"""{"object_id":{"id":"{{{JsonEncodedText.Encode(target.Value)}}}","type":"{{{JsonEncodedText.Encode(target.Type)}}}"}}""";
            var ids = await TagCallAsync(files, HttpMethod.Post, "tagging/tag-association?~action=list-attached-tags", Prepare(body), v => v.EnumerateArray().Select(i => i.GetString() ?? string.Empty).ToList(), cancel) ?? [];
            if (ids.Count > TagLimit) throw VSphereErrors.NotUnderstood("read tags", SubjectOf(target), $"it has {ids.Count} tags, more than {TagLimit}");
            var (tags, categories) = (new List<VSphereTag>(), new Dictionary<string, string>());
            foreach (var id in ids.Order(StringComparer.Ordinal))
            {
                // One that was removed meanwhile is none.
                if (await TagCallAsync(files, HttpMethod.Get, $"tagging/tag/id:{Uri.EscapeDataString(id)}", Prepare(null), v => (Name: Text(v, "name"), Category: Text(v, "category_id")), cancel) is not { Name: { } name, Category: { } category }) continue;
                if (!categories.TryGetValue(category, out var called))
                    categories[category] = called = await TagCallAsync(files, HttpMethod.Get, $"tagging/category/id:{Uri.EscapeDataString(category)}", Prepare(null), v => Text(v, "name"), cancel) ?? category;
                tags.Add(new VSphereTag(called, name));
            }

            return [.. tags.OrderBy(t => t.Category, StringComparer.Ordinal).ThenBy(t => t.Name, StringComparer.Ordinal)];
        }
        finally
        {
            await LogOutOfTagsAsync(files, Prepare(null));
        }

        Action<HttpRequestMessage> Prepare(string? json) => r =>
        {
            r.Headers.Add(TagSession, session);
            if (json is not null) r.Content = new StringContent(json, Encoding.UTF8, "application/json");
        };

        static string? Text(JsonElement value, string name) => value.TryGetProperty(name, out var text) ? text.GetString() : null;
    }

    private async Task LogOutOfTagsAsync(FileHttp files, Action<HttpRequestMessage> prepare)
    {
        try
        {
            _ = await TagCallAsync(files, HttpMethod.Delete, "session", prepare, _ => string.Empty, CancellationToken.None); // it returns nothing
        }
        catch (VSphereException)
        {
            // The server ends it by itself after a while.
        }
    }

    /// <summary>Asks, and reads the <c>value</c> of the answer; null where there is no such thing.</summary>
    private Task<T?> TagCallAsync<T>(FileHttp files, HttpMethod method, string path, Action<HttpRequestMessage> prepare, Func<JsonElement, T?> read, CancellationToken cancel)
    {
        const string Attempt = "read tags";
        return files.AskAsync(Attempt, Peer, method, new Uri(options.Address, $"/rest/com/vmware/cis/{path}"), null, null, options.ReplyDeadline, async (reply, stop) =>
        {
            if (reply.StatusCode == HttpStatusCode.NotFound) return default;
            if (!reply.IsSuccessStatusCode) throw VSphereErrors.NotUnderstood(Attempt, Peer, $"HTTP status {(int)reply.StatusCode}");
            await using var stream = await reply.Content.ReadAsStreamAsync(stop.Token);
            var bytes = new byte[TagReplyBytes];
            var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, stop.Token);
            if (length == bytes.Length) throw VSphereErrors.NotUnderstood(Attempt, Peer, $"it is longer than {TagReplyBytes} bytes");
            if (length == 0) return default;
            try
            {
                using var json = JsonDocument.Parse(bytes.AsMemory(0, length), new JsonDocumentOptions { MaxDepth = 8 });
                return json.RootElement.TryGetProperty("value", out var value) && value.ValueKind != JsonValueKind.Null ? read(value) : default; // a list of nothing is null to some
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw VSphereErrors.NotUnderstood(Attempt, Peer, e.Message, e);
            }
        }, cancel, prepare);
    }
}
