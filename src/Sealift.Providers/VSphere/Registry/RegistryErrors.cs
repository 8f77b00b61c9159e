using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>Errors of the registry of providers; SL650x and SL6511.</summary>
internal static class RegistryErrors
{
    private const int ListLimit = 20;

    public static SealiftException BadName(string name) => new(
        "SL6501", "use the name of a provider", ProviderErrors.Clean(name), "it is none", "Use lower-case letters, digits and dashes, at most 63, and no dash at the start");

    public static SealiftException Exists(string name) => new(
        "SL6502", "register a provider", name, "there is one of that name", $"Choose another name, or remove it first: sealift provider remove {name}");

    public static SealiftException Unknown(string name, IReadOnlyList<string> names) => new(
        "SL6503", "find a provider", name,
        names.Count == 0 ? "no provider is registered" : $"it is none of those that are registered: {string.Join(", ", names.Take(ListLimit))}{(names.Count > ListLimit ? $" and {names.Count - ListLimit} more" : string.Empty)}",
        "Register it with 'sealift provider add vsphere', or see whether --state names the right directory");

    public static SealiftException Exposed(string path, int permissions, string wanted) => new(
        "SL6504", "read what is secret", ProviderErrors.Clean(path), $"others can read or change it (mode {Convert.ToString(permissions & 0xFFF, 8)})",
        $"Run chmod {wanted} on it; if others may have read it, change the password at the server");

    public static SealiftException OfAnother(string path, uint owner) => new(
        "SL6504", "read what is secret", ProviderErrors.Clean(path), $"it belongs to user {owner}, who can change it",
        "Use a state directory of your own (--state); if others may have read what is in this one, change the password at the server");

    public static SealiftException Damaged(string path, string said) => new(
        "SL6505", "read a provider", ProviderErrors.Clean(path), ProviderErrors.Clean(said), "Remove the provider and register it again");

    public static SealiftException NotDecrypted(string path) => new(
        "SL6506", "decrypt the password of a provider", ProviderErrors.Clean(path), "it was stored with another key, or for another name or address, or was changed since",
        "Remove the provider and register it again; if nobody changed the file, see whether keys/providers.key is the one of then");

    public static SealiftException NotAKey(string path, string said) => new(
        "SL6507", "open the key that passwords are encrypted with", ProviderErrors.Clean(path), said, "Restore it from where it was saved, or remove it, and register again the providers whose password was stored");

    public static SealiftException NoPassword(string provider, PasswordPlace place, string said) => new(
        "SL6508", $"get the password of provider {ProviderErrors.Clean(provider)}", ProviderErrors.Clean(place.ToString()), said, "Put the password there, in one line, or register the provider again");

    public static SealiftException BadSetting(string provider, string what, string said) => new(
        "SL6511", $"use the {what}", $"provider {ProviderErrors.Clean(provider)}", said, "Correct it and try again");
}
