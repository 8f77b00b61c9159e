using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Sealift.Plans.Documents;

/// <summary>
/// YAML 1.2 as a tree, from the parser's events: https://yaml.org/spec/1.2.2/. Plain scalars are what the core schema (chapter 10.3)
/// says, so that <c>on</c>, <c>no</c> and <c>22:00</c> are text. What lets a small file stand for a large one (anchors, aliases, merge
/// keys) or makes a parser build objects of the file's choice (tags) is refused.
/// </summary>
internal static partial class YamlDocuments
{
    /// <summary>Reads all documents of a file; those without content are left out.</summary>
    /// <param name="text">The file.</param>
    /// <param name="file">Its name, for errors.</param>
    /// <exception cref="Posix.SealiftException">SL7601, SL7603, SL7604, SL7605.</exception>
    public static List<DocumentNode> Read(string text, string file)
    {
        var documents = new List<DocumentNode>();
        var limits = new DocumentLimits(file);
        using var reader = new StringReader(text);
        var scanner = new Scanner(reader, skipComments: true);
        var parser = new Parser(scanner);
        try
        {
            while (parser.MoveNext())
            {
                switch (parser.Current)
                {
                    case DocumentStart { Version: { Version: not { Major: 1, Minor: 2 } } version } start:
                        throw DocumentErrors.Malformed(file, At(start.Start), "YAML", $"the document says that it is YAML {version.Version.Major}.{version.Version.Minor}; this is read as 1.2");
                    case StreamStart or StreamEnd or DocumentStart or DocumentEnd:
                        break;
                    default:
                        if (Value(parser, file, limits, 1) is { Kind: not NodeKind.Null } document) documents.Add(document);
                        break;
                }
            }
        }
        catch (YamlException e)
        {
            throw DocumentErrors.Malformed(file, At(e.Start), "YAML", e.InnerException?.Message ?? e.Message, e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            // What the parser throws for some files that are no YAML, where it should say so: found by feeding it pieces at random.
            throw DocumentErrors.Malformed(file, At(scanner.CurrentPosition), "YAML", "this cannot be made sense of", e);
        }

        return documents;
    }

    /// <summary>What a plain scalar is, by the core schema.</summary>
    public static NodeKind Resolve(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => NodeKind.Null,
        "true" or "True" or "TRUE" or "false" or "False" or "FALSE" => NodeKind.Boolean,
        _ when text[0] is (>= '0' and <= '9') or '-' or '+' or '.' && Number().IsMatch(text) => NodeKind.Number,
        _ => NodeKind.Text,
    };

    private static DocumentNode Value(Parser parser, string file, DocumentLimits limits, int depth)
    {
        var current = parser.Current!;
        limits.Count(At(current.Start), depth);
        if (current is NodeEvent { Anchor.IsEmpty: false }) throw DocumentErrors.NotAllowed(file, At(current.Start), "anchors (&name)");
        if (current is NodeEvent { Tag.IsEmpty: false }) throw DocumentErrors.NotAllowed(file, At(current.Start), "tags (!name)");
        switch (current)
        {
            case AnchorAlias:
                throw DocumentErrors.NotAllowed(file, At(current.Start), "aliases (*name)");
            case Scalar scalar:
                return new DocumentNode(scalar.Style == ScalarStyle.Plain ? Resolve(scalar.Value) : NodeKind.Text, scalar.Value, At(scalar.Start));
            case SequenceStart:
                var list = new DocumentNode(NodeKind.List, string.Empty, At(current.Start));
                while (parser.MoveNext() && parser.Current is not SequenceEnd) list.Items.Add(Value(parser, file, limits, depth + 1));
                return list;
            case MappingStart:
                var fields = new DocumentNode(NodeKind.Fields, string.Empty, At(current.Start));
                while (parser.MoveNext() && parser.Current is not MappingEnd) ReadField(parser, fields, file, limits, depth);
                return fields;
            default:
                throw DocumentErrors.Malformed(file, At(current.Start), "YAML", $"a value is expected, and something else comes");
        }
    }

    private static void ReadField(Parser parser, DocumentNode fields, string file, DocumentLimits limits, int depth)
    {
        var at = At(parser.Current!.Start);
        var name = Value(parser, file, limits, depth + 1);
        if (name.Kind is NodeKind.List or NodeKind.Fields or NodeKind.Null) throw DocumentErrors.Malformed(file, at, "YAML", $"the name of a field is expected, and {name.Looks} comes");
        if (name is { Kind: NodeKind.Text, Text: "<<" }) throw DocumentErrors.NotAllowed(file, at, "merge keys (<<)");
        if (!parser.MoveNext()) throw DocumentErrors.Malformed(file, at, "YAML", "the field has no value");
        var value = Value(parser, file, limits, depth + 1);
        if (fields.Fields.TryGetValue(name.Text, out var first)) throw DocumentErrors.Twice(file, at, name.Text, first.Position);
        fields.Fields.Add(name.Text, new DocumentField(at, value));
    }

    private static FilePosition At(in Mark mark) => new((int)Math.Min(int.MaxValue, mark.Line), (int)Math.Min(int.MaxValue, mark.Column));

    [GeneratedRegex(@"^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Number();
}
