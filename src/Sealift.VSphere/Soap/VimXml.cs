using System.Xml;

namespace Sealift.VSphere;

/// <summary>
/// Reads what a server says, so that it can neither reach outside nor exhaust anything: no DTD and with it no entities of its own, no
/// more than so many bytes, elements, levels and characters of text. Prefixes of namespaces mean nothing here: servers differ in them.
/// </summary>
internal static class VimXml
{
    // A machine's snapshots and the files below a disk are nested one in the other; ESXi itself has a limit of 32 and of 255.
    public const int DepthLimit = 600;
    // A page of 1,000 machines with 50 devices each has half of it; each is about 100 bytes here.
    public const int ElementLimit = 1_000_000;
    public const int TextLimitCharacters = 4 << 20;

    private const string Instance = "http://www.w3.org/2001/XMLSchema-instance";

    private static readonly XmlReaderSettings Settings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
        CheckCharacters = true,
        CloseInput = false,
    };

    /// <summary>Reads a document.</summary>
    /// <param name="document">The bytes, limited in number by whoever reads them.</param>
    /// <exception cref="InvalidDataException">It is no XML, or beyond a limit.</exception>
    public static VimElement Parse(Stream document)
    {
        try
        {
            using var reader = XmlReader.Create(document, Settings);
            return Read(reader);
        }
        catch (XmlException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private static VimElement Read(XmlReader reader)
    {
        VimElement? root = null;
        var open = new Stack<VimElement>();
        var count = 0;
        while (reader.Read())
        {
            switch (reader.NodeType)
            {
                case XmlNodeType.Element:
                    if (++count > ElementLimit) throw new InvalidDataException($"it has more than {ElementLimit} elements");
                    if (open.Count >= DepthLimit) throw new InvalidDataException($"it is nested deeper than {DepthLimit} levels");
                    var element = new VimElement(reader.LocalName, TypeOf(reader), reader.GetAttribute("type"));
                    if (open.TryPeek(out var parent)) parent.Add(element);
                    else root ??= element;
                    if (!reader.IsEmptyElement) open.Push(element);
                    break;
                case XmlNodeType.EndElement:
                    open.Pop().Close();
                    break;
                case XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.SignificantWhitespace or XmlNodeType.Whitespace when open.TryPeek(out var here):
                    var more = reader.Value;
                    if (here.TextLength + more.Length > TextLimitCharacters) throw new InvalidDataException($"'{here.Name}' has more than {TextLimitCharacters} characters");
                    // The layout between children need not be kept, however often it comes.
                    if (here.Children.Count == 0 || !string.IsNullOrWhiteSpace(more)) here.Append(more);
                    break;
            }
        }

        return root ?? throw new InvalidDataException("it is empty");
    }

    /// <summary>The type that an element says it has. Prefixes are chosen by the server; types of other namespaces (xsd:string) have names of their own.</summary>
    private static string? TypeOf(XmlReader reader)
    {
        if (reader.GetAttribute("type", Instance) is not { } name) return null;
        var colon = name.LastIndexOf(':');
        return name[(colon + 1)..].Trim();
    }
}
