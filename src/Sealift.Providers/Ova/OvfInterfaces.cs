using System.Xml.Linq;

namespace Sealift.Providers.Ova;

/// <summary>The network interfaces of a machine.</summary>
internal static class OvfInterfaces
{
    public static IReadOnlyList<NetworkInterface> Read(IReadOnlyList<OvfItem> items, XElement system, string source, List<string> concerns)
    {
        var nics = items.Where(i => i.ResourceType == OvfItem.Ethernet).ToList();
        var own = VirtualBoxAddresses(system);
        var found = new List<NetworkInterface>();
        for (var i = 0; i < nics.Count; i++)
        {
            var item = nics[i];
            var said = item.Element.Value("Address");
            // VirtualBox keeps addresses in its own section, by slot; they are taken only where the slots match the items one to one.
            if (string.IsNullOrEmpty(said) && own.Count == nics.Count) said = own[i];
            string? mac = null;
            if (!string.IsNullOrEmpty(said) && !MacAddress.TryNormalize(said, out mac))
                throw ProviderErrors.OvfField(source, item.Line, "Ethernet Address", $"'{OvfDescriptor.Shorten(said)}' is not a unicast MAC address", "Correct the descriptor, or remove the address to have a new one made");
            if (mac is not null && found.Any(n => n.MacAddress == mac)) concerns.Add($"Two of the source's interfaces have the MAC address {mac}; the new machine's will, too");
            var network = item.Element.Value("Connection") ?? string.Empty;
            found.Add(new NetworkInterface(Model(item, concerns), mac, OvfDescriptor.Shorten(network)));
        }

        return found;
    }

    private static NicModel Model(OvfItem item, List<string> concerns)
    {
        foreach (var word in item.SubType.ToUpperInvariant().Split([' ', ','], StringSplitOptions.RemoveEmptyEntries))
        {
            switch (word)
            {
                case "E1000": return NicModel.E1000;
                case "E1000E": return NicModel.E1000e;
                case "PCNET32" or "PCNET" or "VLANCE": return NicModel.Pcnet;
                case "VMXNET3": return NicModel.Vmxnet3;
                case "VIRTIO" or "VIRTIO-NET": return NicModel.Virtio;
            }
        }

        concerns.Add($"The source's interface '{OvfDescriptor.Shorten(item.ElementName)}' ({(item.SubType.Length == 0 ? "no model given" : OvfDescriptor.Shorten(item.SubType))}) is treated as e1000");
        return NicModel.E1000;
    }

    private static List<string?> VirtualBoxAddresses(XElement system) =>
    [
        .. system.Elements(OvfXml.VirtualBox + "Machine").Descendants()
            .Where(e => e.Name.LocalName == "Adapter" && OvfXml.IsTrue(e.Attribute("enabled")?.Value))
            .OrderBy(e => int.TryParse(e.Attribute("slot")?.Value, out var slot) ? slot : int.MaxValue)
            .Select(e => e.Attribute("MACAddress")?.Value),
    ];
}
