using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// The vCenter servers and ESXi hosts that a user has given names, in <c>providers/NAME.json</c> of the state directory: mode 0600 in a
/// directory of mode 0700. A password is named by where it is, or stored encrypted (<c>keys/providers.key</c>), bound to the provider's
/// name and address: in a file that was copied to another name, or of which the address was changed, it does not open.
/// </summary>
/// <param name="stateDirectory">The state directory.</param>
public sealed class VSphereRegistry(string stateDirectory)
{
    /// <summary>The longest file of a provider, in bytes.</summary>
    public const int LimitBytes = 64 << 10;

    private const int NameLimit = 63;
    private const string Suffix = ".json";

    private readonly string directory = Path.Combine(stateDirectory, "providers");

    /// <summary>The names of all providers, in order.</summary>
    /// <exception cref="SealiftException">SL6504: others can reach the directory; SL1001: it cannot be read.</exception>
    public IReadOnlyList<string> Names()
    {
        if (FileFacts.OfPathIfExists(directory) is null) return [];
        OwnerOnly.CheckDirectory(directory);
        // What is there besides is a file that a process which was killed had not finished, or somebody's own.
        return [.. PosixPath.List(directory).Where(f => f.EndsWith(Suffix, StringComparison.Ordinal)).Select(f => f[..^Suffix.Length]).Where(IsName).Order(StringComparer.Ordinal)];
    }

    /// <summary>Refuses what <see cref="Add"/> would refuse, before anybody is asked for a password.</summary>
    /// <param name="provider">The provider.</param>
    /// <exception cref="SealiftException">SL6501, SL6511, SL3301: something of it cannot be used; SL6502: the name is taken.</exception>
    public void CheckNew(VSphereProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        provider.Check();
        if (FileFacts.OfPathIfExists(PathOf(provider.Name)) is not null) throw RegistryErrors.Exists(provider.Name);
    }

    /// <summary>Registers a provider.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="password">Its password where that is to be stored (<see cref="PasswordKind.Store"/>), else null.</param>
    /// <exception cref="SealiftException">SL6501, SL6508, SL6511: something of it cannot be used; SL6502: the name is taken; SL6504, SL6507: the key cannot be used.</exception>
    public void Add(VSphereProvider provider, string? password)
    {
        CheckNew(provider);
        if ((password is not null) != (provider.Password.Kind == PasswordKind.Store)) throw new ArgumentException("A password is given exactly where it is stored.", nameof(password));
        var path = PathOf(provider.Name);
        OwnerOnly.EnsureDirectory(directory);
        byte[]? encrypted = null;
        if (password is not null)
        {
            using var key = PasswordKey.OpenOrCreate(stateDirectory);
            encrypted = key.Encrypt(ReferredPassword.Check(provider.Name, provider.Password, password), BoundTo(provider));
        }

        if (!OwnerOnly.TryWriteNew(path, KeptProvider.Of(provider, encrypted).ToJson())) throw RegistryErrors.Exists(provider.Name);
    }

    /// <summary>What was registered under a name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="SealiftException">SL6501: it is no name; SL6503: there is none; SL6504: others can read it; SL6505: it is damaged.</exception>
    public VSphereProvider Provider(string name) => Read(name).Provider;

    /// <summary>What a connection to a provider takes, with its password.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="SealiftException">
    /// As <see cref="Provider"/>; SL6506: its password was stored with another key, or changed; SL6507: the key is not there; SL6508: the
    /// password is not where it should be; SL3301: its thumbprint or file of authorities cannot be used.
    /// </exception>
    public VSphereAccess Access(string name)
    {
        var read = Read(name);
        return read.Provider.AccessBy(PasswordOf(read));
    }

    /// <summary>Forgets a provider. What it was used for goes on without it.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="SealiftException">SL6501: it is no name; SL6503: there is none.</exception>
    public void Remove(string name)
    {
        CheckName(name);
        if (FileFacts.OfPathIfExists(directory) is null || !PosixPath.RemoveFile(PathOf(name))) throw RegistryErrors.Unknown(name, Names());
        PosixPath.SyncDirectory(directory);
    }

    /// <summary>The password of a provider that is being registered, from where it is.</summary>
    /// <param name="provider">The provider; its password is not in the store.</param>
    /// <exception cref="SealiftException">SL6508: it is not there, or is none; SL6504: others can read it.</exception>
    public static string PasswordOf(VSphereProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        return ReferredPassword.Read(provider.Name, provider.Password);
    }

    /// <summary>The password itself, for who must find it where it should not be, and take it out there.</summary>
    /// <param name="name">The provider's name.</param>
    /// <exception cref="SealiftException">There is no such provider, or its password cannot be read: SL6504, SL6507, SL6508.</exception>
    public string PasswordOf(string name) => PasswordOf(Read(name));

    /// <summary>Refuses what is no name: it becomes the name of a file.</summary>
    internal static void CheckName(string name)
    {
        if (!IsName(name)) throw RegistryErrors.BadName(name);
    }

    private static bool IsName(string name) => name.Length is > 0 and <= NameLimit && name[0] != '-' && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    // A line feed is in neither: no other name and address make the same text.
    private static string BoundTo(VSphereProvider provider) => $"sealift provider password 1\n{provider.Name}\n{provider.Address.AbsoluteUri}";

    private string PasswordOf((KeptProvider Kept, VSphereProvider Provider) read)
    {
        if (read.Kept.Password.Encrypted is not { } encrypted) return PasswordOf(read.Provider);
        using var key = PasswordKey.Open(stateDirectory);
        return key.Decrypt(encrypted, BoundTo(read.Provider)) ?? throw RegistryErrors.NotDecrypted(PathOf(read.Provider.Name));
    }

    private string PathOf(string name) => Path.Combine(directory, name + Suffix);

    private (KeptProvider Kept, VSphereProvider Provider) Read(string name)
    {
        CheckName(name);
        var path = PathOf(name);
        if (FileFacts.OfPathIfExists(path) is null) throw RegistryErrors.Unknown(name, Names());
        OwnerOnly.CheckDirectory(directory);
        var content = OwnerOnly.Read(path, LimitBytes) ?? throw RegistryErrors.Damaged(path, $"it is not a regular file of at most {LimitBytes} bytes");
        try
        {
            var kept = KeptProvider.Parse(content);
            var provider = kept.ToProvider();
            if (provider.Name != name) throw RegistryErrors.Damaged(path, $"it is that of '{ProviderErrors.Clean(provider.Name)}'");
            provider.Check();
            return (kept, provider);
        }
        catch (JsonException e)
        {
            throw RegistryErrors.Damaged(path, $"{e.Message.TrimEnd('.')}");
        }
    }
}
