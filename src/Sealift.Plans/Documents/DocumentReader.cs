using System.Text;
using Sealift.Posix;

namespace Sealift.Plans.Documents;

/// <summary>
/// Reads documents of YAML 1.2 or JSON. A file may hold many: in YAML with <c>---</c> between them, in JSON as a list. What comes out has
/// the form of a document, every field known and within its limits; whether a plan makes sense is for <c>PlanValidation</c> to say.
/// </summary>
public static class DocumentReader
{
    /// <summary>The largest file, in bytes.</summary>
    public const int LimitBytes = DocumentLimits.Bytes;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the documents of a file.</summary>
    /// <param name="path">Its path; a FIFO will do.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL7612: it cannot be read; or as <see cref="Read(ReadOnlyMemory{byte}, string)"/>.</exception>
    public static async Task<IReadOnlyList<ReadDocument>> ReadFileAsync(string path, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(path);
        FileStream stream;
        try
        {
            stream = File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DocumentErrors.Unreadable(path, e);
        }

        await using (stream) return await ReadAsync(stream, path, cancel);
    }

    /// <summary>Reads the documents of a stream, to its end.</summary>
    /// <param name="stream">The stream, such as standard input or the body of a request.</param>
    /// <param name="file">What it is called in errors.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL7612: it cannot be read; or as <see cref="Read(ReadOnlyMemory{byte}, string)"/>.</exception>
    public static async Task<IReadOnlyList<ReadDocument>> ReadAsync(Stream stream, string file, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var content = new MemoryStream();
        var buffer = new byte[64 << 10];
        try
        {
            // One byte more than allowed is enough to know.
            for (int read; content.Length <= LimitBytes && (read = await stream.ReadAsync(buffer, cancel)) > 0;) content.Write(buffer, 0, read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DocumentErrors.Unreadable(file, e);
        }

        return Read(content.GetBuffer().AsMemory(0, (int)content.Length), file);
    }

    /// <summary>Reads documents.</summary>
    /// <param name="content">The bytes of a file, UTF-8. What begins with a bracket or a brace is JSON, all else YAML.</param>
    /// <param name="file">What it is called in errors.</param>
    /// <returns>At least one.</returns>
    /// <exception cref="SealiftException">
    /// SL7601 too large; SL7602 no UTF-8; SL7603 no YAML, or no JSON; SL7604 an alias, an anchor, a tag or a merge key; SL7605 a field twice; SL7606 an
    /// unknown one; SL7607 one is missing; SL7608, SL7611 a value that does not fit; SL7609 a contradiction; SL7610 no document at all.
    /// </exception>
    public static IReadOnlyList<ReadDocument> Read(ReadOnlyMemory<byte> content, string file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (content.Length > LimitBytes) throw DocumentErrors.TooMuch(file, new FilePosition(1, 1), $"it has more than {LimitBytes >> 20} MiB", "Spread the documents over several files");
        var bytes = content.Span;
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF])) bytes = bytes[3..];
        var text = TextOf(bytes, file);
        var start = text.AsSpan().TrimStart();
        var roots = start.Length > 0 && start[0] is '{' or '[' ? JsonDocuments.Read(bytes, file) : YamlDocuments.Read(text, file);
        if (roots.Count == 0) throw DocumentErrors.NoDocument(file);
        var binding = new DocumentBinding(file);
        return [.. roots.Select(r => new ReadDocument(binding.Bind(r), file, r))];
    }

    private static string TextOf(ReadOnlySpan<byte> bytes, string file)
    {
        if (bytes.Length >= 2 && bytes[0] is 0xFE or 0xFF && bytes[1] is 0xFE or 0xFF) throw DocumentErrors.NotText(file, new FilePosition(1, 1), "it is UTF-16");
        string text;
        try
        {
            text = Strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw DocumentErrors.NotText(file, PlaceOf(bytes, e.Index), "this is no UTF-8");
        }

        // YAML 1.2, chapter 5.1, but for what it allows beyond U+007F and our readers escape or refuse in fields.
        for (var i = 0; i < text.Length; i++)
            if (text[i] < ' ' && text[i] is not ('\t' or '\n' or '\r')) throw DocumentErrors.NotText(file, PlaceOf(text, i), $"there is the control character U+{(int)text[i]:X4}");
        return text;
    }

    private static FilePosition PlaceOf(ReadOnlySpan<byte> bytes, int index)
    {
        var before = bytes[..Math.Clamp(index, 0, bytes.Length)];
        return new FilePosition(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'));
    }

    private static FilePosition PlaceOf(ReadOnlySpan<char> text, int index) => new(text[..index].Count('\n') + 1, index - text[..index].LastIndexOf('\n'));
}

/// <summary>A document and where it came from.</summary>
public sealed class ReadDocument
{
    private readonly DocumentNode root;

    internal ReadDocument(Document document, string file, DocumentNode root)
    {
        (Document, File, this.root) = (document, file, root);
    }

    /// <summary>The document.</summary>
    public Document Document { get; }

    /// <summary>The file that it is in.</summary>
    public string File { get; }

    /// <summary>Where a field of it is in the file, or the nearest that is there around it.</summary>
    /// <param name="path">Such as <c>spec.vms[3].targetName</c>; empty for the document.</param>
    public FilePosition Locate(string path) => root.Locate(path);
}
