using System.Security.Cryptography;
using System.Text;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations.Support;

/// <summary>A file of a bundle: its content, or where to read it when its turn comes.</summary>
/// <param name="Name">Its name, below the bundle's directory.</param>
/// <param name="Content">Its content; null for a block map, which is read again.</param>
/// <param name="Map">The block map's file in the journal.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Sha256">SHA-256 of its content, in lower-case hex.</param>
internal sealed record BundledFile(string Name, byte[]? Content, ArtefactRecord? Map, long LengthBytes, string Sha256);

/// <summary>Gathers the files of a bundle, and what is missing among them.</summary>
internal sealed class BundleContent(Redaction redaction)
{
    private const int MostFiles = 256;
    private const long MostTextBytes = 128L << 20;

    private readonly List<BundledFile> files = [];
    private long textBytes;

    /// <summary>The files in order.</summary>
    public IReadOnlyList<BundledFile> Files => files;

    /// <summary>What is not here although it could be: a sentence each.</summary>
    public List<string> Missing { get; } = [];

    /// <summary>What is here and not whole, or not as it was: a sentence each.</summary>
    public List<string> Remarks { get; } = [];

    /// <summary>Takes secrets out.</summary>
    public Redaction Redaction => redaction;

    /// <summary>Adds a text, of which secrets were taken out.</summary>
    public void Add(string name, string redacted) => Add(name, Encoding.UTF8.GetBytes(redacted), redacted);

    /// <summary>Adds a file whose bytes are to stay what they are.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">Its content.</param>
    /// <param name="asText">The same as text, for the last look at it.</param>
    public void Add(string name, byte[] content, string asText)
    {
        name = Unique(name);
        if (files.Count >= MostFiles || textBytes + content.Length > MostTextBytes)
        {
            Missing.Add($"{name}: the bundle has {files.Count} files and {Measures.Size(textBytes)} of text, which is as much as it takes.");
            return;
        }

        // The net below the nets: a spelling that the first look did not see as a whole.
        if (redaction.HasKnown(asText) || redaction.HasKnown(name))
        {
            Missing.Add($"A file of {Measures.Size(content.Length)}: a secret of this host would not come out of it.");
            return;
        }

        textBytes += content.Length;
        files.Add(new BundledFile(name, content, null, content.Length, Convert.ToHexStringLower(SHA256.HashData(content))));
    }

    /// <summary>Adds a text file of this host without its secrets.</summary>
    public void AddText(string name, string path, ArtefactRecord? made, int endBytes)
    {
        using var file = FoundFile.Open(path, made, out var why);
        if (file is null)
        {
            Missing.Add($"{redaction.Text(name)}: {why}.");
            return;
        }

        try
        {
            var text = file.ReadText(redaction, endBytes, out var wasCut);
            if (wasCut) Remarks.Add($"{redaction.Text(name)} has {Measures.Exact(file.LengthBytes)}; its middle is left out.");
            Add(name, text);
        }
        catch (Posix.SealiftException e)
        {
            Missing.Add($"{redaction.Text(name)}: {e.Message}");
        }
    }

    /// <summary>Adds the block map of a disk, which is read once more when it is written.</summary>
    public void AddMap(ArtefactRecord map, long limitBytes)
    {
        var name = $"block-maps/{Path.GetFileName(map.Path)}";
        using var file = FoundFile.Open(map.Path, map, out var why);
        if (file is null || file.LengthBytes > limitBytes)
        {
            Missing.Add($"{redaction.Text(name)}: {(file is null ? why : $"it has {Measures.Size(file.LengthBytes)}, and the limit is {Measures.Size(limitBytes)}")}.");
            return;
        }

        try
        {
            var content = file.Read();
            // Whatever else got its name and its place, such as a disk, is not taken for one.
            if (!content.AsSpan().StartsWith("SEALMAP\0"u8)) Missing.Add($"{redaction.Text(name)}: it does not begin as a block map does.");
            else if (files.Count >= MostFiles) Missing.Add($"{redaction.Text(name)}: the bundle has as many files as it takes.");
            else files.Add(new BundledFile(Unique(name), null, map, content.Length, Convert.ToHexStringLower(SHA256.HashData(content))));
        }
        catch (Posix.SealiftException e)
        {
            Missing.Add($"{redaction.Text(name)}: {e.Message}");
        }
    }

    /// <summary>A name that is one path on every system, has no secret in it, and is not there yet.</summary>
    private string Unique(string name)
    {
        var safe = string.Join('/', redaction.Text(name).Split('/').Select(Safe));
        var unique = safe;
        for (var n = 2; files.Any(f => f.Name == unique); n++) unique = $"{n}-{safe.Replace('/', '-')}";
        return unique;

        static string Safe(string part)
        {
            var text = string.Concat(part.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '_')).TrimStart('.');
            return text.Length == 0 ? "_" : text.Length > 60 ? text[..20] + "_" + text[^39..] : text;
        }
    }
}
