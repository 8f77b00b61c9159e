using Sealift.Plans.Documents;

namespace Sealift.Server.Pages;

/// <summary>What the kinds of providers are, for people.</summary>
internal static class ProviderWords
{
    /// <summary>A kind.</summary>
    public static string Of(ProviderType type) => type switch
    {
        ProviderType.Vsphere => "vCenter or ESXi (source)",
        ProviderType.Libvirt => "libvirt (source or target)",
        ProviderType.Ova => "directory of OVA packages (source)",
        ProviderType.Image => "directory of disk images (source)",
        _ => "directory (target)",
    };
}
