using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Sealift.VSphere;

/// <summary>
/// One element of what a server said, with all that is in it. Types that are not known here come as they are: their name is
/// <see cref="Type"/>, their content <see cref="Children"/>.
/// </summary>
/// <remarks>What asks for a value of a certain kind throws <see cref="InvalidDataException"/> where the text is none.</remarks>
[SuppressMessage("Naming", "CA1720", Justification = "The kinds of values are those of XML Schema.")]
public sealed class VimElement
{
    private readonly List<VimElement> children = [];
    private string text = string.Empty;
    private StringBuilder? pieces; // of a text that comes in several, until it is whole

    internal VimElement(string name, string? type, string? referenceType) => (Name, Type, ReferenceType) = (name, type, referenceType);

    /// <summary>Its name, without a namespace.</summary>
    public string Name { get; }

    /// <summary>Its <c>xsi:type</c> without the prefix, whatever that is; null where it has none.</summary>
    public string? Type { get; }

    /// <summary>What is in it, in order.</summary>
    public IReadOnlyList<VimElement> Children => children;

    /// <summary>Its text, without that of its children.</summary>
    public string Text => text;

    /// <summary>The <c>type</c> attribute, which managed object references have.</summary>
    internal string? ReferenceType { get; }

    /// <summary>The first child of a name, or null.</summary>
    public VimElement? Find(string name)
    {
        foreach (var child in children)
        {
            if (child.Name == name) return child;
        }

        return null;
    }

    /// <summary>What lies at the end of a path of names, or null.</summary>
    /// <param name="path">At least one name.</param>
    public VimElement? At(params ReadOnlySpan<string> path)
    {
        var here = this;
        foreach (var name in path)
        {
            if (here.Find(name) is not { } next) return null;
            here = next;
        }

        return here;
    }

    /// <summary>The children of a name, in order.</summary>
    public IEnumerable<VimElement> All(string name) => children.Where(c => c.Name == name);

    /// <summary>The first child of a name.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public VimElement Require(string name) => Find(name) ?? throw new InvalidDataException($"'{Name}' has no '{name}'");

    /// <summary>The text of the first child of a name, or null where there is none.</summary>
    public string? TextOf(string name) => Find(name)?.Text;

    /// <summary>The number in the first child of a name, or null where there is none.</summary>
    public long? NumberOf(string name) => Find(name)?.AsNumber();

    /// <summary>The truth value in the first child of a name, or null where there is none.</summary>
    public bool? FlagOf(string name) => Find(name)?.AsFlag();

    /// <summary>The reference in the first child of a name, or null where there is none.</summary>
    public ManagedReference? ReferenceOf(string name) => Find(name)?.AsReference();

    /// <summary>Its text as a number.</summary>
    public long AsNumber() => long.TryParse(text.AsSpan().Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw new InvalidDataException($"'{Name}' is no number: '{Shortened()}'");

    /// <summary>Its text as a truth value.</summary>
    public bool AsFlag() => text.Trim() switch
    {
        "true" or "1" => true,
        "false" or "0" => false,
        _ => throw new InvalidDataException($"'{Name}' is neither true nor false: '{Shortened()}'"),
    };

    /// <summary>Its text and its <c>type</c> attribute as a reference.</summary>
    public ManagedReference AsReference() => ReferenceType is { Length: > 0 } type && text.Length > 0
        ? new ManagedReference(type, text)
        : throw new InvalidDataException($"'{Name}' is no reference to a managed object");

    /// <summary>Its text as a point in time.</summary>
    public DateTimeOffset AsTime() => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
        ? time
        : throw new InvalidDataException($"'{Name}' is no time: '{Shortened()}'");

    /// <summary>Name, type and number of children: never the text, which may be a ticket or a key.</summary>
    public override string ToString() => new StringBuilder(Name).Append(Type is null ? string.Empty : $" ({Type})").Append(CultureInfo.InvariantCulture, $", {children.Count} children").ToString();

    internal void Add(VimElement child) => children.Add(child);

    /// <summary>How much text it has so far.</summary>
    internal int TextLength => pieces?.Length ?? text.Length;

    internal void Append(string more)
    {
        if (pieces is not null) pieces.Append(more);
        else if (text.Length > 0) pieces = new StringBuilder(text).Append(more);
        else text = more;
    }

    /// <summary>Its end has been read. What stands between the children of an element that has some is its layout.</summary>
    internal void Close()
    {
        if (pieces is not null) text = pieces.ToString();
        pieces = null;
        if (children.Count > 0 && string.IsNullOrWhiteSpace(text)) text = string.Empty;
    }

    private string Shortened() => text.Length > 40 ? text[..40] + "…" : text;
}
