namespace Sealift.Providers;

/// <summary>Kinds of places that a provider's password can be in.</summary>
public enum PasswordKind
{
    /// <summary>In the registry itself, encrypted.</summary>
    Store,

    /// <summary>The first line of a file.</summary>
    File,

    /// <summary>A variable of the environment of whoever uses the provider.</summary>
    Environment,

    /// <summary>A key of type <c>user</c> in the kernel's keyring of this user (keyrings(7)).</summary>
    Keyring,
}

/// <summary>Where a provider's password is. Not secret.</summary>
/// <param name="Kind">What kind of place.</param>
/// <param name="Reference">The file's absolute path, the variable's name, or the key's description; empty for the store.</param>
public sealed record PasswordPlace(PasswordKind Kind, string Reference)
{
    /// <summary>In the registry itself, encrypted.</summary>
    public static PasswordPlace Store { get; } = new(PasswordKind.Store, string.Empty);

    /// <summary>For people.</summary>
    public override string ToString() => Kind switch
    {
        PasswordKind.File => $"in the file {Reference}",
        PasswordKind.Environment => $"in the environment variable {Reference}",
        PasswordKind.Keyring => $"in the kernel's keyring as '{Reference}'",
        _ => "stored, encrypted",
    };
}
