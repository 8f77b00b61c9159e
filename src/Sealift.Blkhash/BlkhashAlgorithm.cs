namespace Sealift.Blkhash;

/// <summary>The digest that leaves and the root are made with.</summary>
public enum BlkhashAlgorithm
{
    /// <summary>MD5, 16 bytes; for comparing with old records only, it is broken against an attacker.</summary>
    Md5 = 1,

    /// <summary>SHA-1, 20 bytes; for comparing with old records only, it is broken against an attacker.</summary>
    Sha1 = 2,

    /// <summary>SHA-256, 32 bytes: the default.</summary>
    Sha256 = 3,

    /// <summary>SHA-512, 64 bytes.</summary>
    Sha512 = 4,
}
