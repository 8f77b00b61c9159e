using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>Every error of the seal, by code.</summary>
internal static class SealErrors
{
    /// <summary>SL7501: what is to be sealed contradicts itself, so nobody signs it.</summary>
    public static SealiftException Contradicts(string migrationId, IReadOnlyList<string> contradictions) => new(
        "SL7501", "seal the migration", migrationId, string.Join("; ", contradictions),
        "Nothing was signed. This is a defect in Sealift: report it with the migration's journal");

    /// <summary>SL7502: others than the owner can reach the signing key.</summary>
    public static SealiftException KeyExposed(string path, int permissions, string wanted) => new(
        "SL7502", "use the signing key", path, $"its permissions are 0{Convert.ToString(permissions, 8)}, so others than its owner can reach it",
        $"If nobody can have read or replaced it, run: chmod {wanted} '{path}'. Otherwise remove it, so that a new one is made, and tell those who trust the old one");

    /// <summary>SL7503: the file holds no usable key.</summary>
    public static SealiftException NotAKey(string path, string said, Exception? inner = null) => new(
        "SL7503", "read the key", path, said, "Name a PEM file with an ECDSA key on P-256, such as the seal.pub beside the key that signed", inner);

    /// <summary>SL7504: the file is not a seal that this version reads.</summary>
    public static SealiftException NotASeal(string path, string said, Exception? inner = null) => new(
        "SL7504", "read the seal", path, said, "Take the seal again from where it was written; it must not be edited", inner);

    /// <summary>SL7505: the public key beside the signing key is another's.</summary>
    public static SealiftException PublicKeyForeign(string path) => new(
        "SL7505", "use the signing key", path, "it is not the public half of seal.key beside it",
        "Find out who replaced it, then remove it: it is written again from seal.key");
}
