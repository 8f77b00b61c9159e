using Sealift.Migrations;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Server.Pages;

/// <summary>The seal of a migration, read from where it lies, and believed only as far as its signature holds.</summary>
/// <param name="Path">The file.</param>
/// <param name="Json">What it says, as it is.</param>
/// <param name="Predicate">What the signed statement says.</param>
/// <param name="Context">What its page says besides.</param>
internal sealed record SealFile(string Path, byte[] Json, SealPredicate Predicate, SealPageContext Context)
{
    /// <summary>The seal of a migration.</summary>
    /// <param name="details">The migration.</param>
    /// <param name="stateDirectory">The state directory, whose key must have signed.</param>
    /// <exception cref="SealiftException">SL9106: there is none. SL9107: its signature does not hold. SL75xx: it is no seal.</exception>
    public static SealFile Read(MigrationDetails details, string stateDirectory)
    {
        // Looked at first, so that a pipe is never waited for; and then once more by the descriptor that is read, as what lies there may be another file by then.
        if (details.Outcome?.SealPath is not { } path || FileFacts.OfPathIfExists(path) is not { Kind: FileKind.Regular }) throw PageErrors.NoSeal(details.Summary.Id);
        byte[] json;
        using (var file = PosixFile.Open(path, OpenMode.Read | OpenMode.NoFollow))
        {
            if (file.Facts() is not { Kind: FileKind.Regular, LengthBytes: <= SealEnvelope.MaxFileBytes } facts) throw PageErrors.NoSeal(details.Summary.Id);
            json = new byte[facts.LengthBytes];
            file.ReadExactlyAt(json, 0);
        }

        var envelope = SealEnvelope.Parse(json, path);
        using var key = SealPublicKey.Open(SealKey.PublicKeyPathOf(stateDirectory));
        if (!envelope.IsSignedBy(key)) throw PageErrors.Unsigned(path);
        return new SealFile(path, json, SealStatement.Parse(envelope.Payload, path).Predicate, new SealPageContext(System.IO.Path.GetFileName(path), envelope.Payload, key.KeyId));
    }

    /// <summary>The same; what is wrong is said instead of thrown.</summary>
    public static (SealFile? Seal, string? Said) TryRead(MigrationDetails details, string stateDirectory)
    {
        if (details.Outcome?.SealPath is null) return (null, null);
        try
        {
            return (Read(details, stateDirectory), null);
        }
        catch (SealiftException e)
        {
            return (null, $"{e.Code}: {e.Subject}: {e.Said}. {e.NextStep}.");
        }
    }
}
