using System.Text;
using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>Writes a seal: the signed statement and the page beside it.</summary>
public static class SealWriter
{
    /// <summary>Signs and writes <c>NAME.seal.html</c> and then <c>NAME.seal.json</c>, both durably: where the second is, the first is too.</summary>
    /// <param name="directory">Where; the directory of the handed-over files, or of the report of a failure.</param>
    /// <param name="name">The machine's file name, safe in a path.</param>
    /// <param name="predicate">What is said.</param>
    /// <param name="key">What signs it.</param>
    /// <param name="replace">Whether an earlier seal of that name is replaced, as when a resumed migration writes it again.</param>
    /// <exception cref="SealiftException">The predicate contradicts itself (SL7501), or the files cannot be written.</exception>
    public static SealFiles Write(string directory, string name, SealPredicate predicate, SealKey key, bool replace = false)
    {
        var contradictions = SealContradictions.Of(predicate);
        if (contradictions.Count > 0) throw SealErrors.Contradicts(predicate.MigrationId, contradictions);

        var files = new SealFiles(Path.Combine(directory, name + ".seal.json"), Path.Combine(directory, name + ".seal.html"));
        var payload = SealStatement.Of(predicate).ToJson();
        var envelope = SealEnvelope.Sign(payload, key).ToJson();
        var page = SealPage.Render(predicate, new SealPageContext(Path.GetFileName(files.SealPath), payload, key.KeyId));
        PosixPath.WriteFileDurably(files.PagePath, Encoding.UTF8.GetBytes(page), replace);
        PosixPath.WriteFileDurably(files.SealPath, envelope, replace);
        return files;
    }
}

/// <summary>The files of a written seal.</summary>
/// <param name="SealPath">The signed statement.</param>
/// <param name="PagePath">The page that a person reads.</param>
public sealed record SealFiles(string SealPath, string PagePath);
