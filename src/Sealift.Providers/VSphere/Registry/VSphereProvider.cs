using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>A vCenter or an ESXi host as its user registered it: everything but the password.</summary>
public sealed record VSphereProvider
{
    /// <summary>What its user calls it: <c>[a-z0-9][a-z0-9-]{0,62}</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Where it is: <c>https://HOST[:PORT]</c>.</summary>
    public required Uri Address { get; init; }

    /// <summary>Who logs in.</summary>
    public required string User { get; init; }

    /// <summary>Where the password is.</summary>
    public required PasswordPlace Password { get; init; }

    /// <summary>A PEM file of the authorities that sign its certificate; null for those of this host, or where <see cref="Thumbprint"/> is set.</summary>
    public string? CaFile { get; init; }

    /// <summary>The SHA-256 or SHA-1 of its certificate, in hexadecimal; null where authorities sign it.</summary>
    public string? Thumbprint { get; init; }

    /// <summary>VMware's library for reading disks; null where its user has none.</summary>
    public VddkOptions? Vddk { get; init; }

    /// <summary>What a connection takes.</summary>
    /// <param name="password">The password.</param>
    /// <exception cref="Posix.SealiftException">SL3301: the thumbprint is none, or the file of authorities cannot be used; SL6511: both are given, or something cannot be kept.</exception>
    public VSphereAccess AccessBy(string password)
    {
        Check();
        var trust = Thumbprint is { } pin ? ServerTrust.Pinned(pin) : CaFile is { } file ? ServerTrust.Authorities(file) : ServerTrust.System;
        return new VSphereAccess(Name, new VSphereOptions { Address = Address, User = User, Password = new VSphereSecret(password), Trust = trust }) { Vddk = Vddk };
    }

    /// <summary>Whether all of it can be used and kept.</summary>
    internal void Check()
    {
        VSphereRegistry.CheckName(Name);
        Require(Address is { IsAbsoluteUri: true, Scheme: "https", Host.Length: > 0 }, "address", "it must be https://HOST[:PORT]");
        Require(Address.UserInfo.Length == 0, "address", "user and password do not belong into it");
        Require(IsLine(User), "user", "it must be one line of text");
        Require(CaFile is null || Thumbprint is null, "trust", "a file of authorities and a thumbprint are two ways to know the server: one must be chosen");
        if (Thumbprint is { } pin) _ = ServerTrust.Pinned(pin); // it throws where it is none
        Require(CaFile is null || IsPath(CaFile), "file of authorities", "its path must be absolute");
        Require(Password.Kind == PasswordKind.Store == (Password.Reference.Length == 0) && (Password.Reference.Length == 0 || IsLine(Password.Reference)), "place of the password", "it must be named in one line");
        Require(Password.Kind != PasswordKind.File || IsPath(Password.Reference), "file of the password", "its path must be absolute");
        if (Vddk is not { } vddk) return;
        Require(vddk.LibraryDirectory is null || IsPath(vddk.LibraryDirectory), "VDDK directory", "its path must be absolute");
        Require(vddk.Transports is null || vddk.Transports.Split(':').All(t => t.Length > 0 && t.All(char.IsAsciiLetterLower)), "VDDK transports", "they must be names with colons between them, such as nbdssl:nbd");
        Require(vddk.Compression is null or "none" or "zlib" or "fastlz" or "skipz", "VDDK compression", "it must be none, zlib, fastlz or skipz");

        void Require(bool right, string what, string said)
        {
            if (!right) throw RegistryErrors.BadSetting(Name, what, said);
        }
    }

    private static bool IsPath(string path) => Path.IsPathFullyQualified(path) && IsLine(path);

    private static bool IsLine(string text) => text.Length is > 0 and <= 4096 && !text.Any(char.IsControl);
}
