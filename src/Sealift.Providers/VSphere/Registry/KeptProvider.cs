using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Providers;

/// <summary>How a provider is kept: one file, one JSON object.</summary>
internal sealed record KeptProvider
{
    /// <summary>The only version there is.</summary>
    public const int ThisVersion = 1;

    /// <summary>The only kind there is.</summary>
    public const string ThisKind = "vsphere";

    public required int Version { get; init; }

    public required string Kind { get; init; }

    public required string Name { get; init; }

    public required string Address { get; init; }

    public required string User { get; init; }

    public required KeptPassword Password { get; init; }

    public string? CaFile { get; init; }

    public string? Thumbprint { get; init; }

    public VddkOptions? Vddk { get; init; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="JsonException">It is no such object.</exception>
    public static KeptProvider Parse(ReadOnlySpan<byte> json)
    {
        var kept = JsonSerializer.Deserialize(json, KeptProviderJson.Default.KeptProvider) ?? throw new JsonException("it is null");
        if (kept.Version != ThisVersion || kept.Kind != ThisKind) throw new JsonException("it is of a version or a kind that is not known here");
        return kept;
    }

    public static KeptProvider Of(VSphereProvider provider, byte[]? encrypted) => new()
    {
        Version = ThisVersion,
        Kind = ThisKind,
        Name = provider.Name,
        Address = provider.Address.AbsoluteUri,
        User = provider.User,
        Password = provider.Password.Kind switch
        {
            PasswordKind.File => new KeptPassword { File = provider.Password.Reference },
            PasswordKind.Environment => new KeptPassword { Environment = provider.Password.Reference },
            PasswordKind.Keyring => new KeptPassword { Keyring = provider.Password.Reference },
            _ => new KeptPassword { Encrypted = encrypted },
        },
        CaFile = provider.CaFile,
        Thumbprint = provider.Thumbprint,
        Vddk = provider.Vddk,
    };

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, KeptProviderJson.Default.KeptProvider);

    public VSphereProvider ToProvider() => new()
    {
        Name = Name,
        Address = Uri.TryCreate(Address, UriKind.Absolute, out var address) ? address : throw new JsonException("its address is none"),
        User = User,
        Password = Password.ToPlace(),
        CaFile = CaFile,
        Thumbprint = Thumbprint,
        Vddk = Vddk,
    };
}

/// <summary>Where the password of a kept provider is: exactly one of these is set.</summary>
internal sealed record KeptPassword
{
    public string? File { get; init; }

    public string? Environment { get; init; }

    public string? Keyring { get; init; }

    public byte[]? Encrypted { get; init; }

    public PasswordPlace ToPlace() => (File, Environment, Keyring, Encrypted) switch
    {
        ({ } file, null, null, null) => new PasswordPlace(PasswordKind.File, file),
        (null, { } variable, null, null) => new PasswordPlace(PasswordKind.Environment, variable),
        (null, null, { } key, null) => new PasswordPlace(PasswordKind.Keyring, key),
        (null, null, null, not null) => PasswordPlace.Store,
        _ => throw new JsonException("its password is in no place, or in several"),
    };
}

/// <summary>How it is written and read, without reflection; what is not known is refused, for it may have meant something.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true)]
[JsonSerializable(typeof(KeptProvider))]
internal sealed partial class KeptProviderJson : JsonSerializerContext;
