using System.Xml.Linq;

namespace Sealift.Providers;

/// <summary>A domain that is defined where a machine goes.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Uuid">Its UUID.</param>
/// <param name="IsActive">Whether it runs.</param>
/// <param name="MigrationId">The migration that defined it, by the mark in its metadata; null where none did.</param>
public sealed record TargetDomain(string Name, Guid Uuid, bool IsActive, string? MigrationId)
{
    /// <summary>The namespace of everything that Sealift writes into a domain's metadata.</summary>
    internal const string MetadataNamespace = "urn:sealift:source:1";

    /// <summary>The element that says which migration a domain is of.</summary>
    internal const string Mark = "migration";

    /// <summary>Reads what libvirt says of one.</summary>
    internal static TargetDomain Of(XElement xml, Guid uuid, bool isActive) => new(
        xml.Element("name")?.Value.Trim() ?? string.Empty,
        uuid,
        isActive,
        xml.Element("metadata")?.Element(XName.Get(Mark, MetadataNamespace))?.Attribute("id")?.Value);
}
