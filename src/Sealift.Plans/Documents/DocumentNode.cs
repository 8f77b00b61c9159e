namespace Sealift.Plans.Documents;

/// <summary>What a value in a file is by its looks.</summary>
internal enum NodeKind
{
    /// <summary>Nothing.</summary>
    Null,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A number.</summary>
    Number,

    /// <summary>Text.</summary>
    Text,

    /// <summary>A list.</summary>
    List,

    /// <summary>Fields with values.</summary>
    Fields,
}

/// <summary>A value of a file, with its place there: YAML and JSON alike.</summary>
/// <param name="kind">What it is.</param>
/// <param name="text">Of a scalar: as it was written.</param>
/// <param name="position">Where it begins.</param>
internal sealed class DocumentNode(NodeKind kind, string text, FilePosition position)
{
    /// <summary>What it is.</summary>
    public NodeKind Kind => kind;

    /// <summary>Of a scalar: as it was written, without quotes.</summary>
    public string Text => text;

    /// <summary>Where it begins.</summary>
    public FilePosition Position => position;

    /// <summary>The entries of a list.</summary>
    public List<DocumentNode> Items { get; } = [];

    /// <summary>The fields, in the order of the file; each name once.</summary>
    public Dictionary<string, DocumentField> Fields { get; } = new(StringComparer.Ordinal);

    /// <summary>For people.</summary>
    public string Looks => Kind switch
    {
        NodeKind.Null => "nothing",
        NodeKind.Boolean or NodeKind.Number => Text,
        NodeKind.Text => $"the text {Quoted(Text)}",
        NodeKind.List => "a list",
        _ => "fields with values",
    };

    /// <summary>The value, or the nearest around it, that a path such as <c>spec.vms[3].name</c> leads to.</summary>
    public FilePosition Locate(string path)
    {
        var (node, found) = (this, Position);
        foreach (var part in path.Split(['.', '['], StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.EndsWith(']') && int.TryParse(part.AsSpan(0, part.Length - 1), System.Globalization.CultureInfo.InvariantCulture, out var index))
            {
                if (index >= node.Items.Count) return found;
                node = node.Items[index];
                found = node.Position;
            }
            else
            {
                if (!node.Fields.TryGetValue(part, out var field)) return found;
                (node, found) = (field.Value, field.Position);
            }
        }

        return found;
    }

    private static string Quoted(string text) => text.Length <= 60 ? $"\"{text}\"" : $"\"{text[..57]}…\"";
}

/// <summary>A field of a file.</summary>
/// <param name="Position">Where its name is.</param>
/// <param name="Value">Its value.</param>
internal sealed record DocumentField(FilePosition Position, DocumentNode Value);

/// <summary>A place in a file.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The character of the line, from 1.</param>
public readonly record struct FilePosition(int Line, int Column);
