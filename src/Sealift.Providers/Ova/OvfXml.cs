using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Sealift.Providers.Ova;

/// <summary>An OVF descriptor as XML, read so that it can neither reach outside nor exhaust anything: no DTD, no entities, limits on everything.</summary>
internal static class OvfXml
{
    /// <summary>Descriptors of hundreds of machines stay far below it.</summary>
    public const int MaxBytes = 8 << 20;
    private const int MaxDepth = 64;
    private const int MaxNodes = 400_000;

    /// <summary>Namespaces of OVF 1.x and 2.x (DSP0243, annex A).</summary>
    private static readonly XNamespace[] Envelopes = ["http://schemas.dmtf.org/ovf/envelope/1", "http://schemas.dmtf.org/ovf/envelope/2"];

    public static readonly XNamespace Vmware = "http://www.vmware.com/schema/ovf";
    public static readonly XNamespace VirtualBox = "http://www.virtualbox.org/ovf/machine";

    /// <summary>Parses a descriptor.</summary>
    /// <returns>Its Envelope, with line numbers.</returns>
    /// <exception cref="Posix.SealiftException">SL6201 not well-formed or not safe, SL6203 not an OVF envelope.</exception>
    public static XElement Load(byte[] content, string name)
    {
        try
        {
            using (var first = Reader(content))
            {
                var nodes = 0;
                while (first.Read())
                {
                    nodes += 1 + first.AttributeCount;
                    if (nodes > MaxNodes) throw ProviderErrors.UnsafeXml(name, $"it has more than {MaxNodes} nodes");
                    if (first.Depth > MaxDepth) throw ProviderErrors.UnsafeXml(name, $"it is nested deeper than {MaxDepth}");
                }
            }

            using var second = Reader(content);
            var root = XDocument.Load(second, LoadOptions.SetLineInfo).Root!;
            if (root.Name.LocalName != "Envelope" || !Envelopes.Contains(root.Name.Namespace)) throw ProviderErrors.NotOvf(name, root.Name.ToString());
            return root;
        }
        catch (XmlException e)
        {
            // The reader's words on a DTD are advice to programmers.
            var said = e.Message.Contains("DTD", StringComparison.Ordinal) ? "it holds a document type definition, which can define entities" : e.Message.TrimEnd('.');
            throw ProviderErrors.UnsafeXml(name, said, e);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException or FormatException)
        {
            // What the reader throws for an encoding that it does not know.
            throw ProviderErrors.UnsafeXml(name, e.Message.TrimEnd('.'), e);
        }
    }

    /// <summary>Children of an element in the envelope's own namespace.</summary>
    public static IEnumerable<XElement> Children(this XElement parent, string localName) =>
        parent.Elements().Where(e => e.Name.LocalName == localName && Envelopes.Contains(e.Name.Namespace));

    /// <summary>The text of a child in whatever namespace (RASD, SASD and EPASD share their names); null where there is none.</summary>
    public static string? Value(this XElement parent, string localName) =>
        parent.Elements().FirstOrDefault(e => e.Name.LocalName == localName)?.Value.Trim();

    /// <summary>An attribute of the OVF vocabulary. Some writers leave out its prefix.</summary>
    public static string? Ovf(this XElement element, string name) =>
        (Envelopes.Select(ns => element.Attribute(ns + name)).FirstOrDefault(a => a is not null) ?? element.Attribute(name))?.Value.Trim();

    /// <summary>Whether a value says yes as XML Schema and VMware write it.</summary>
    public static bool IsTrue(string? value) => value is not null && (value == "1" || value.Equals("true", StringComparison.OrdinalIgnoreCase));

    /// <summary>Where an element is, for errors.</summary>
    public static string Line(this XElement element) =>
        ((IXmlLineInfo)element).HasLineInfo() ? "line " + ((IXmlLineInfo)element).LineNumber.ToString(CultureInfo.InvariantCulture) : "somewhere";

    private static XmlReader Reader(byte[] content) => XmlReader.Create(new MemoryStream(content, writable: false), new XmlReaderSettings
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = MaxBytes,
        MaxCharactersFromEntities = 1024,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
        CloseInput = true,
    });
}
