using System.Globalization;
using System.Text;
using System.Xml;

namespace Sealift.VSphere;

/// <summary>
/// Writes a request (SOAP 1.1, document/literal, namespace <c>urn:vim25</c>). A real server reads elements in the order of its schema
/// only: base type first, then as declared in the WSDL. So whoever writes follows that order.
/// </summary>
internal sealed class VimWriter
{
    private const string Envelope = "http://schemas.xmlsoap.org/soap/envelope/";
    private const string Instance = "http://www.w3.org/2001/XMLSchema-instance";
    private const string Schema = "http://www.w3.org/2001/XMLSchema";
    private const string Vim = "urn:vim25";

    private static readonly XmlWriterSettings Settings = new() { Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), CheckCharacters = true, CloseOutput = false };

    private readonly XmlWriter xml;

    private VimWriter(XmlWriter xml) => this.xml = xml;

    /// <summary>A whole request.</summary>
    /// <param name="operation">What is asked.</param>
    /// <param name="target">Of which object.</param>
    /// <param name="arguments">Writes what follows <c>_this</c>.</param>
    /// <exception cref="ArgumentException">A text has characters that XML cannot have.</exception>
    public static byte[] Request(string operation, ManagedReference target, Action<VimWriter>? arguments)
    {
        using var buffer = new MemoryStream();
        using (var xml = XmlWriter.Create(buffer, Settings))
        {
            xml.WriteStartDocument();
            xml.WriteStartElement("soapenv", "Envelope", Envelope);
            xml.WriteAttributeString("xmlns", "xsi", null, Instance);
            xml.WriteAttributeString("xmlns", "xsd", null, Schema);
            xml.WriteStartElement("Body", Envelope);
            xml.WriteStartElement(operation, Vim);
            var writer = new VimWriter(xml);
            writer.Reference("_this", target);
            arguments?.Invoke(writer);
            xml.WriteEndElement();
            xml.WriteEndElement();
            xml.WriteEndElement();
            xml.WriteEndDocument();
        }

        return buffer.ToArray();
    }

    public void Text(string name, string value) => xml.WriteElementString(name, Vim, value);

    /// <summary>Nothing at all where it is null.</summary>
    public void TextIfAny(string name, string? value)
    {
        if (value is not null) Text(name, value);
    }

    public void Texts(string name, IEnumerable<string> values)
    {
        foreach (var value in values) Text(name, value);
    }

    public void Number(string name, long value) => Text(name, value.ToString(CultureInfo.InvariantCulture));

    public void Flag(string name, bool value) => Text(name, value ? "true" : "false");

    /// <summary>Nothing at all where it is null.</summary>
    public void FlagIfAny(string name, bool? value)
    {
        if (value is { } flag) Flag(name, flag);
    }

    public void Reference(string name, ManagedReference value)
    {
        xml.WriteStartElement(name, Vim);
        xml.WriteAttributeString("type", value.Type);
        xml.WriteString(value.Value);
        xml.WriteEndElement();
    }

    /// <summary>Nothing at all where it is null.</summary>
    public void ReferenceIfAny(string name, ManagedReference? value)
    {
        if (value is { } reference) Reference(name, reference);
    }

    /// <summary>An element with others in it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">Writes what is in it.</param>
    /// <param name="type">Its type, where it is not the declared one.</param>
    public void Element(string name, Action<VimWriter> content, string? type = null)
    {
        xml.WriteStartElement(name, Vim);
        if (type is not null) xml.WriteAttributeString("type", Instance, type); // vim25 is the default namespace here: no prefix
        content(this);
        xml.WriteEndElement();
    }
}
