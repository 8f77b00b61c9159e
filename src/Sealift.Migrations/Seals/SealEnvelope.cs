using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sealift.Migrations.Seals;

/// <summary>
/// The DSSE envelope around a statement (github.com/secure-systems-lab/dsse, envelope.md and protocol.md, version 1): what was
/// signed travels byte for byte as it was signed.
/// </summary>
/// <param name="Payload">The statement, UTF-8 JSON.</param>
/// <param name="Signatures">Who signed it.</param>
public sealed record SealEnvelope(byte[] Payload, IReadOnlyList<SealSignature> Signatures)
{
    /// <summary>The payload type of an in-toto statement; the signature covers it.</summary>
    public const string PayloadType = "application/vnd.in-toto+json";

    /// <summary>The most bytes of a seal file: a hundred disks with full lists of ranges take less.</summary>
    public const int MaxFileBytes = 32 << 20;

    private const int MaxSignatures = 16;

    /// <summary>What is signed: the pre-authentication encoding <c>DSSEv1 LEN(type) type LEN(payload) payload</c>.</summary>
    /// <param name="payloadType">The payload's type.</param>
    /// <param name="payload">The payload.</param>
    public static byte[] PreAuthenticationEncoding(string payloadType, ReadOnlySpan<byte> payload)
    {
        var type = Encoding.UTF8.GetBytes(payloadType);
        var head = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"DSSEv1 {type.Length} {payloadType} {payload.Length} "));
        return [.. head, .. payload];
    }

    /// <summary>Puts a statement into an envelope and signs it.</summary>
    public static SealEnvelope Sign(byte[] payload, SealKey key) =>
        new(payload, [new SealSignature(key.KeyId, key.Sign(PreAuthenticationEncoding(PayloadType, payload)))]);

    /// <summary>Whether one of its signatures is this key's, under this key's id, and valid.</summary>
    public bool IsSignedBy(SealPublicKey key)
    {
        var message = PreAuthenticationEncoding(PayloadType, Payload);
        return Signatures.Any(s => s.KeyId == key.KeyId && key.Verify(message, s.Signature));
    }

    /// <summary>As JSON in one line.</summary>
    public byte[] ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("payloadType", PayloadType);
            json.WriteBase64String("payload", Payload);
            json.WriteStartArray("signatures");
            foreach (var signature in Signatures)
            {
                json.WriteStartObject();
                json.WriteString("keyid", signature.KeyId);
                json.WriteBase64String("sig", signature.Signature);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    /// <summary>Reads an envelope strictly: one spelling of each value, no second meaning for a changed byte.</summary>
    /// <param name="json">The content of the file.</param>
    /// <param name="path">What errors call it.</param>
    /// <exception cref="Sealift.Posix.SealiftException">It is not such an envelope (SL7504).</exception>
    public static SealEnvelope Parse(ReadOnlyMemory<byte> json, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            var root = document.RootElement;
            var type = Text(root, "payloadType");
            if (type != PayloadType) throw SealErrors.NotASeal(path, $"its payloadType is not {PayloadType}");
            var payload = StrictBase64(Text(root, "payload"), "payload");
            var list = Member(root, "signatures", JsonValueKind.Array);
            if (list.GetArrayLength() is 0 or > MaxSignatures) throw new FormatException($"it carries {list.GetArrayLength()} signatures, not 1 to {MaxSignatures}");
            return new SealEnvelope(payload, [.. list.EnumerateArray().Select(s => new SealSignature(Text(s, "keyid"), StrictBase64(Text(s, "sig"), "sig")))]);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            // InvalidOperationException is how the document reports a string that is not valid UTF-16 or UTF-8.
            throw SealErrors.NotASeal(path, $"it is not a DSSE envelope: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static string Text(JsonElement element, string name) => Member(element, name, JsonValueKind.String).GetString()!;

    private static JsonElement Member(JsonElement element, string name, JsonValueKind kind)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new FormatException($"an object with \"{name}\" was expected");
        return element.TryGetProperty(name, out var value) && value.ValueKind == kind ? value : throw new FormatException($"\"{name}\" is missing or of the wrong kind");
    }

    // Base64 leaves up to four unused bits in its last character and tolerates white space: only the one canonical spelling passes.
    private static byte[] StrictBase64(string text, string name)
    {
        if (!Base64.IsValid(text)) throw new FormatException($"\"{name}\" is not base64");
        var bytes = Convert.FromBase64String(text);
        return Convert.ToBase64String(bytes) == text ? bytes : throw new FormatException($"\"{name}\" is not canonical base64");
    }
}

/// <summary>A signature of an envelope.</summary>
/// <param name="KeyId">Which key: see <see cref="SealPublicKey.KeyId"/>.</param>
/// <param name="Signature">ECDSA over SHA-256, DER form.</param>
public sealed record SealSignature(string KeyId, byte[] Signature);
