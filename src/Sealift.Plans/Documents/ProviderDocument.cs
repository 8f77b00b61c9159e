using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>Where machines come from, or go to.</summary>
public sealed record ProviderDocument : Document
{
    /// <inheritdoc/>
    public override string Kind => DocumentKind.Provider;

    /// <summary>What it is.</summary>
    [JsonPropertyOrder(2)]
    public required ProviderSpec Spec { get; init; }
}

/// <summary>What a provider is and how it is reached. Secrets are never in a document: those of vSphere are with its registered server.</summary>
public sealed record ProviderSpec
{
    /// <summary>What kind of provider.</summary>
    public required ProviderType Type { get; init; }

    /// <summary>
    /// By <see cref="Type"/>: <c>vsphere</c>: the name of a server registered by <c>sealift provider add vsphere</c>; <c>libvirt</c>:
    /// <c>qemu:///system</c> or <c>qemu+ssh://USER@HOST/system</c>; <c>ova</c>, <c>image</c> (sources) and <c>directory</c> (a target):
    /// the absolute path of a directory.
    /// </summary>
    public required string Url { get; init; }
}

/// <summary>The kinds of providers.</summary>
public enum ProviderType
{
    /// <summary>A vCenter or an ESXi host: a source.</summary>
    Vsphere,

    /// <summary>libvirt, here or over SSH: a source or a target.</summary>
    Libvirt,

    /// <summary>A directory with OVA and OVF packages: a source.</summary>
    Ova,

    /// <summary>A directory with disk images: a source. A machine is named by the images of its disks in order, as <c>a.vmdk,b.vmdk</c>.</summary>
    Image,

    /// <summary>A directory that receives machines: a target.</summary>
    Directory,
}
