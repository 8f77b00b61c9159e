using System.Globalization;
using System.Xml.Linq;

namespace Sealift.Providers.Ova;

/// <summary>An Item of a VirtualHardwareSection: one virtual device (CIM_ResourceAllocationSettingData).</summary>
internal sealed record OvfItem(
    string InstanceId,
    int ResourceType,
    string SubType,
    string ElementName,
    string? Parent,
    int? Address,
    int? AddressOnParent,
    IReadOnlyList<string> HostResources,
    XElement Element)
{
    // CIM_ResourceAllocationSettingData.ResourceType (DSP1041)
    public const int Other = 1, Processor = 3, Memory = 4, Ide = 5, Scsi = 6, Ethernet = 10, Floppy = 14, CdDrive = 15, DvdDrive = 16, Disk = 17,
        OtherStorage = 20, Serial = 21, Parallel = 22, Usb = 23, Graphics = 24, Sound = 35;

    private const int MaxItems = 1000;

    public string Line => Element.Line();

    /// <summary>All items that apply: those without a configuration, and those of the chosen one in place of theirs. Range markers are no devices.</summary>
    public static IReadOnlyList<OvfItem> ReadAll(XElement hardware, string source, string? configuration)
    {
        var elements = hardware.Elements()
            .Where(e => e.Name.LocalName is "Item" or "StorageItem" or "EthernetPortItem" && e.Name.Namespace == hardware.Name.Namespace && e.Ovf("bound") is null)
            .ToList();
        if (elements.Count > MaxItems) throw ProviderErrors.OvfField(source, hardware.Line(), "VirtualHardwareSection", $"it has {elements.Count} items, more than {MaxItems}", "No machine has so many devices: correct the descriptor");
        var items = new Dictionary<string, OvfItem>(StringComparer.Ordinal);
        var configured = new HashSet<string>(StringComparer.Ordinal);
        foreach (var e in elements)
        {
            var configurations = e.Ovf("configuration")?.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (configurations is not null && !configurations.Contains(configuration)) continue;
            var item = Read(e, source);
            if (items.ContainsKey(item.InstanceId) && (configurations is null) == !configured.Contains(item.InstanceId))
                throw ProviderErrors.OvfField(source, item.Line, "InstanceID", $"'{OvfDescriptor.Shorten(item.InstanceId)}' is there twice", "Export the machine again");
            if (configurations is not null) configured.Add(item.InstanceId);
            else if (configured.Contains(item.InstanceId)) continue;
            items[item.InstanceId] = item;
        }

        // Document order, which several decisions rest on; a dictionary keeps it only by accident.
        return [.. elements.Select(e => items.Values.FirstOrDefault(i => i.Element == e)).OfType<OvfItem>()];
    }

    private static OvfItem Read(XElement e, string source)
    {
        var type = e.Value("ResourceType") ?? string.Empty;
        if (!int.TryParse(type, NumberStyles.None, CultureInfo.InvariantCulture, out var resourceType)) throw ProviderErrors.OvfField(source, e.Line(), "ResourceType", $"'{OvfDescriptor.Shorten(type)}' is not a number", "Export the machine again");
        var id = e.Value("InstanceID") ?? e.Value("InstanceId");
        if (string.IsNullOrEmpty(id)) throw ProviderErrors.OvfField(source, e.Line(), "InstanceID", "it is missing", "Export the machine again");
        return new OvfItem(
            id,
            resourceType,
            e.Value("ResourceSubType") ?? string.Empty,
            e.Value("ElementName") ?? string.Empty,
            e.Value("Parent"),
            Small(e.Value("Address")),
            Small(e.Value("AddressOnParent")),
            [.. e.Elements().Where(c => c.Name.LocalName == "HostResource").Select(c => c.Value.Trim())],
            e);
    }

    private static int? Small(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= 0xFFFF ? value : null;
}
